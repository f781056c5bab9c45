/* Sweep section: shows a table of isorep.pairwise. */

import { axis, layerAxis, wrapTitle } from "./axes.js";
import { controls, dropdown, element } from "./elements.js";
import { addFigure } from "./figure.js";
import { addGroupTests } from "./group_tests.js";
import { addNetworkMap } from "./network_map.js";
import { addNetworkMatrix } from "./network_matrix.js";
import { finiteOrNull, toRows, unpackNumbers } from "./packing.js";
import { colourOf, dashOf, LEGEND_ABOVE, symbolOf } from "./style.js";
import {
  count,
  csvNumber,
  describeMeasure,
  describeQuantity,
  formatNumber,
  plotlyText,
} from "./text.js";

/** The networks at one layer, in the order of the tree. */
const unpackLayer = (packed, networks, groups) => {
  const { order, kept } = packed;
  const distances = toRows(unpackNumbers(packed.distances), kept.length);
  const points = toRows(unpackNumbers(packed.points), 2);
  const inTreeOrder = (rows) => order.map((i) => order.map((j) => rows[i][j]));
  return {
    inferred: Object.fromEntries(
      Object.entries(packed.inferred).map(([key, values]) => [
        key,
        inTreeOrder(toRows(unpackNumbers(values), kept.length)),
      ]),
    ),
    names: order.map((i) => networks[kept[i]]),
    groups: groups && order.map((i) => groups[kept[i]]),
    distances: inTreeOrder(distances),
    points: order.map((i) => points[i]),
    varianceShare: packed.share,
    treeX: toRows(unpackNumbers(packed.tree_across), 4),
    treeY: toRows(unpackNumbers(packed.tree_heights), 4),
    excluded: packed.excluded,
  };
};

const addGroupCurves = (layers, state, quantity, fileName) => {
  const unpackCurves = () =>
    state.measure.curves.map(({ group, mean, sd, pairs }) => ({
      ...{ group, pairs },
      mean: unpackNumbers(mean),
      sd: unpackNumbers(sd),
    }));

  const draw = (width) => {
    const curves = unpackCurves();
    const traces = curves.map(({ group, mean, sd, pairs }, c) => ({
      type: "scatter",
      mode: "lines+markers",
      name: plotlyText(group, 28),
      // Curves are offset, so that their error bars do not overlap.
      x: layers.map((_, i) => i + (c - (curves.length - 1) / 2) * 0.05),
      y: finiteOrNull(mean),
      error_y: {
        type: "data",
        array: sd.map((value) => (Number.isFinite(value) ? value : 0)),
        thickness: 1.2,
        width: 4,
      },
      text: layers.map((layer, i) =>
        [
          plotlyText(group, 60),
          plotlyText(layer, 60),
          `${formatNumber(mean[i])} ± ${formatNumber(sd[i])}, ${count(pairs[i], "pair")}`,
        ].join("<br>"),
      ),
      hovertemplate: "%{text}<extra></extra>",
      cliponaxis: false,
      line: { color: colourOf(c), dash: dashOf(c), width: 2 },
      marker: { size: 8, symbol: symbolOf(c) },
    }));
    return {
      traces,
      layout: {
        height: 400,
        hovermode: "closest",
        showlegend: true,
        legend: LEGEND_ABOVE,
        xaxis: layerAxis(layers, width, { range: [-0.5, layers.length - 0.5] }),
        yaxis: axis(wrapTitle(quantity(), width), { range: state.measure.range }),
      },
    };
  };

  return addFigure({
    title: "Distances within and between groups",
    fileName: `${fileName}-groups`,
    caption: () =>
      `${quantity()}: mean over ordered pairs of different networks at each layer. ` +
      "Bars show one standard deviation of the pairs.",
    draw,
    csv: () => [
      ["group", "layer", "mean_distance", "standard_deviation", "pairs"],
      ...unpackCurves().flatMap(({ group, mean, sd, pairs }) =>
        layers.map((layer, i) => [group, layer, csvNumber(mean[i]), csvNumber(sd[i]), pairs[i]]),
      ),
    ],
  });
};

export const sweepSection = ({ networks, layers, opened, groups, measures }, fileName) => {
  const state = { measure: measures[0], layer: opened, networks: null };
  const quantity = () =>
    describeQuantity(`${describeMeasure(state.measure)} distance`, state.measure.units);
  const distinctGroups = groups ? [...new Set(groups)] : [];

  const matrix = addNetworkMatrix(layers, state, quantity, fileName);
  const map = addNetworkMap(distinctGroups, state, fileName);
  const curves = groups && addGroupCurves(layers, state, quantity, fileName);
  const tests = groups && addGroupTests(layers, state);

  const update = () => {
    state.networks = unpackLayer(state.measure.layers[state.layer], networks, groups);
    matrix.cursor = [0, 0];
    matrix.update();
    map.update();
    if (curves) curves.update();
    if (tests) tests.update();
  };
  const measureNames = measures.map(({ title }) => title);
  const measureDropdown = dropdown("Measure", measureNames, (i) => {
    state.measure = measures[i];
    update();
  });
  const layerDropdown = dropdown("Layer", layers, (i) => {
    state.layer = i;
    update();
  });
  layerDropdown.select.value = opened;
  return {
    title: "Networks",
    summary:
      `${count(networks.length, "network")}, each compared with every other, ` +
      `at ${count(layers.length, "layer")}.`,
    parts: [
      controls(measureDropdown, layerDropdown),
      element("div", { class: "columns" }, matrix.box, map.box),
      ...(curves ? [curves.box, tests.box] : []),
    ],
    start: () => {
      update();
      matrix.listen();
    },
  };
};
