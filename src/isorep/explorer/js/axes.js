/* Axes: titles, and tick names short enough to fit beside each other. */

import { AXIS, isNarrow } from "./style.js";
import { plotlyText, visible } from "./text.js";

/** Up to this many items, a heatmap names every row and separates its cells. */
export const MAX_TICKS = 40;

const TICK_PIXELS = 17;
const WORD = /^[A-Za-z_]\w*$/;

const lengthOf = (name) => Array.from(visible(name)).length;

/** Number of characters that all names share at their start, up to the end of a part. */
const sharedLength = (names) => {
  let prefix = names.length > 1 ? names[0] : "";
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  return prefix.replace(/[^./_:\- ]*$/, "").length;
};

const reverse = (text) => Array.from(text).reverse().join("");

/** Shorten the parts of a dotted name to initials, the first part first, until the name fits. */
export const initials = (name, maxLength) => {
  const parts = name.split(/([./])/);
  for (let i = 0; i < parts.length - 1 && parts.join("").length > maxLength; i += 2) {
    if (WORD.test(parts[i])) parts[i] = parts[i][0];
  }
  const last = parts.pop();
  const room = maxLength - parts.join("").length;
  // Cut the last part at its end, so that the initials before it stay.
  const isCut = WORD.test(last) && room > 2 && last.length > room && parts.length > 0;
  return parts.join("") + (isCut ? `${last.slice(0, room - 1)}…` : last);
};

const dropStart = (texts) => {
  const start = sharedLength(texts);
  return start > 3 ? texts.map((text) => `…${text.slice(start)}`) : texts;
};

/**
 * Shorten names to at most `maxLength` characters so that they still differ. As long as a name is
 * too long: drop the start that all names share, then the end, then use initials, then cut the
 * name in the middle.
 */
export const shortNames = (names, maxLength) => {
  const fit = (texts) => texts.every((text) => Array.from(text).length <= maxLength);
  let texts = names.map(visible);
  if (!fit(texts)) texts = dropStart(texts);
  if (!fit(texts)) texts = dropStart(texts.map(reverse)).map(reverse);
  return texts.map((text) => plotlyText(initials(text, maxLength), maxLength));
};

/** Ticks of an axis on which item i is at position i; at most `maxTicks` items are named. */
export const ticks = (names, maxTicks = MAX_TICKS, maxLength = 18) => {
  const step = Math.ceil(names.length / maxTicks);
  const texts = shortNames(names, maxLength);
  const positions = names.map((_, i) => i).filter((i) => i % step === 0);
  return { tickmode: "array", tickvals: positions, ticktext: positions.map((i) => texts[i]) };
};

/** Maximum length of a tick name, in characters, in a figure of this width. */
export const tickLength = (width) => (isNarrow(width) ? 9 : 18);

/** Length of the longest name, in characters, once cut to `maxLength`. */
export const longestLength = (names, maxLength) =>
  Math.max(...names.map((name) => Math.min(lengthOf(name), maxLength)));

/** Number of names that fit below each other along this many pixels. */
export const fittingTicks = (pixels) => Math.max(2, Math.floor(pixels / TICK_PIXELS));

/** Break a long axis title of a narrow figure into two lines. */
export const wrapTitle = (title, width) => (isNarrow(width) ? title.replace(" (", "<br>(") : title);

export const axis = (title, options = {}) => ({
  ...AXIS,
  title: { text: title, standoff: 8 },
  ...options,
});

/** An axis with a layer at each integer; names are horizontal if they fit. */
export const layerAxis = (layers, width, options) => {
  const maxLength = tickLength(width);
  const room = width - 130;
  const totalLength = layers.reduce(
    (total, name) => total + 2 + Math.min(lengthOf(name), maxLength),
    0,
  );
  return axis("layer", {
    ...ticks(layers, fittingTicks(room), maxLength),
    tickangle: totalLength * 8 < room ? 0 : -45,
    ...options,
  });
};
