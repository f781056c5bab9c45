/* Convergence: the step at which each layer had converged. */

import { element, nameElement, warning } from "./elements.js";
import { unpackNumbers } from "./packing.js";
import { openSymbolOf } from "./style.js";
import { formatNumber, plotlyText, visible, visibleLines } from "./text.js";

const unpackConvergence = (packed) =>
  Object.fromEntries(Object.entries(packed).map(([key, values]) => [key, unpackNumbers(values)]));

/** A point on the curve of each layer, with the interval of its step. */
export const convergenceTrace = (trajectory, packed, errorBars) => {
  const { layers, positions, places } = trajectory;
  const { converged, converged_low: low, converged_high: high } = unpackConvergence(packed);
  const values = trajectory.values();
  const converging = layers.map((_, k) => k).filter((k) => Number.isFinite(converged[k]));
  const placesOf = (ends) => converging.map((k) => places[positions.indexOf(ends[k])] ?? ends[k]);
  const steps = placesOf(converged);
  const bars = errorBars(steps, placesOf(low), placesOf(high));
  return {
    type: "scatter",
    mode: "markers",
    showlegend: false,
    cliponaxis: false,
    x: steps,
    y: converging.map((k) => values[positions.indexOf(converged[k])][k]),
    error_x: { ...bars, color: "#222" },
    marker: {
      size: 13,
      symbol: converging.map(openSymbolOf),
      color: "#222",
      line: { width: 2 },
    },
    text: converging.map(
      (k) => `${plotlyText(layers[k], 60)}<br>converged at step ${converged[k]}`,
    ),
    hovertemplate: "%{text}<extra></extra>",
  };
};

/** A table of the step at which each layer had converged, with the layers' warnings below. */
export const convergenceTable = (trajectory, section) => {
  const { layers } = trajectory;
  const { converged, converged_low, converged_high, threshold, noise } = unpackConvergence(
    section.convergence,
  );
  const percent = formatNumber(100 * section.level, 0);
  const header = ["converged at step", `${percent} % interval`, "threshold", "noise"];
  const headerCells = header.map((text) => element("th", { scope: "col" }, text));
  const rows = layers.map((layer, k) => {
    const texts = Number.isFinite(converged[k])
      ? [
          String(converged[k]),
          `${converged_low[k]} to ${converged_high[k]}`,
          formatNumber(threshold[k]),
          formatNumber(noise[k]),
        ]
      : [visible(trajectory.reason(0, k)), "", "", ""];
    const rowHeader = element("th", { scope: "row" }, nameElement(layer));
    return element("tr", {}, rowHeader, ...texts.map((text) => element("td", {}, text)));
  });
  const head = element("thead", {}, element("tr", {}, element("td", {}), ...headerCells));

  const caption =
    "A layer has converged at the first step from which its distance to the last state stays " +
    "within the threshold. The threshold is the tolerance or a multiple of the noise, whichever " +
    "is larger. The noise is the median distance between consecutive states near the end. " +
    "Intervals are over samples (jackknife), not over training runs.";
  const warnings = layers.flatMap((layer, k) => {
    const text = trajectory.warning(0, k);
    return text ? [warning("Warning for ", nameElement(layer), `: ${visibleLines(text)}`)] : [];
  });
  return element(
    "div",
    {},
    element("h3", {}, "When each layer had converged"),
    element("p", { class: "caption" }, caption),
    element("table", { class: "facts" }, head, ...rows),
    ...warnings,
  );
};
