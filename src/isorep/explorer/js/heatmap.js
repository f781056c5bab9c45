/* Heatmap: the figure of all layer pairs of a grid. */

import { axis, fittingTicks, longestLength, MAX_TICKS, tickLength, ticks } from "./axes.js";
import { addCursor } from "./cursor.js";
import { hint, nameElement } from "./elements.js";
import { addFigure } from "./figure.js";
import { describeShown, describeValue, nameOf, rangeOf } from "./grid.js";
import { finiteOrNull, toRows } from "./packing.js";
import { isNarrow, SEQUENTIAL } from "./style.js";
import { describeMeasure, plotlyText } from "./text.js";

/** Up to this many rows, each cell shows its number. */
const MAX_NUMBERED = 12;
/** Beyond this many cells, hatching is coarser. */
const MAX_HATCHED = 1600;

const slash = (i, j) => `M${j - 0.5},${i - 0.5}L${j + 0.5},${i + 0.5}`;
const hatch = (i, j) =>
  `M${j - 0.5},${i}L${j},${i + 0.5}${slash(i, j)}M${j},${i - 0.5}L${j + 0.5},${i}`;
const cross = (i, j) =>
  `M${j - 0.3},${i - 0.3}L${j + 0.3},${i + 0.3}M${j - 0.3},${i + 0.3}L${j + 0.3},${i - 0.3}`;

/** Lines over many cells as one shape, which Plotly draws faster than a shape for each cell. */
const pathOver = (cells, lines, color, width) => ({
  type: "path",
  path: cells.map(([i, j]) => lines(i, j)).join(""),
  xref: "x",
  yref: "y",
  layer: "above",
  fillcolor: "rgba(0,0,0,0)",
  line: { color, width },
});

/** Crosses over missing cells and hatching over cells that are not above chance. */
const cellMarks = (grid, measure) => {
  const [missing, chance] = [grid.missingCells(measure), grid.chanceCells(measure)];
  const shapes = [];
  if (missing.length) shapes.push(pathOver(missing, cross, "#777", 1.2));
  if (chance.length) {
    const lines = grid.cells.length > MAX_HATCHED ? slash : hatch;
    // A light line on a dark line is visible on every colour.
    shapes.push(pathOver(chance, lines, "rgba(0,0,0,0.55)", 2));
    shapes.push(pathOver(chance, lines, "rgba(255,255,255,0.9)", 0.9));
  }
  return { missing, chance, shapes };
};

/** Rings in the corner of the cells that have an explanation. */
const rings = (cells) => ({
  type: "scatter",
  mode: "markers",
  x: cells.map(([, j]) => j + 0.36),
  y: cells.map(([i]) => i + 0.36),
  // A light ring around a dark ring is visible on every colour.
  marker: { size: 7, color: "#fff", line: { width: 2, color: "#222" } },
  hoverinfo: "skip",
  cliponaxis: false,
});

/** Side of a square heatmap, in pixels, in a figure of this width. */
export const heatmapSide = (width) =>
  Math.min(Math.max(width - (isNarrow(width) ? 110 : 150), 180), 560);

export const addHeatmap = (grid, state, fileName, select) => {
  const { xLayers, yLayers } = grid;
  const marksByMeasure = new Map(grid.measures.map((m) => [m, cellMarks(grid, m)]));
  const marks = () => marksByMeasure.get(state.measure);

  const caption = () => {
    const { description, p_adjusted: pValues } = state.measure;
    const { chance, missing } = marks();
    const parts = [
      `${describeMeasure(state.measure)}: ${description}. `,
      `Colour shows the ${describeShown(state)}; light means similar. `,
    ];
    if (chance.length) {
      parts.push(`Hatched cells are not above chance (adjusted p > ${grid.maxChanceP}). `);
    } else if (pValues) parts.push("All cells are above chance. ");
    if (missing.length) parts.push("Grey cells with a cross could not be computed. ");
    if (grid.explainedCells.length) parts.push("Cells with a ring open to an explanation. ");
    parts.push(hint("Click a cell, or use the arrow keys and Enter, to see its details."));
    return parts;
  };

  const draw = (width) => {
    const { measure, quantity } = state;
    const [least, greatest] = rangeOf(measure, quantity);
    const hover = grid.cells.map((cell) => {
      const [x, y] = [xLayers[cell[0]], yLayers[cell[1]]];
      const names = [`x: <b>${plotlyText(x, 60)}</b>`, `y: <b>${plotlyText(y, 60)}</b>`];
      return grid.hoverText(cell, measure, names);
    });
    const maxLength = tickLength(width);
    const nameLength = isNarrow(width) ? 24 : 48;
    const barTitle = `${plotlyText(measure.title, 40)} ${nameOf(quantity)}`;
    const size = Math.max(xLayers.length, yLayers.length);
    const gap = size <= MAX_TICKS ? 1 : 0;
    const side = heatmapSide(width);
    const height = Math.min(Math.max((side * xLayers.length) / yLayers.length, 110), 700);
    const heatmap = {
      type: "heatmap",
      z: toRows(finiteOrNull(measure[quantity]), yLayers.length),
      text: toRows(hover, yLayers.length),
      hovertemplate: "%{text}<extra></extra>",
      colorscale: SEQUENTIAL,
      reversescale: quantity === "distance",
      zmin: least,
      zmax: greatest,
      xgap: gap,
      ygap: gap,
      texttemplate: size <= MAX_NUMBERED && !isNarrow(width) ? "%{z:.2f}" : "",
      textfont: { size: 11 },
      colorbar: {
        thickness: 12,
        len: 1,
        exponentformat: "power",
        outlinewidth: 0,
        title: { text: isNarrow(width) ? "" : barTitle, side: "right" },
      },
    };
    return {
      traces: [heatmap, ...(grid.explainedCells.length ? [rings(grid.explainedCells)] : [])],
      layout: {
        height: height + 70 + longestLength(yLayers, maxLength) * 5,
        plot_bgcolor: "#e3e3e3",
        margin: { l: 40, r: 8, t: 12, b: 40 },
        xaxis: axis(`layer of ${plotlyText(grid.yName, nameLength)}`, {
          ...ticks(yLayers, fittingTicks(side), maxLength),
          showgrid: false,
          tickangle: -45,
          range: [-0.5, yLayers.length - 0.5],
          constrain: "domain",
        }),
        yaxis: axis(`layer of ${plotlyText(grid.xName, nameLength)}`, {
          ...ticks(xLayers, fittingTicks(height), maxLength),
          showgrid: false,
          range: [-0.5, xLayers.length - 0.5],
        }),
        shapes: figure.shapes(),
      },
    };
  };

  const figure = addFigure({
    title: "All pairs of layers",
    fileName: `${fileName}-grid`,
    focusable: true,
    caption,
    draw,
    csv: () => grid.csv(state.measure),
  });
  addCursor(figure, {
    size: () => [xLayers.length, yLayers.length],
    rowsUpwards: true,
    shapes: () => marks().shapes,
    selected: () => state.cell,
    describe: (i, j) => [
      nameElement(xLayers[i]),
      " and ",
      nameElement(yLayers[j]),
      `: ${describeValue(grid, state, [i, j])}`,
    ],
    select,
  });
  return figure;
};
