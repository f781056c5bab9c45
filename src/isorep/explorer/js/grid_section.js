/* Grid section: shows a table of isorep.compare or isorep.diff. */

import { cellPanel } from "./cell_panel.js";
import { controls, dropdown, element, nameElement, setOptions } from "./elements.js";
import { nameOf, quantitiesOf, unpackGrid } from "./grid.js";
import { addHeatmap } from "./heatmap.js";
import { addLayerPlot } from "./layer_plot.js";
import { count, visible } from "./text.js";

/** What a diff says: the layers of each mark, and its notes. */
const notesList = (grid) => {
  const layersOf = new Map();
  for (const cell of grid.cells) {
    const mark = grid.mark(cell);
    if (mark) layersOf.set(mark, [...(layersOf.get(mark) ?? []), grid.xLayers[cell[0]]]);
  }
  const marked = [...layersOf].map(([mark, layers]) => {
    const names = layers.flatMap((layer, i) => [i ? ", " : "", nameElement(layer)]);
    return element("li", {}, `${visible(mark)}: `, ...names);
  });
  const notes = grid.notes.map((note) => element("li", {}, visible(note)));
  return element("ul", { class: "notes" }, ...marked, ...notes);
};

/** What changed in the most changed layers of a diff, a paragraph each. */
const explanationList = (grid) =>
  element(
    "div",
    { class: "explanations" },
    ...grid.explanations.map((text) => element("p", {}, visible(text))),
  );

export const gridSection = (section, fileName) => {
  const grid = unpackGrid(section);
  const { xLayers, yLayers, measures, isDiagonal } = grid;
  const hasCorrection = isDiagonal && measures[0].corrected;
  const state = {
    measure: measures[0],
    quantity: hasCorrection ? "corrected" : "similarity",
    cell: null,
  };

  const select = (i, j) => {
    state.cell = [i, j];
    figure.cursor = [i, j];
    xDropdown.select.value = i;
    yDropdown.select.value = j;
    panel.show(i, j);
    figure.drawShapes();
  };
  const addGridFigure = isDiagonal ? addLayerPlot : addHeatmap;
  const figure = addGridFigure(grid, state, fileName, select);
  const panel = cellPanel(grid, fileName);

  const quantityDropdown = dropdown("Show", [], (i) => {
    state.quantity = quantitiesOf(state.measure)[i];
    figure.update();
  });
  const offerQuantities = () => {
    const quantities = quantitiesOf(state.measure);
    if (!quantities.includes(state.quantity)) state.quantity = "similarity";
    setOptions(quantityDropdown.select, quantities.map(nameOf));
    quantityDropdown.select.value = quantities.indexOf(state.quantity);
  };
  const measureNames = measures.map(({ title }) => title);
  const measureDropdown = dropdown("Measure", measureNames, (i) => {
    state.measure = measures[i];
    offerQuantities();
    figure.update();
  });
  const xDropdown = dropdown(isDiagonal ? "Layer" : "Layer of x", xLayers, (i) =>
    select(i, isDiagonal ? i : state.cell[1]),
  );
  const yDropdown = dropdown("Layer of y", yLayers, (j) => select(state.cell[0], j));
  offerQuantities();

  const layerDropdowns = isDiagonal ? [xDropdown] : [xDropdown, yDropdown];
  const layers = count(xLayers.length, "layer");
  return {
    title: "Layers",
    summary: isDiagonal
      ? `${layers}, each of ${section.x_name} with its counterpart of ${section.y_name}.`
      : `${layers} of ${section.x_name} (rows) and ${yLayers.length} of ${section.y_name} (columns), in the order of the table.`,
    parts: [
      ...(isDiagonal ? [notesList(grid), explanationList(grid)] : []),
      controls(measureDropdown, quantityDropdown, ...layerDropdowns),
      element("div", { class: "columns" }, figure.box, panel.box),
    ],
    start: () => {
      state.cell = grid.firstCell(state.measure);
      figure.update();
      figure.listen();
      select(...state.cell);
    },
  };
};
