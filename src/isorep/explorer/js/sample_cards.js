/* Sample cards: the samples of an explanation, with their images or texts. */

import { element, nameElement } from "./elements.js";
import { unpackNumbers } from "./packing.js";
import { formatNumber, signedNumber, visible, visibleLines } from "./text.js";

/** Characters of a text that a card shows; the rest is in its title. */
const MAX_TEXT = 280;
/** Tokens of a text that a card shows. */
const MAX_TOKENS = 60;
/** Tokens of a text whose tokens are coloured. */
const MAX_COLOURED = 300;

/** A text as lines, with tabs as spaces; it keeps its own direction of writing. */
const textElement = (text) => {
  const lines = visibleLines(text.replaceAll("\t", "  "));
  const isLong = lines.length > MAX_TEXT;
  const attributes = { class: "text", dir: "auto", ...(isLong ? { title: lines } : {}) };
  return element("p", attributes, isLong ? `${lines.slice(0, MAX_TEXT)}…` : lines);
};

/** What a sample is: its image or text, or null if the page has none. */
const picture = (samples, record) => {
  const item = samples?.items[record.sample];
  if (item === undefined) return null;
  if (samples.kind === "images") {
    const attributes = { src: item, alt: `sample ${visible(record.name)}` };
    return element("img", { ...attributes, class: samples.is_whole ? "whole" : "" });
  }
  if (samples.kind === "texts") return textElement(item);
  return tokenLine(item, record.position);
};

/** Tokens in a line, of a long text those around the one at `marked`, which is outlined. */
const tokenLine = (allTokens, marked = 0) => {
  const start = Math.max(0, Math.min(marked - MAX_TOKENS / 2, allTokens.length - MAX_TOKENS));
  const tokens = allTokens.slice(start, start + MAX_TOKENS);
  const spans = tokens.flatMap((token, position) => [
    element(
      "span",
      { class: start + position === Number(marked) ? "token here" : "token" },
      visible(token),
    ),
    " ",
  ]);
  const isCut = tokens.length < allTokens.length;
  return element(
    "p",
    { class: "text", dir: "auto" },
    ...(isCut && start ? ["… "] : []),
    ...spans,
    ...(isCut && start + MAX_TOKENS < allTokens.length ? ["…"] : []),
  );
};

/** The id of a sample; a bare number becomes "sample 7". */
const idOf = (name) => [...(/^\d+$/.test(name) ? ["sample "] : []), nameElement(name)];

const nameOf = (record) => {
  const parts = idOf(record.name);
  if (record.token !== undefined) parts.push(" ", nameElement(`“${record.token}”`));
  if (record.position !== undefined) parts.push(` at position ${record.position}`);
  if (record.label !== undefined) parts.push(", label ", element("bdi", {}, visible(record.label)));
  return element("p", { class: "who" }, ...parts);
};

const numbersOf = ({ contribution, change, misfit, neighbours_kept: kept }) => {
  const lines = [`contribution ${signedNumber(contribution)}`, `change ${formatNumber(change, 2)}`];
  if (misfit !== null) lines.push(`misfit ${formatNumber(misfit, 1)}`);
  lines.push(`${formatNumber(100 * kept, 0)} % of neighbours kept`);
  return element("p", { class: "numbers" }, ...lines.map((line) => element("span", {}, line)));
};

/** A list of samples; `withNumbers` adds their contribution, misfit and neighbours. */
export const cardList = (samples, records, withNumbers = true) => {
  const kind = samples ? samples.kind : "names";
  const cards = records.map((record) =>
    element(
      "li",
      record.stands_out && withNumbers ? { class: "outlying" } : {},
      ...[picture(samples, record), nameOf(record)].filter(Boolean),
      ...(withNumbers ? [numbersOf(record)] : []),
    ),
  );
  return element("ul", { class: `cards ${kind}` }, ...cards);
};

/** Background of a token: orange lowers the similarity, blue raises it. */
const tint = (fraction) => {
  const [r, g, b] = fraction > 0 ? [213, 94, 0] : [0, 114, 178];
  return `rgba(${r},${g},${b},${(0.6 * Math.abs(fraction)).toFixed(3)})`;
};

/** Texts whose tokens are coloured by their contribution, if tokens are known. */
export const tokenTexts = (samples, texts) => {
  const unpacked = texts.map((text) => ({
    ...text,
    contributions: unpackNumbers(text.contributions),
    words: samples?.kind === "tokens" ? samples.items[text.sample] : undefined,
  }));
  const known = unpacked.filter(({ words, tokens }) => words || tokens);
  const largest = Math.max(1e-30, ...known.flatMap((text) => text.contributions.map(Math.abs)));
  const items = known.map(({ name, words, tokens, positions, contribution, contributions }) => {
    const tokenOf = (position, i) => words?.[position] ?? tokens?.[i] ?? "";
    const indexOf = new Map(positions.map((position, i) => [position, i]));
    // All tokens if they are known, otherwise those that are rows of the layer.
    const shown = words ? words.slice(0, MAX_COLOURED).map((_, position) => position) : positions;
    const marks = shown.flatMap((position) => {
      const i = indexOf.get(position);
      const token = visible(tokenOf(position, i));
      if (i === undefined) return [element("span", { class: "token" }, token), " "];
      const value = signedNumber(contributions[i]);
      const attributes = {
        class: "token",
        style: `background:${tint(contributions[i] / largest)}`,
        title: `position ${position}: contribution ${value}`,
      };
      return [element("span", attributes, token), " "];
    });
    return element(
      "li",
      {},
      element("p", { class: "who" }, ...idOf(name)),
      element("p", { class: "text", dir: "auto" }, ...marks),
      element(
        "p",
        { class: "numbers" },
        `contribution of all its rows ${signedNumber(contribution)}`,
      ),
    );
  });
  return items.length ? element("ul", { class: "cards texts" }, ...items) : null;
};
