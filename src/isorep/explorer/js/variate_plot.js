/* Variate plot: samples along two canonical variates of a pair of layers. */

import { axis } from "./axes.js";
import { controls, dropdown, setOptions } from "./elements.js";
import { addFigure } from "./figure.js";
import { toRows, unpackNumbers } from "./packing.js";
import { colourOf, isNarrow, LEGEND_BELOW, outlineOf, SEQUENTIAL, symbolOf } from "./style.js";
import { count, csvNumber, formatNumber, plotlyText } from "./text.js";

const unpackVariates = (packed, points, correlations) => {
  const unpack = (variates) => toRows(unpackNumbers(variates), variates.shape[1]);
  const x = unpack(packed.x_variates);
  const { rows, n: nSamples, ids, labels } = points;
  return {
    ...{ rows, nSamples, ids, correlations },
    classes: labels?.classes,
    codes: labels?.codes,
    labelValues: labels?.values && unpackNumbers(labels.values),
    nPairs: x.length,
    variates: [...x, ...unpack(packed.y_variates)],
    names: ["x", "y"].flatMap((side) => x.map((_, k) => `variate ${k + 1} of ${side}`)),
  };
};

/** The label of each sample, or null. */
const labelsOf = ({ classes, codes, labelValues }) => {
  if (labelValues) return labelValues.map(csvNumber);
  return classes ? codes.map((code) => classes[code]) : null;
};

export const addVariatePlot = (fileName) => {
  const state = { data: null, horizontal: 0, vertical: 0 };

  const caption = () => {
    const { rows, nSamples, nPairs, correlations, classes, labelValues } = state.data;
    const samples =
      rows.length < nSamples
        ? `${rows.length} of ${nSamples} samples, chosen at random`
        : `All ${count(nSamples, "sample")}`;
    const parts = [`${samples}, in standard deviations.`];
    // Variate k of x is followed, after all variates of x, by variate k of y.
    if (state.vertical === state.horizontal + nPairs) {
      const correlation = formatNumber(correlations[state.horizontal]);
      parts.push(
        `The correlation of the two variates is ${correlation}: if the points lie near a line, ` +
          "the layers agree on this direction.",
      );
    }
    if (classes) parts.push("Colour and symbol show the label.");
    if (labelValues) parts.push("Colour shows the label.");
    return parts.join(" ");
  };

  const draw = (width) => {
    const { rows, ids, classes, codes, labelValues, variates, names } = state.data;
    const [x, y] = [variates[state.horizontal], variates[state.vertical]];
    const hover = rows.map((row, i) => {
      const lines = [ids ? `sample ${plotlyText(ids[i], 60)}` : `row ${row}`];
      if (classes) lines.push(`label ${plotlyText(classes[codes[i]], 60)}`);
      return lines.join("<br>");
    });
    const trace = (samples, more) => ({
      type: "scatter",
      mode: "markers",
      hovertemplate: "%{text}<extra></extra>",
      x: samples.map((i) => x[i]),
      y: samples.map((i) => y[i]),
      text: samples.map((i) => hover[i]),
      ...more,
    });
    const samples = rows.map((_, i) => i);
    let traces;
    if (classes) {
      const traceOf = (name, c) =>
        trace(
          samples.filter((i) => codes[i] === c),
          {
            name: plotlyText(name, 18),
            marker: {
              size: 7,
              color: colourOf(c),
              symbol: symbolOf(c),
              opacity: 0.85,
              line: { width: outlineOf(c) },
            },
          },
        );
      traces = classes.map(traceOf).filter((classTrace) => classTrace.x.length);
    } else if (labelValues) {
      const marker = {
        size: 6,
        color: labelValues,
        colorscale: SEQUENTIAL,
        showscale: true,
        colorbar: { thickness: 12, title: { text: "label" } },
      };
      traces = [trace(samples, { marker })];
    } else {
      traces = [trace(samples, { marker: { size: 6, color: colourOf(0), opacity: 0.75 } })];
    }
    return {
      traces,
      layout: {
        height: isNarrow(width) ? 420 : Math.max(380, 70 + 20 * traces.length),
        showlegend: traces.length > 1,
        hovermode: "closest",
        legend: {
          itemsizing: "constant",
          font: { size: 12 },
          ...(isNarrow(width) ? LEGEND_BELOW : {}),
        },
        xaxis: axis(names[state.horizontal]),
        yaxis: axis(names[state.vertical]),
      },
    };
  };

  const csv = () => {
    const { rows, ids, variates, names } = state.data;
    const axes = [state.horizontal, state.vertical];
    const labels = labelsOf(state.data);
    const header = ["row", ...(ids ? ["sample_id"] : []), ...(labels ? ["label"] : [])];
    const lines = rows.map((row, i) => [
      row,
      ...(ids ? [ids[i]] : []),
      ...(labels ? [labels[i]] : []),
      ...axes.map((k) => csvNumber(variates[k][i])),
    ]);
    return [[...header, ...axes.map((k) => names[k])], ...lines];
  };

  const figure = addFigure({
    title: "Samples along two variates",
    fileName: `${fileName}-variates`,
    caption,
    draw,
    csv,
  });
  const axisDropdown = (text, key) =>
    dropdown(text, [], (k) => {
      state[key] = k;
      figure.update();
    });
  const horizontal = axisDropdown("Horizontal axis", "horizontal");
  const vertical = axisDropdown("Vertical axis", "vertical");
  figure.canvas.before(controls(horizontal, vertical));

  /** Show the variates of a cell, or hide the figure if the page has none for it. */
  const show = (packed, points, correlations) => {
    figure.box.hidden = !packed.x_variates;
    if (!packed.x_variates) {
      state.data = null;
      return;
    }
    const nBefore = state.data?.variates.length;
    state.data = unpackVariates(packed, points, correlations);
    if (nBefore !== state.data.variates.length) {
      state.horizontal = 0;
      state.vertical = state.data.nPairs;
      for (const { select } of [horizontal, vertical]) setOptions(select, state.data.names);
      horizontal.select.value = state.horizontal;
      vertical.select.value = state.vertical;
    }
    figure.update();
  };
  return { box: figure.box, show };
};
