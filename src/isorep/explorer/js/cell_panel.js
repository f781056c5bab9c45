/* Cell panel: numbers, warnings and figures of the selected cell of a grid. */

import { addCellFigures } from "./cell_figures.js";
import { element, nameElement, warning } from "./elements.js";
import { explanationPanel } from "./explanation_panel.js";
import { count, visible, visibleLines } from "./text.js";

const code = (text) => element("code", {}, text);

/** A table of the facts of a cell, with a column for each measure. */
const factRows = (measures, factsByMeasure) => {
  const header = element("tr", {}, element("td", {}));
  for (const { title } of measures) header.append(element("th", { scope: "col" }, title));
  const longest = factsByMeasure.reduce(
    (best, facts) => (facts.length > best.length ? facts : best),
    [],
  );
  const rows = longest.map(([name], row) => {
    const values = factsByMeasure.map((facts) => facts[row]?.[1] ?? "not computed");
    const fields = values.map((value) => element("td", {}, value));
    return element("tr", {}, element("th", { scope: "row" }, name), ...fields);
  });
  return [element("thead", {}, header), ...rows];
};

export const cellPanel = (grid, fileName) => {
  const heading = element("h3", { class: "pair" });
  const table = element("table", { class: "facts" });
  const notes = element("div", { class: "notes" });
  const figureBox = element("div", { class: "figures" });
  const attributes = { class: "detail", "aria-label": "Details of the selected cell" };
  const explanation = grid.explained
    ? explanationPanel(grid.explained, grid.samples, fileName)
    : null;
  const parts = [heading, table, notes, ...(explanation ? [explanation.box] : []), figureBox];
  const box = element("section", attributes, ...parts);
  const figures = grid.details ? addCellFigures(grid.details, fileName, figureBox) : null;

  const headingOf = (i, j) => {
    const [x, y] = [nameElement(grid.xLayers[i]), nameElement(grid.yLayers[j])];
    return grid.isDiagonal ? [x, ", before (x) and after (y)"] : ["x: ", x, " and y: ", y];
  };

  /** How to get the explanation of a cell that has none on this page. */
  const explanationNote = (i, j) => {
    const [x, y] = [grid.xLayers[i], grid.yLayers[j]].map((name) => visible(JSON.stringify(name)));
    const pair = `explain=[(${x}, ${y})]`;
    return [
      "To see which directions, samples and neurons of these layers differ, write this page with ",
      code(`isorep.report(table, path, a=..., b=..., ${pair})`),
      ", or call ",
      code(`isorep.explain(a, b, "${grid.measures[0].name}", x_layer=${x}, y_layer=${y})`),
      ".",
    ];
  };

  const missingNote = (hasFigures, reason) => {
    if (!grid.details) {
      return [
        "To see the canonical correlations, projection weights and variates of each cell, ",
        "write this page with the representations: ",
        code("isorep.report(table, path, a=..., b=...)"),
        " or ",
        code("isorep report --a FILE --b FILE"),
        ".",
      ];
    }
    if (hasFigures || reason) return [];
    return [
      "The page has no room for the figures of this cell; cells of more similar layers come ",
      "first. For the figures of all cells, write a page with fewer layers, for example with ",
      code("table.sel(x_layer=[...])"),
      ".",
    ];
  };

  const show = (i, j) => {
    const cell = [i, j];
    const [reason, warningText] = [grid.reason(cell), grid.warning(cell)];
    heading.replaceChildren(...headingOf(i, j));
    const factsByMeasure = grid.measures.map((measure) => grid.facts(cell, measure));
    table.replaceChildren(...factRows(grid.measures, factsByMeasure));

    const samples = count(grid.samplesOf(cell), "sample");
    const size = `${samples}; rank ${grid.xRank[i]} (x) and ${grid.yRank[j]} (y).`;
    notes.replaceChildren(element("p", {}, size));
    if (grid.mark(cell)) notes.append(warning(visible(grid.mark(cell))));
    if (reason) notes.append(warning(`Not computed: ${visible(reason)}`));
    if (warningText) notes.append(warning(`Warning: ${visibleLines(warningText)}`));

    const hasFigures = figures?.show(i, j) ?? false;
    figureBox.hidden = !hasFigures;
    const missing = missingNote(hasFigures, reason);
    if (missing.length) notes.append(element("p", { class: "missing" }, ...missing));
    if (!explanation?.show(i, j, warningText) && !reason) {
      notes.append(element("p", { class: "missing" }, ...explanationNote(i, j)));
    }
  };
  return { box, show };
};
