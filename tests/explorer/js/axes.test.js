import assert from "node:assert/strict";
import { test } from "node:test";
import { initials, shortNames, ticks } from "../../../src/isorep/explorer/js/axes.js";
import { cellAfterKey } from "../../../src/isorep/explorer/js/cursor.js";
import { namePositions } from "../../../src/isorep/explorer/js/network_map.js";
import { viridis } from "../../../src/isorep/explorer/js/style.js";

test("the first parts of a name become initials, numbers stay", () => {
  assert.equal(initials("encoder.layer.3.output", 18), "e.layer.3.output");
  assert.equal(initials("encoder.layer.3.output", 9), "e.l.3.ou…");
  assert.equal(initials("conv", 2), "conv");
});

test("shortened names still differ", () => {
  const names = ["model.layer1.conv", "model.layer2.conv"];
  assert.deepEqual(shortNames(names, 30), names);
  assert.deepEqual(shortNames(names, 12), ["…layer1.conv", "…layer2.conv"]);
  assert.deepEqual(shortNames(names, 9), ["…layer1…", "…layer2…"]);
});

test("an axis names at most so many items", () => {
  const names = Array.from({ length: 10 }, (_, i) => `layer ${i}`);
  assert.deepEqual(ticks(names, 4), {
    tickmode: "array",
    tickvals: [0, 3, 6, 9],
    ticktext: ["layer 0", "layer 3", "layer 6", "layer 9"],
  });
});

test("keys move the cursor within the cells", () => {
  const size = [2, 3];
  assert.deepEqual(cellAfterKey("ArrowUp", [0, 0], size), [0, 0]);
  assert.deepEqual(cellAfterKey("ArrowUp", [0, 0], size, true), [1, 0]);
  assert.deepEqual(cellAfterKey("End", [1, 0], size), [1, 2]);
  assert.deepEqual(cellAfterKey("ArrowRight", [1, 2], size), [1, 2]);
  assert.equal(cellAfterKey("a", [0, 0], size), undefined);
});

test("at most two of several close points show their name", () => {
  const points = [
    [0, 0],
    [0.01, 0],
    [0, 0.01],
    [1, 1],
  ];
  const positions = ["top center", "bottom center", undefined, "top center"];
  assert.deepEqual(namePositions(points), positions);
});

test("the colour scale runs from dark to light", () => {
  assert.equal(viridis(0), "rgb(68,1,84)");
  assert.equal(viridis(0.5), "rgb(33,145,140)");
  assert.equal(viridis(1), "rgb(253,231,37)");
});
