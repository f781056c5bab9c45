/* Packing: reads the arrays and texts that packing.py wrote into the page. */

const decode = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;

/** The numbers of a packed array in row-major order, including NaN and infinity. */
export const unpackNumbers = (packed) =>
  packed.f32 !== undefined
    ? Array.from(new Float32Array(decode(packed.f32)))
    : Array.from(new Int16Array(decode(packed.i16)), (value) => value * packed.unit);

/** Text number `index` of packed texts. */
export const textAt = (packed, index) => packed.texts[packed.codes[index]];

/** Split a flat array into rows of `width` values. */
export const toRows = (values, width) =>
  Array.from({ length: width ? values.length / width : 0 }, (_, i) =>
    values.slice(i * width, (i + 1) * width),
  );

/** Values for a figure: Plotly leaves a gap where a value is null. */
export const finiteOrNull = (values) =>
  values.map((value) => (Number.isFinite(value) ? value : null));
