/* Cell figures: canonical correlations and projection weights of one pair of layers. */

import { axis } from "./axes.js";
import { element } from "./elements.js";
import { addFigure } from "./figure.js";
import { unpackNumbers } from "./packing.js";
import { colourOf, LEGEND_ABOVE } from "./style.js";
import { count, csvNumber } from "./text.js";
import { addVariatePlot } from "./variate_plot.js";

/** Up to this many canonical directions, each is drawn as a marker. */
const MAX_MARKERS = 80;

const LEGEND = { ...LEGEND_ABOVE, font: { size: 12 } };

const indexAxis = (title, n) =>
  axis(title, {
    range: [0.5, n + 0.5],
    ...(n > 12 ? { tickformat: "d" } : { tick0: 1, dtick: 1 }),
  });

const unpackCell = (packed, law) => ({
  nSignificant: packed.n_significant,
  nForced: packed.n_forced,
  correlations: unpackNumbers(packed.correlations),
  xWeights: unpackNumbers(packed.x_weights),
  yWeights: unpackNumbers(packed.y_weights),
  noise: unpackNumbers(law.noise),
  edges: unpackNumbers(law.edges),
});

const addSpectrum = (state, fileName) => {
  const caption = () => {
    const { nSignificant, nForced, correlations, edges } = state.cell;
    const significant = `${nSignificant} of ${correlations.length} significant`;
    const parts = [
      element("strong", { class: "significant" }, significant),
      ": above the dashed edge. If the remaining directions are unrelated, the largest remaining ",
      "correlation exceeds the edge with probability 0.05. The grey area shows the correlations ",
      "of unrelated data (Wachter's law).",
    ];
    const nAbove = [...correlations, 0].findIndex((value, i) => !(value > edges[i]));
    if (nAbove !== nSignificant) {
      parts.push(
        ` Of those drawn, ${nAbove} are above it. A few samples are long on both sides, so the ` +
          "significant ones are counted after scaling all samples to equal length.",
      );
    }
    if (nForced) {
      const verb = nForced === 1 ? "is" : "are";
      parts.push(` ${count(nForced, "correlation")} ${verb} 1 for any data: too few samples.`);
    }
    return parts;
  };

  const draw = () => {
    const { correlations, noise, edges, nSignificant } = state.cell;
    const index = correlations.map((_, i) => i + 1);
    const hasMarkers = index.length <= MAX_MARKERS;
    return {
      traces: [
        {
          type: "scatter",
          mode: index.length === 1 ? "markers" : "lines",
          name: "unrelated data",
          x: index,
          y: noise,
          fill: "tozeroy",
          fillcolor: "rgba(120,120,120,0.28)",
          line: { color: "#888", width: 1 },
          marker: { color: "#888" },
          hovertemplate: "unrelated data: %{y:.3f}<extra></extra>",
        },
        {
          type: "scatter",
          mode: "lines",
          name: "edge (p = 0.05)",
          x: index,
          y: edges,
          line: { color: "#222", width: 1.4, dash: "dash" },
          hovertemplate: "edge: %{y:.3f}<extra></extra>",
        },
        {
          type: "scatter",
          mode: hasMarkers ? "lines+markers" : "lines",
          name: "this pair",
          x: index,
          y: correlations,
          line: { color: colourOf(0), width: 2 },
          marker: {
            size: 6,
            symbol: index.map((i) => (i <= nSignificant ? "circle" : "circle-open")),
            color: colourOf(0),
          },
          hovertemplate: "correlation %{x}: %{y:.3f}<extra></extra>",
          cliponaxis: false,
        },
      ],
      layout: {
        height: 300,
        showlegend: true,
        legend: LEGEND,
        hovermode: "x",
        xaxis: indexAxis("index, largest first", index.length),
        yaxis: axis("canonical correlation", { range: [0, 1.02] }),
      },
    };
  };

  const csv = () => {
    const { correlations, noise, edges } = state.cell;
    const rows = correlations.map((value, i) => [
      i + 1,
      ...[value, noise[i], edges[i]].map(csvNumber),
    ]);
    return [["index", "correlation", "unrelated_data", "edge_of_noise"], ...rows];
  };

  return addFigure({
    title: "Canonical correlations",
    fileName: `${fileName}-correlations`,
    caption,
    draw,
    csv,
  });
};

const addWeights = (state, fileName) => {
  const draw = () => {
    const { xWeights, yWeights } = state.cell;
    const n = xWeights.length;
    const index = xWeights.map((_, i) => i + 1);
    const trace = (name, y, more) => ({
      type: "scatter",
      mode: n <= MAX_MARKERS ? "lines+markers" : "lines",
      name,
      x: index,
      y,
      hovertemplate: `${name}: %{y:.4f}<extra></extra>`,
      ...more,
    });
    return {
      traces: [
        trace("x", xWeights, { line: { color: colourOf(0), width: 2 }, marker: { size: 6 } }),
        trace("y", yWeights, {
          line: { color: colourOf(1), width: 2, dash: "dash" },
          marker: { size: 6, symbol: "square-open" },
        }),
        {
          type: "scatter",
          mode: "lines",
          name: "equal weights",
          x: [0.5, n + 0.5],
          y: [1 / n, 1 / n],
          line: { color: "#555", width: 1, dash: "dot" },
          hoverinfo: "skip",
        },
      ],
      layout: {
        height: 260,
        showlegend: true,
        legend: LEGEND,
        hovermode: "x",
        xaxis: indexAxis("index, largest correlation first", n),
        yaxis: axis("weight", { rangemode: "tozero" }),
      },
    };
  };

  return addFigure({
    title: "Projection weights",
    fileName: `${fileName}-weights`,
    caption: () =>
      "The weight of each canonical direction: how much of its layer the direction accounts for. " +
      "PWCCA is the mean of the canonical correlations with these weights, which sum to 1. The " +
      "dotted line marks equal weights.",
    draw,
    csv: () => {
      const { xWeights, yWeights } = state.cell;
      const rows = xWeights.map((weight, i) => [i + 1, csvNumber(weight), csvNumber(yWeights[i])]);
      return [["index", "x_weight", "y_weight"], ...rows];
    },
  });
};

/** Add the figures of a cell to `box`; `show(i, j)` returns whether the cell has figures. */
export const addCellFigures = ({ cells, laws, points }, fileName, box) => {
  const state = { cell: null };
  const spectrum = addSpectrum(state, fileName);
  const weights = addWeights(state, fileName);
  const variatePlot = addVariatePlot(fileName);
  box.append(spectrum.box, weights.box, variatePlot.box);

  const show = (i, j) => {
    const packed = cells[`${i},${j}`];
    if (!packed) return false;
    state.cell = unpackCell(packed, laws[packed.law]);
    box.hidden = false; // figures measure their width
    spectrum.update();
    weights.update();
    const [nSamples] = packed.law.split(",");
    variatePlot.show(packed, points[nSamples], state.cell.correlations);
    return true;
  };
  return { show };
};
