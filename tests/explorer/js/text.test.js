import assert from "node:assert/strict";
import { test } from "node:test";
import {
  count,
  csvNumber,
  csvText,
  describeMeasure,
  describeQuantity,
  formatNumber,
  listNames,
  plotlyText,
  shorten,
  signedNumber,
  visible,
  visibleLines,
} from "../../../src/isorep/explorer/js/text.js";

test("each line of a warning stays a line", () => {
  assert.equal(visibleLines("a [x]\nb\u202e [y]"), "a [x]\nb\\u202e [y]");
});

test("invisible characters are shown as their code", () => {
  assert.equal(visible("a\u202eb\u0000c"), "a\\u202eb\\u0000c");
  assert.equal(visible("שכבה é 😀"), "שכבה é 😀");
});

test("long texts are cut in the middle", () => {
  assert.equal(shorten("abcdefghij", 10), "abcdefghij");
  assert.equal(shorten("abcdefghij", 7), "abc…hij");
  assert.equal(Array.from(shorten("😀".repeat(9), 5)).length, 5);
});

test("figures get no markup", () => {
  assert.equal(plotlyText("<b>&$x$</b>"), "&lt;b&gt;&amp;&#36;x&#36;&lt;/b&gt;");
  assert.equal(plotlyText("שכבה"), "\u2068שכבה\u2069");
});

test("numbers have three digits, or two significant ones if they are small", () => {
  const texts = [0.12345, 1234.5, 0.00012, 1e-9, -0.5, Infinity, -Infinity, NaN, null];
  assert.deepEqual(
    texts.map((value) => formatNumber(value)),
    ["0.123", "1235", "0.00012", "0.000", "-0.500", "infinite", "-infinite", "unknown", "unknown"],
  );
  assert.equal(formatNumber(3, 0), "3");
});

test("quantities say which value means same", () => {
  assert.equal(describeQuantity("similarity", "radians"), "similarity (1 = same)");
  assert.equal(describeQuantity("distance", "1"), "distance (0 = same)");
  assert.equal(describeQuantity("x distance", "radians"), "x distance (radians, 0 = same)");
});

test("asymmetric measures say their direction", () => {
  assert.equal(describeMeasure({ title: "CKA", direction: "" }), "CKA");
  assert.equal(
    describeMeasure({ title: "PWCCA", direction: "weights of x" }),
    "PWCCA (weights of x)",
  );
});

test("counts have a plural", () => {
  assert.deepEqual([count(1, "layer"), count(2, "layer")], ["1 layer", "2 layers"]);
});

test("CSV fields are quoted if necessary and read back as the same float32", () => {
  assert.equal(
    csvText([
      ["a,b", 'c"d'],
      [NaN, 0.5],
    ]),
    '"a,b","c""d"\n,0.5\n',
  );
  for (const value of [0.1, 1 / 3, 1e-30, 16777215]) {
    assert.equal(Math.fround(Number(csvNumber(Math.fround(value)))), Math.fround(value));
  }
});

test("small numbers keep two digits and their sign", () => {
  assert.deepEqual([0.00123, -0.5, 0, 1.23e-9].map(signedNumber), [
    "+0.0012",
    "\u22120.50",
    "0.0",
    "+1.2e-9",
  ]);
});

test("long lists of names say how many more there are", () => {
  assert.deepEqual(listNames(["a", "b", "c"], 3), ["a", "b", "c"]);
  assert.deepEqual(listNames(["a", "b", "c"], 1), ["a", "and 2 more"]);
});
