/* Group tests: tables of the exact tests of groups of networks. */

import { element, nameElement, warning } from "./elements.js";
import { toRows, unpackNumbers } from "./packing.js";
import { formatNumber, visible } from "./text.js";

const CAPTION =
  "p-values relabel whole networks, and are adjusted for the number of layers and pairs " +
  "(Benjamini and Hochberg). Separation: mean distance between groups minus mean distance within " +
  "groups. R²: share of the squared distances between groups (PERMANOVA). Difference in spread: " +
  "mean distance within the first group minus that within the second.";

const table = (header, rows) =>
  element(
    "table",
    { class: "facts" },
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("td", {}),
        ...header.map((text) => element("th", { scope: "col" }, text)),
      ),
    ),
    ...rows,
  );

const row = (name, values) =>
  element(
    "tr",
    {},
    element("th", { scope: "row" }, ...name),
    ...values.map((value) => element("td", {}, Number.isNaN(value) ? "" : formatNumber(value))),
  );

const layerTable = (tests, layers) => {
  const numbers = (name) => unpackNumbers(tests[name]);
  const columns = ["separation", "separation_p_adjusted", "r_squared", "pseudo_f_p_adjusted"];
  const values = columns.map(numbers);
  return table(
    ["separation", "p", "R²", "p"],
    layers.map((layer, i) =>
      tests.reasons[i]
        ? element(
            "tr",
            {},
            element("th", { scope: "row" }, nameElement(layer)),
            element("td", { colspan: 4 }, visible(tests.reasons[i])),
          )
        : row(
            [nameElement(layer)],
            values.map((column) => column[i]),
          ),
    ),
  );
};

const pairTable = (tests, layer) => {
  const { groups } = tests;
  const matrix = (name) =>
    toRows(toRows(unpackNumbers(tests[name]), groups.length ** 2)[layer], groups.length);
  const columns = [
    "pair_separation",
    "pair_separation_p_adjusted",
    "spread_difference",
    "spread_difference_p_adjusted",
  ].map(matrix);
  const pairs = groups.flatMap((_, i) => groups.slice(i + 1).map((_, j) => [i, i + 1 + j]));
  return table(
    ["separation", "p", "difference in spread", "p"],
    pairs.map(([i, j]) =>
      row(
        [nameElement(groups[i]), " and ", nameElement(groups[j])],
        columns.map((column) => column[i][j]),
      ),
    ),
  );
};

/** The tests of the selected measure at all layers, and of each pair of groups at one layer. */
export const addGroupTests = (layers, state) => {
  const box = element("div", {});
  const update = () => {
    const { tests } = state.measure;
    const heading = element("h3", {}, "Do the groups differ?");
    if (tests.reason) {
      box.replaceChildren(
        heading,
        element("p", { class: "caption" }, `No test: ${visible(tests.reason)}`),
      );
      return;
    }
    box.replaceChildren(
      heading,
      element("p", { class: "caption" }, CAPTION),
      layerTable(tests, layers),
      element("p", { class: "caption" }, "Pairs of groups at ", nameElement(layers[state.layer])),
      pairTable(tests, state.layer),
      ...tests.warnings.map((text) => warning(visible(text))),
    );
  };
  return { box, update };
};
