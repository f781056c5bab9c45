/* Trajectory figures: the layers over the steps, and at one step. */

import { axis, layerAxis, longestLength, shortNames, ticks, wrapTitle } from "./axes.js";
import { convergenceTrace } from "./convergence.js";
import { nameElement } from "./elements.js";
import { addFigure } from "./figure.js";
import { nameOf } from "./grid.js";
import { finiteOrNull } from "./packing.js";
import { dashOf, isNarrow, LEGEND_BELOW, symbolOf } from "./style.js";
import { csvNumber, formatNumber, plotlyText } from "./text.js";

/** Up to this many steps, each is drawn as a marker. */
const MAX_MARKERS = 60;

const P_VALUES = [
  ["p_adjusted", "adjusted p-value"],
  ["p_max", "p-value against the maximum"],
];

const errorBars = (values, low, high) => ({
  type: "data",
  symmetric: false,
  thickness: 1.2,
  width: 4,
  array: high.map((bound, i) => Math.max(bound - values[i], 0) || 0),
  arrayminus: low.map((bound, i) => Math.max(values[i] - bound, 0) || 0),
});

/** Bars from `low` to `high`, which may be beside the values if these are not corrected. */
const intervalTrace = (x, low, high, color) => {
  const middle = low.map((bound, i) => (bound + high[i]) / 2);
  return {
    type: "scatter",
    mode: "markers",
    x,
    y: finiteOrNull(middle),
    marker: { size: 1, color, opacity: 0 },
    error_y: { ...errorBars(middle, low, high), color },
    cliponaxis: false,
    showlegend: false,
    hoverinfo: "skip",
  };
};

const chanceTrace = (x, level, color) => ({
  type: "scatter",
  mode: "lines",
  x,
  y: finiteOrNull(level),
  line: { color, width: 1.2, dash: "dot" },
  showlegend: false,
  hoverinfo: "skip",
});

/** Ticks at as many steps as fit beside each other. */
const stepTicks = (steps, places, pixels) => {
  const tickPixels = 8 * longestLength(steps, 14) + 10;
  const stepNames = ticks(steps, Math.max(2, Math.floor(pixels / tickPixels)), 14);
  const tickvals = stepNames.tickvals.map((i) => places[i]);
  return { ...stepNames, tickvals, tickangle: 0 };
};

export const addStepCurves = (trajectory, section, fileName) => {
  const { steps, layers, state, places, shades } = trajectory;
  const { reference, convergence, level } = section;
  const legendNames = shortNames(layers, 22);

  const caption = () => {
    const end = reference === null ? ["the given reference"] : ["step ", nameElement(reference)];
    const parts = [
      `${trajectory.title()} between each state and `,
      ...end,
      "; one line for each layer, from dark to light in the order of the table. ",
    ];
    if (trajectory.bounds()[0]) {
      const percent = formatNumber(100 * (level || 0.95), 0);
      parts.push(`Bars are ${percent} % confidence intervals of the population value. `);
    }
    if (trajectory.chance()) {
      parts.push("Thin dotted lines are the level of unrelated data. ");
    }
    if (convergence) {
      parts.push(
        "Large open points mark the step at which a layer had converged, with its interval. ",
      );
    }
    parts.push("The vertical line marks the step selected below.");
    return parts;
  };

  /** What was inferred for a state and a layer. */
  const factsAt = (i, k) => {
    const [low, high] = trajectory.bounds();
    const chance = trajectory.chance();
    const facts = [];
    if (low) facts.push(`interval ${formatNumber(low[i][k])} to ${formatNumber(high[i][k])}`);
    if (chance) facts.push(`unrelated data ${formatNumber(chance[i][k])}`);
    for (const [key, name] of P_VALUES) {
      const rows = trajectory.pValues(key);
      if (rows) facts.push(`${name} ${formatNumber(rows[i][k])}`);
    }
    return facts;
  };

  const draw = (width) => {
    const column = (rows, k) => rows.map((row) => row[k]);
    const values = trajectory.values();
    const [low, high] = trajectory.bounds();
    const chance = trajectory.chance();
    const curves = layers.map((layer, k) => {
      const curve = column(values, k);
      return {
        type: "scatter",
        mode: steps.length <= MAX_MARKERS ? "lines+markers" : "lines",
        name: legendNames[k],
        x: places,
        y: finiteOrNull(curve),
        connectgaps: false,
        cliponaxis: false,
        line: { color: shades[k], dash: dashOf(k), width: 2 },
        marker: { size: 6, symbol: symbolOf(k) },
        text: curve.map((value, i) => {
          const place = `${plotlyText(layer, 60)}, step ${plotlyText(steps[i], 40)}`;
          const facts = factsAt(i, k).map((fact) => `<br>${fact}`);
          return `${place}<br>${nameOf(state.quantity)} ${formatNumber(value)}${facts.join("")}`;
        }),
        hovertemplate: "%{text}<extra></extra>",
      };
    });
    const traces = [
      ...curves,
      ...(low
        ? shades.map((shade, k) => intervalTrace(places, column(low, k), column(high, k), shade))
        : []),
      ...(chance ? shades.map((shade, k) => chanceTrace(places, column(chance, k), shade)) : []),
    ];
    if (convergence) traces.push(convergenceTrace(trajectory, convergence, errorBars));
    const { isLogarithmic } = trajectory;
    const isScale = trajectory.hasPositions && !isLogarithmic && steps.length > 12;
    const room = width - (isNarrow(width) ? 110 : 300);
    return {
      traces,
      layout: {
        height: isNarrow(width) ? 400 + 10 * layers.length : 420,
        hovermode: "closest",
        showlegend: true,
        legend: {
          font: { size: 12 },
          traceorder: "normal",
          ...(isNarrow(width) ? LEGEND_BELOW : {}),
        },
        xaxis: axis("step", {
          ...(isScale ? {} : stepTicks(steps, places, room)),
          ...(isLogarithmic ? { type: "log" } : {}),
        }),
        yaxis: axis(wrapTitle(trajectory.title(), width), { range: trajectory.range() }),
        shapes: [
          {
            type: "line",
            xref: "x",
            yref: "paper",
            x0: places[state.step],
            x1: places[state.step],
            y0: 0,
            y1: 1,
            line: { color: "#c40000", width: 1.5, dash: "dot" },
          },
        ],
      },
    };
  };

  const csv = () => {
    const values = trajectory.values();
    const [low, high] = trajectory.bounds();
    const columns = [
      ["low", low],
      ["high", high],
      ["chance", trajectory.chance()],
      ...P_VALUES.map(([key]) => [key, trajectory.pValues(key)]),
    ].filter(([, rows]) => rows);
    const header = ["step", "layer", "measure", state.quantity, ...columns.map(([name]) => name)];
    const rows = steps.flatMap((step, i) =>
      layers.map((layer, k) => [
        ...[step, layer, state.measure.name, csvNumber(values[i][k])],
        ...columns.map(([, inferred]) => csvNumber(inferred[i][k])),
        ...[trajectory.warning(i, k), trajectory.reason(i, k)],
      ]),
    );
    return [[...header, "warnings", "reason"], ...rows];
  };

  return addFigure({
    title: "Every layer over the steps",
    fileName: `${fileName}-dynamics`,
    caption,
    draw,
    csv,
  });
};

export const addLayerBars = (trajectory, fileName) => {
  const { steps, layers, state, shades } = trajectory;

  const draw = (width) => {
    const values = trajectory.values()[state.step];
    const [low, high] = trajectory.bounds().map((bound) => bound?.[state.step]);
    const bars = {
      type: "bar",
      x: layers.map((_, k) => k),
      y: finiteOrNull(values),
      marker: { color: shades, line: { color: "#222", width: 0.6 } },
      text: values.map(
        (value, k) => `${plotlyText(layers[k], 60)}<br>${state.quantity} ${formatNumber(value)}`,
      ),
      textposition: "none",
      hovertemplate: "%{text}<extra></extra>",
    };
    const places = layers.map((_, k) => k);
    return {
      traces: [bars, ...(low ? [intervalTrace(places, low, high, "#222")] : [])],
      layout: {
        height: 360,
        xaxis: layerAxis(layers, width, { showgrid: false, range: [-0.6, layers.length - 0.4] }),
        yaxis: axis(wrapTitle(trajectory.title(), 0), { range: trajectory.range() }),
      },
    };
  };

  const csv = () => {
    const values = trajectory.values()[state.step];
    const rows = layers.map((layer, k) => [
      ...[steps[state.step], layer, state.measure.name],
      csvNumber(values[k]),
    ]);
    return [["step", "layer", "measure", state.quantity], ...rows];
  };

  return addFigure({
    title: "All layers at one step",
    fileName: `${fileName}-step`,
    caption: () => [
      `${trajectory.title()} at step `,
      nameElement(steps[state.step]),
      " for each layer, in the order of the table.",
    ],
    draw,
    csv,
  });
};
