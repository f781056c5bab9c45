import assert from "node:assert/strict";
import { test } from "node:test";
import {
  finiteOrNull,
  textAt,
  toRows,
  unpackNumbers,
} from "../../../src/isorep/explorer/js/packing.js";

// The packed values are those of the examples in packing.py.
test("numbers and texts are unpacked", () => {
  assert.deepEqual(unpackNumbers({ f32: "AACAPwAAAEA=" }), [1, 2]);
  const [quarter, minusOne, zero] = unpackNumbers({ i16: "/x8BgAAA", unit: 1 / 32767 });
  assert.ok(Math.abs(quarter - 0.25) < 1e-4);
  assert.deepEqual([minusOne, zero], [-1, 0]);
  assert.equal(textAt({ texts: ["", "few samples"], codes: [0, 1, 1, 0] }, 2), "few samples");
});

test("flat values become rows, and gaps where they are not finite", () => {
  assert.deepEqual(toRows([1, 2, 3, 4, 5, 6], 3), [
    [1, 2, 3],
    [4, 5, 6],
  ]);
  assert.deepEqual(toRows([], 0), []);
  assert.deepEqual(finiteOrNull([1, NaN, Infinity]), [1, null, null]);
});
