/* Text: names, numbers and CSV as the page and its downloads show them. */

/** Distances below this value are rounding errors. */
export const ROUNDING = 1e-6;

// Control characters, invisible characters and characters that change the writing direction.
const INVISIBLE = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/** A text in which invisible characters are replaced by their code, such as \u200b. */
export const visible = (text) =>
  String(text).replace(
    INVISIBLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** A text of several lines, in which other invisible characters are replaced by their code. */
export const visibleLines = (text) => text.split("\n").map(visible).join("\n");

/** A text of at most `maxLength` characters, cut in the middle. */
export const shorten = (text, maxLength) => {
  const characters = Array.from(text);
  if (characters.length <= maxLength) return text;
  const end = Math.floor((maxLength - 1) / 2);
  return `${characters.slice(0, maxLength - 1 - end).join("")}…${characters.slice(-end).join("")}`;
};

/** A name for use in a figure: escaped, because Plotly interprets some HTML and LaTeX. */
export const plotlyText = (name, maxLength = 200) => {
  const escaped = shorten(visible(name), maxLength)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/\$/g, "&#36;"); // $...$ is a formula
  // Directional isolates keep the text around a right-to-left name in order.
  return RIGHT_TO_LEFT.test(escaped) ? `\u2068${escaped}\u2069` : escaped;
};

export const formatNumber = (value, digits = 3) => {
  if (value === null || value === undefined || Number.isNaN(value)) return "unknown";
  if (!Number.isFinite(value)) return value > 0 ? "infinite" : "-infinite";
  const size = Math.abs(value);
  if (size >= 1000) return value.toPrecision(4);
  return size > ROUNDING && size < 0.5 * 10 ** -digits
    ? value.toPrecision(2)
    : value.toFixed(digits);
};

/** A small number with its sign and two digits. */
export const signedNumber = (value) =>
  `${value > 0 ? "+" : ""}${value.toPrecision(2)}`.replace(/^-/, "\u2212");

/** The first `most` names, followed by how many more there are. */
export const listNames = (names, most) =>
  names.length > most ? [...names.slice(0, most), `and ${names.length - most} more`] : names;

/** A number of things, such as "1 layer" or "3 layers". */
export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** A quantity with its units and the value that means "same". */
export const describeQuantity = (quantity, units) => {
  if (!quantity.endsWith("distance")) return `${quantity} (1 = same)`;
  return units === "1" ? `${quantity} (0 = same)` : `${quantity} (${units}, 0 = same)`;
};

/** A measure's name, with its direction if it is not symmetric: "y predicted from x". */
export const describeMeasure = ({ title, direction }) =>
  direction ? `${title} (${direction})` : title;

const csvField = (value) => {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
};

/** Rows of values as CSV; missing values and NaN are empty fields. */
export const csvText = (rows) => `${rows.map((row) => row.map(csvField).join(",")).join("\n")}\n`;

/** The shortest decimal number that reads back as the same float32. */
export const csvNumber = (value) => {
  if (Number.isFinite(value)) return String(Number(value.toPrecision(8)));
  return Number.isNaN(value) ? "" : value;
};
