/* Explanation figures: directions, samples, classes, positions and neurons of one pair of layers. */

import { axis, fittingTicks, ticks } from "./axes.js";
import { addFigure } from "./figure.js";
import { finiteOrNull, unpackNumbers } from "./packing.js";
import { colourOf, isNarrow, LEGEND_ABOVE, openSymbolOf, symbolOf } from "./style.js";
import { count, csvNumber, formatNumber, plotlyText, signedNumber } from "./text.js";

const LEGEND = { ...LEGEND_ABOVE, font: { size: 12 } };
/** Colour and symbol of what stands out. */
const MARK = 1;

const sides = ["x", "y"];

const unpackAll = (packed) =>
  Object.fromEntries(
    Object.entries(packed).map(([key, value]) => [
      key,
      value?.f32 === undefined ? value : unpackNumbers(value),
    ]),
  );

const percent = (share) => `${formatNumber(100 * share, 1)} %`;

const addDirections = (state, fileName) => {
  const draw = () => {
    const { correlation, held_out_correlation: heldOut, p_value: pValues } = state.directions;
    const { shared, x_variance: xVariance, y_variance: yVariance } = state.directions;
    const { noise_edge: edge, x_weights: xWeights, y_weights: yWeights } = state.directions;
    const index = correlation.map((_, i) => i + 1);
    const hover = index.map((_, i) =>
      [
        `<b>direction ${i + 1}: ${shared[i] ? "shared" : "not above noise"}</b>`,
        `held-out correlation ${formatNumber(heldOut[i])} (p = ${formatNumber(pValues[i])})`,
        `correlation ${formatNumber(correlation[i])}`,
        `variance: ${percent(xVariance[i])} of x, ${percent(yVariance[i])} of y`,
        `largest weights in x: ${xWeights[i].map((name) => plotlyText(name, 20)).join(", ")}`,
        `largest weights in y: ${yWeights[i].map((name) => plotlyText(name, 20)).join(", ")}`,
      ].join("<br>"),
    );
    const bars = (side, values, k) => ({
      type: "bar",
      name: `% of ${side}`,
      x: index,
      y: values.map((value) => 100 * value),
      yaxis: "y2",
      marker: { color: colourOf(k) },
      hovertemplate: `%{y:.1f} % of ${side}<extra></extra>`,
    });
    const points = (name, isShared) => {
      const chosen = index.filter((i) => Boolean(shared[i - 1]) === isShared);
      return {
        type: "scatter",
        mode: "markers",
        name,
        x: chosen,
        y: finiteOrNull(chosen.map((i) => heldOut[i - 1])),
        text: chosen.map((i) => hover[i - 1]),
        hovertemplate: "%{text}<extra></extra>",
        cliponaxis: false,
        marker: { size: 8, color: colourOf(0), symbol: isShared ? symbolOf(0) : openSymbolOf(0) },
      };
    };
    return {
      traces: [
        {
          type: "scatter",
          mode: "lines",
          name: "edge of noise",
          x: [0.5, index.length + 0.5],
          y: [edge, edge],
          line: { color: "#222", width: 1.4, dash: "dash" },
          hoverinfo: "skip",
        },
        {
          type: "scatter",
          mode: "lines",
          name: "all samples",
          x: index,
          y: finiteOrNull(correlation),
          line: { color: "#888", width: 1.2 },
          hoverinfo: "skip",
        },
        points("shared", true),
        points("not above noise", false),
        bars("x", xVariance, 0),
        bars("y", yVariance, 1),
      ],
      layout: {
        height: 400,
        showlegend: true,
        legend: LEGEND,
        hovermode: "closest",
        bargap: 0.25,
        xaxis: axis("direction, in the order of the measure", {
          range: [0.5, index.length + 0.5],
          anchor: "y2",
          ...(index.length > 12 ? { tickformat: "d" } : { tick0: 1, dtick: 1 }),
        }),
        yaxis: axis("correlation", { domain: [0.45, 1], range: [-0.05, 1.02] }),
        yaxis2: axis("% of variance", { domain: [0, 0.34], rangemode: "tozero" }),
      },
    };
  };

  return addFigure({
    title: "Shared and unshared directions",
    fileName: `${fileName}-directions`,
    caption: () => {
      const { pairs, shared } = state.directions;
      const kind = pairs === "canonical" ? "canonical pair" : "pair of directions";
      const nShared = shared.filter(Boolean).length;
      return (
        `Each point is a ${kind} of x and y, fitted on some samples and correlated on others. ` +
        `${nShared} of ${shared.length} are shared above noise. The grey line is the ` +
        "correlation in all samples. Bars show how much of the variance of each layer the " +
        "direction carries."
      );
    },
    draw,
    csv: () => {
      const keys = ["correlation", "held_out_correlation", "p_value", "x_variance", "y_variance"];
      const rows = state.directions.shared.map((isShared, i) => [
        i + 1,
        ...keys.map((key) => csvNumber(state.directions[key][i])),
        isShared,
      ]);
      return [["direction", ...keys, "shared"], ...rows];
    },
  });
};

const addPoints = (state, fileName) => {
  const draw = () => {
    const { rows, names, labels, positions, stands_out: standsOut } = state.points;
    const { contribution, misfit } = state.points;
    const trace = (name, isOutlying, k) => {
      const chosen = rows.map((_, i) => i).filter((i) => Boolean(standsOut[i]) === isOutlying);
      return {
        type: "scatter",
        mode: "markers",
        name,
        x: chosen.map((i) => contribution[i]),
        y: chosen.map((i) => misfit[i]),
        text: chosen.map((i) => {
          const lines = [`sample ${plotlyText(names[i], 60)}`];
          if (positions) lines.push(`position ${positions[i]}`);
          if (labels) lines.push(`label ${plotlyText(labels[i], 60)}`);
          lines.push(`misfit ${formatNumber(misfit[i], 2)}`);
          lines.push(`contribution ${signedNumber(contribution[i])}`);
          return lines.join("<br>");
        }),
        hovertemplate: "%{text}<extra></extra>",
        marker: { size: 7, color: colourOf(k), symbol: symbolOf(k), opacity: 0.75 },
      };
    };
    return {
      traces: [trace("others", false, 0), trace("stand out", true, MARK)],
      layout: {
        height: 320,
        showlegend: true,
        legend: LEGEND,
        hovermode: "closest",
        xaxis: axis("contribution", { zeroline: true, zerolinecolor: "#999" }),
        yaxis: axis("misfit"),
      },
    };
  };

  return addFigure({
    title: "Misfit and contribution of samples",
    fileName: `${fileName}-samples`,
    caption: () => {
      const { rows } = state.points;
      const shown =
        rows.length < state.nRows
          ? `${rows.length} of ${count(state.nRows, "sample")}, with those that stand out`
          : `All ${count(rows.length, "sample")}`;
      return `${shown}. Samples further up fit worse; samples further right lower the similarity more.`;
    },
    draw,
    csv: () => {
      const { rows, names, stands_out: standsOut } = state.points;
      const columns = ["contribution", "change", "misfit"];
      const lines = rows.map((row, i) => [
        ...[row, names[i]],
        ...columns.map((column) => csvNumber(state.points[column][i])),
        standsOut[i],
      ]);
      return [["row", "sample", ...columns, "stands_out"], ...lines];
    },
  });
};

const MEANS = ["change", "contribution"];

/** Means of classes or tokens, one below the other, or of positions in their order. */
const addMeans = (state, fileName, key, title, noun) => {
  const inOrder = key === "positions";

  const hoverTexts = () => {
    const table = state[key];
    const textOf = (mean, value) => (mean === "change" ? formatNumber(value) : signedNumber(value));
    const interval = (name, i) =>
      Number.isFinite(table[`${name}_low`][i])
        ? ` (${["low", "high"].map((end) => textOf(name, table[`${name}_${end}`][i])).join(" to ")})`
        : "";
    return table.names.map((name, i) =>
      [
        `<b>${noun} ${plotlyText(name, 60)}</b>: ${count(table.n_samples[i], "row")}`,
        ...MEANS.map((mean) => `mean ${mean} ${textOf(mean, table[mean][i])}${interval(mean, i)}`),
        `mean misfit ${formatNumber(table.misfit[i], 2)} (p = ${formatNumber(table.p_value[i])})`,
      ].join("<br>"),
    );
  };

  const traceOf = (mean, k) => {
    const table = state[key];
    const places = table.names.map((name, i) => (inOrder ? Number(name) : i));
    const lengths = (end, sign) =>
      table[`${mean}_${end}`].map((bound, i) => Math.max(sign * (bound - table[mean][i]), 0) || 0);
    const bars = {
      type: "data",
      symmetric: false,
      color: "#555", // Plotly takes no colour from markers of several colours
      thickness: 1.3,
      width: 3,
      array: lengths("high", 1),
      arrayminus: lengths("low", -1),
    };
    const values = finiteOrNull(table[mean]);
    const axes = k === 0 ? {} : { [inOrder ? "yaxis" : "xaxis"]: inOrder ? "y2" : "x2" };
    return {
      type: "scatter",
      mode: "markers",
      cliponaxis: false,
      text: hoverTexts(),
      hovertemplate: "%{text}<extra></extra>",
      marker: {
        size: 8,
        color: table.stands_out.map((isOutlying) => colourOf(isOutlying ? MARK : 0)),
        symbol: table.stands_out.map((isOutlying) =>
          isOutlying ? symbolOf(MARK) : openSymbolOf(0),
        ),
      },
      ...axes,
      ...(inOrder
        ? { x: places, y: values, error_y: bars }
        : { x: values, y: places, error_x: bars }),
    };
  };

  const draw = (width) => {
    const { names } = state[key];
    const height = Math.max(22 * names.length, 90);
    const valueAxis = (mean, domain) =>
      axis(mean, {
        domain,
        zeroline: true,
        zerolinecolor: "#999",
        tickangle: 0,
        nticks: isNarrow(width) ? 3 : 5,
      });
    const placeAxis = axis("", {
      ...ticks(names, fittingTicks(height), isNarrow(width) ? 12 : 28),
      range: [names.length - 0.5, -0.5],
    });
    return {
      traces: MEANS.map(traceOf),
      layout: {
        hovermode: "closest",
        ...(inOrder
          ? {
              height: 400,
              xaxis: axis("position", { anchor: "y2" }),
              yaxis: valueAxis("change", [0.55, 1]),
              yaxis2: valueAxis("contribution", [0, 0.45]),
            }
          : {
              height: height + 70,
              xaxis: valueAxis("change", [0, 0.46]),
              xaxis2: valueAxis("contribution", [0.54, 1]),
              yaxis: placeAxis,
            }),
      },
    };
  };

  return addFigure({
    title,
    fileName: `${fileName}-${key}`,
    caption: () => {
      const { names, n, stands_out: standsOut } = state[key];
      const order = inOrder ? "from the first" : "largest misfit first";
      const shown = names.length < n ? `${names.length} of ${n} are shown, ${order}. ` : "";
      const level = formatNumber(100 - 100 * state.alpha, 0);
      return (
        `The mean change and contribution of the samples of each ${noun}, with ${level} % ` +
        `intervals. ${shown}Filled squares (${standsOut.filter(Boolean).length}): the samples fit ` +
        `worse than those of other ${key}.`
      );
    },
    draw,
    csv: () => {
      const columns = [
        "n_samples",
        ...MEANS.flatMap((mean) => [mean, `${mean}_low`, `${mean}_high`]),
        ...["misfit", "p_value"],
      ];
      const rows = state[key].names.map((name, i) => [
        name,
        ...columns.map((column) => csvNumber(state[key][column][i])),
        state[key].stands_out[i],
      ]);
      return [[noun, ...columns, "stands_out"], ...rows];
    },
  });
};

const addNeurons = (state, fileName) => {
  const draw = () => {
    const traces = sides.map((side, k) => {
      const {
        names,
        r_squared: rSquared,
        predicted,
        partner,
        has_partner: hasPartner,
      } = state.neurons[side];
      const order = names
        .map((_, i) => i)
        .filter((i) => Number.isFinite(rSquared[i]))
        .sort((i, j) => rSquared[j] - rSquared[i]);
      return {
        type: "scatter",
        mode: "markers",
        name: `neurons of ${side}`,
        x: order.map((_, rank) => rank + 1),
        y: order.map((i) => rSquared[i]),
        cliponaxis: false,
        text: order.map((i) =>
          [
            `neuron ${plotlyText(names[i], 60)} of ${side}: R² ${formatNumber(rSquared[i])}`,
            hasPartner[i]
              ? `partner: neuron ${plotlyText(partner[i], 60)}, correlation ${formatNumber(
                  state.neurons[side].partner_correlation[i],
                )}`
              : "no partner of its own",
          ].join("<br>"),
        ),
        hovertemplate: "%{text}<extra></extra>",
        marker: {
          size: 7,
          color: colourOf(k),
          symbol: order.map((i) => (predicted[i] ? symbolOf(k) : openSymbolOf(k))),
        },
      };
    });
    const lowest = Math.min(0, ...traces.flatMap(({ y }) => y));
    return {
      traces,
      layout: {
        height: 300,
        showlegend: true,
        legend: LEGEND,
        hovermode: "closest",
        xaxis: axis("neurons, best predicted first"),
        yaxis: axis("held-out R²", { range: [Math.max(lowest, -0.5) - 0.05, 1.02] }),
      },
    };
  };

  return addFigure({
    title: "Neurons predicted from the other side",
    fileName: `${fileName}-neurons`,
    caption: () => {
      const isCut = sides.some((side) => state.neurons[side].names.length < state.neurons[side].n);
      return (
        "How well ridge regression predicts each neuron from all neurons of the other side, on " +
        `held-out samples. Filled: above noise; open: not.${isCut ? " Shown are the worst predicted." : ""}`
      );
    },
    draw,
    csv: () => {
      const keys = [
        "r_squared",
        "p_value",
        "predicted",
        "has_partner",
        "partner",
        "partner_correlation",
      ];
      const rows = sides.flatMap((side) => {
        const table = state.neurons[side];
        const cellOf = (key, i) =>
          typeof table[key][i] === "number" ? csvNumber(table[key][i]) : table[key][i];
        return table.names.map((name, i) => [side, name, ...keys.map((key) => cellOf(key, i))]);
      });
      return [["side", "neuron", ...keys], ...rows];
    },
  });
};

/** The figures of an explanation; `show(view)` draws those that the explanation has. */
export const addExplanationFigures = (fileName) => {
  const state = {};
  const name = `${fileName}-explanation`;
  const figures = {
    directions: addDirections(state, name),
    points: addPoints(state, name),
    classes: addMeans(state, name, "classes", "Classes", "class"),
    tokens: addMeans(state, name, "tokens", "Tokens", "token"),
    positions: addMeans(state, name, "positions", "Positions", "position"),
    neurons: addNeurons(state, name),
  };
  const show = (view) => {
    state.alpha = view.alpha;
    state.nRows = view.n_rows;
    for (const key of ["directions", "points", "classes", "tokens", "positions"]) {
      state[key] = view[key] && unpackAll(view[key]);
    }
    state.neurons = Object.fromEntries(sides.map((side) => [side, unpackAll(view.neurons[side])]));
    for (const [key, figure] of Object.entries(figures)) {
      const hasMisfit = key !== "points" || state.points.misfit.some(Number.isFinite);
      figure.box.hidden = !state[key] || !hasMisfit;
      if (!figure.box.hidden) figure.update();
    }
  };
  return { ...figures, show };
};
