/* Layer plot: the figure of a diff, one point for each layer. */

import { axis, fittingTicks, ticks } from "./axes.js";
import { addCursor, rowOutline } from "./cursor.js";
import { hint, nameElement } from "./elements.js";
import { addFigure } from "./figure.js";
import { describeShown, describeValue, nameOf, rangeOf } from "./grid.js";
import { finiteOrNull } from "./packing.js";
import { colourOf, isNarrow, LEGEND_ABOVE, openSymbolOf, symbolOf } from "./style.js";
import { count, describeMeasure, listNames, plotlyText, visible } from "./text.js";

export const addLayerPlot = (grid, state, fileName, select) => {
  const layers = grid.xLayers;

  const hasThreshold = () =>
    grid.threshold !== null && !["distance", "calibrated"].includes(state.quantity);
  const thresholdLine = () => ({
    type: "line",
    xref: "x",
    yref: "paper",
    x0: grid.threshold,
    x1: grid.threshold,
    y0: 0,
    y1: 1,
    line: { color: "#222", width: 1.4, dash: "dash" },
  });

  const caption = () => {
    const { measure, quantity } = state;
    const missing = grid.missingCells(measure);
    const parts = [
      `${describeMeasure(measure)}: ${measure.description}. `,
      `Each point is a layer and shows its ${describeShown(state)}. `,
    ];
    if (measure.low && quantity === "corrected") {
      parts.push("Bars are 95 % confidence intervals. ");
    }
    if (hasThreshold()) parts.push(`The dashed line is the threshold, ${grid.threshold}. `);
    if (missing.length) {
      parts.push(`${count(missing.length, "layer")} could not be compared. `);
    }
    if (!grid.cells.every(grid.isJudged)) {
      parts.push("Layers with an open point cannot be judged: see the list above. ");
    }
    if (grid.explainedCells.length) {
      const names = listNames(
        grid.explainedCells.map(([i]) => layers[i]),
        12,
      );
      parts.push("Layers that open to an explanation: ");
      parts.push(...names.flatMap((name, i) => [i ? ", " : "", nameElement(name)]), ". ");
    }
    parts.push(hint("Click a layer, or use the arrow keys and Enter, to see its details."));
    return parts;
  };

  /** Error bars, where the table has an interval for the quantity. */
  const errorBars = (values) => {
    const { measure, quantity } = state;
    const hasInterval =
      quantity === "corrected" || (quantity === "similarity" && !measure.corrected);
    if (!measure.low || !hasInterval) return {};
    const lengths = (bounds, sign) =>
      bounds.map((bound, i) => Math.max(sign * (bound - values[i]), 0) || 0);
    return {
      error_x: {
        type: "data",
        symmetric: false,
        thickness: 1.4,
        width: 4,
        array: lengths(grid.valuesOf(measure.high), 1),
        arrayminus: lengths(grid.valuesOf(measure.low), -1),
      },
    };
  };

  /** The part of the quantity's range that holds everything drawn, with a margin. */
  const zoomedRange = (values) => {
    const { measure, quantity } = state;
    const [least, greatest] = rangeOf(measure, quantity);
    const hasBars = errorBars(values).error_x !== undefined;
    const drawn = [
      ...values,
      ...(hasBars ? [...grid.valuesOf(measure.low), ...grid.valuesOf(measure.high)] : []),
      ...(measure.chance && quantity === "similarity" ? grid.valuesOf(measure.chance) : []),
      ...(hasThreshold() ? [grid.threshold] : []),
    ].filter(Number.isFinite);
    if (!drawn.length) return [least, greatest];
    const lowest = Math.min(...drawn);
    const highest = Math.max(...drawn);
    const margin = 0.06 * (highest - lowest) || 0.01;
    return [lowest - margin, highest + margin];
  };

  const draw = (width) => {
    const { measure, quantity } = state;
    const values = grid.valuesOf(measure[quantity]);
    const positions = layers.map((_, i) => i);
    const height = Math.min(Math.max(24 * layers.length, 120), 900);
    const traces = [
      {
        type: "scatter",
        mode: "markers",
        name: nameOf(quantity),
        x: finiteOrNull(values),
        y: positions,
        cliponaxis: false,
        marker: {
          size: 9,
          color: colourOf(0),
          symbol: grid.cells.map((cell) => (grid.isJudged(cell) ? symbolOf(0) : openSymbolOf(0))),
        },
        text: grid.cells.map((cell) =>
          grid.hoverText(cell, measure, [`<b>${plotlyText(layers[cell[0]], 60)}</b>`]),
        ),
        hovertemplate: "%{text}<extra></extra>",
        ...errorBars(values),
      },
    ];
    if (measure.chance && quantity === "similarity") {
      traces.push({
        type: "scatter",
        mode: "markers",
        name: "chance level",
        x: finiteOrNull(grid.valuesOf(measure.chance)),
        y: positions,
        marker: { size: 8, symbol: "x-thin-open", color: "#555", line: { width: 1.5 } },
        hoverinfo: "skip",
      });
    }
    return {
      traces,
      layout: {
        height: height + 90,
        hovermode: "closest",
        hoverdistance: 40,
        showlegend: traces.length > 1,
        legend: LEGEND_ABOVE,
        xaxis: axis(`${plotlyText(measure.title, 40)} ${nameOf(quantity)}`, {
          range: zoomedRange(values),
        }),
        yaxis: axis("", {
          ...ticks(layers, fittingTicks(height), isNarrow(width) ? 12 : 28),
          range: [layers.length - 0.5, -0.5],
        }),
        shapes: figure.shapes(),
      },
    };
  };

  const figure = addFigure({
    title: "Layer by layer",
    fileName: `${fileName}-grid`,
    focusable: true,
    caption,
    draw,
    csv: () => grid.csv(state.measure),
  });
  addCursor(figure, {
    size: () => [layers.length, layers.length],
    shapes: () => (hasThreshold() ? [thresholdLine()] : []),
    selected: () => state.cell,
    // Every column means the layer of the row.
    snap: ([i]) => [i, i],
    outline: rowOutline,
    describe: (i, j) => {
      const mark = grid.mark([i, j]) && ` (${visible(grid.mark([i, j]))})`;
      return [nameElement(layers[i]), `: ${describeValue(grid, state, [i, j])}${mark}`];
    },
    select,
  });
  return figure;
};
