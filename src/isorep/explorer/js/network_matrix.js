/* Network matrix: distances between networks, with the tree of their clustering. */

import { axis, fittingTicks, MAX_TICKS, tickLength, ticks } from "./axes.js";
import { addCursor } from "./cursor.js";
import { nameElement } from "./elements.js";
import { addFigure } from "./figure.js";
import { heatmapSide } from "./heatmap.js";
import { isNarrow, SEQUENTIAL } from "./style.js";
import { csvNumber, formatNumber, plotlyText, ROUNDING, visible } from "./text.js";

/** Share of the height that the matrix has; the tree is above it. */
const MATRIX_SHARE = 0.78;

/** Least and greatest distance between different networks. */
const distanceRange = (distances) => {
  const between = distances.flatMap((row, i) => row.filter((_, j) => j !== i));
  return [
    between.reduce((a, b) => Math.min(a, b), Infinity),
    between.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
};

/** What the table infers for a pair of networks, as lines of text. */
const inferredFacts = ({ low, high, chance, p_adjusted, p_max }, i, j) => [
  ...(low ? [`95 % interval: ${formatNumber(low[i][j])} to ${formatNumber(high[i][j])}`] : []),
  ...(chance ? [`unrelated data: ${formatNumber(chance[i][j])}`] : []),
  ...(p_adjusted ? [`adjusted p-value: ${formatNumber(p_adjusted[i][j])}`] : []),
  ...(p_max ? [`p-value against the maximum: ${formatNumber(p_max[i][j])}`] : []),
];

const matrixTrace = (distances, title, hover, width) => {
  const [least, greatest] = distanceRange(distances);
  // If all networks are equally far apart, the scale still needs a width.
  const top = greatest - least > ROUNDING ? greatest : least + 1;
  return {
    type: "heatmap",
    z: distances,
    text: hover,
    hovertemplate: "%{text}<extra></extra>",
    colorscale: SEQUENTIAL,
    reversescale: true,
    zmin: distances.length > 1 ? least : 0,
    zmax: distances.length > 1 ? top : 1,
    colorbar: {
      thickness: 12,
      len: MATRIX_SHARE,
      y: 0,
      exponentformat: "power",
      yanchor: "bottom",
      outlinewidth: 0,
      title: { text: isNarrow(width) ? "" : title, side: "right" },
    },
  };
};

/** All brackets of the tree as one line, with gaps between them. */
const treeTrace = ({ treeX, treeY }) => ({
  type: "scatter",
  mode: "lines",
  x: treeX.flatMap((corners) => [...corners, null]),
  y: treeY.flatMap((corners) => [...corners, null]),
  yaxis: "y2",
  line: { color: "#444", width: 1 },
  hoverinfo: "skip",
  connectgaps: false,
});

export const addNetworkMatrix = (layers, state, quantity, fileName) => {
  const caption = () => {
    const parts = [
      `${quantity()} at layer `,
      nameElement(layers[state.layer]),
      ". Networks are in the order of the tree above, so that similar networks are adjacent. ",
      "Light means similar; the colour scale spans the distances between different networks. ",
    ];
    if (!state.measure.symmetric) {
      parts.push("Rows are x and columns are y: this measure is not symmetric. ");
    }
    for (const { network, reason } of state.networks.excluded) {
      parts.push("Excluded: ", nameElement(network), ` (${visible(reason)}). `);
    }
    return parts;
  };

  const draw = (width) => {
    const { distances, names, inferred } = state.networks;
    const n = names.length;
    const hover = distances.map((row, i) =>
      row.map((distance, j) =>
        [
          `x: <b>${plotlyText(names[i], 60)}</b>`,
          `y: <b>${plotlyText(names[j], 60)}</b>`,
          `${quantity()}: ${formatNumber(distance)}`,
          ...inferredFacts(inferred, i, j),
        ].join("<br>"),
      ),
    );
    const side = heatmapSide(width);
    const tickOptions =
      n <= MAX_TICKS
        ? ticks(names, fittingTicks(side), tickLength(width))
        : { showticklabels: false, tickvals: [] };
    const [, greatest] = distanceRange(distances);
    const title = `${plotlyText(state.measure.title, 40)} distance`;
    return {
      traces: [matrixTrace(distances, title, hover, width), treeTrace(state.networks)],
      layout: {
        height: side / MATRIX_SHARE + 110,
        margin: { l: 40, r: 8, t: 8, b: 40 },
        xaxis: axis("network y", {
          ...tickOptions,
          showgrid: false,
          tickangle: -60,
          range: [-0.5, n - 0.5],
        }),
        yaxis: axis("network x", {
          ...tickOptions,
          showgrid: false,
          range: [n - 0.5, -0.5], // first row on top
          domain: [0, MATRIX_SHARE],
        }),
        yaxis2: {
          domain: [0.8, 1],
          showgrid: false,
          zeroline: false,
          showticklabels: false,
          fixedrange: true,
          ...(greatest > ROUNDING ? { rangemode: "tozero" } : { range: [0, 1] }),
        },
        shapes: figure.shapes(),
      },
    };
  };

  const csv = () => {
    const { names, distances, inferred } = state.networks;
    const columns = Object.entries(inferred);
    const rows = names.flatMap((x, i) =>
      names.map((y, j) => [
        ...[x, y, state.measure.name, layers[state.layer]],
        csvNumber(distances[i][j]),
        ...columns.map(([, values]) => csvNumber(values[i][j])),
      ]),
    );
    const header = ["x", "y", "measure", "layer", "distance", ...columns.map(([key]) => key)];
    return [header, ...rows];
  };

  const figure = addFigure({
    title: "Distances between networks",
    fileName: `${fileName}-matrix`,
    focusable: true,
    caption,
    draw,
    csv,
  });
  addCursor(figure, {
    size: () => [state.networks.names.length, state.networks.names.length],
    describe: (i, j) => {
      const { names, distances } = state.networks;
      const distance = `${quantity()} ${formatNumber(distances[i][j])}`;
      return [nameElement(names[i]), " (x) and ", nameElement(names[j]), ` (y): ${distance}`];
    },
  });
  return figure;
};
