/* Network map: networks as points in a plane. */

import { axis } from "./axes.js";
import { addFigure } from "./figure.js";
import { colourOf, isNarrow, LEGEND_ABOVE, outlineOf, symbolOf } from "./style.js";
import { csvNumber, plotlyText, ROUNDING } from "./text.js";

/** Points closer than this share of the map's extent have names on different sides. */
const CLOSE = 0.12;

const areSamePoint = (points) => points.every(([x, y]) => Math.hypot(x, y) < ROUNDING);

/** Where to write the name of each point; undefined if two close points already have names. */
export const namePositions = (points) => {
  const extents = [0, 1].map((dimension) => {
    const values = points.map((point) => point[dimension]);
    return Math.max(...values) - Math.min(...values);
  });
  const extent = Math.max(...extents);
  const areClose = ([x1, y1], [x2, y2]) => Math.hypot(x1 - x2, y1 - y2) < CLOSE * extent;
  return points.map((point, i) => {
    const nClose = points.filter((other, j) => j < i && areClose(point, other)).length;
    return ["top center", "bottom center"][nClose];
  });
};

export const addNetworkMap = (groups, state, fileName) => {
  const caption = () => {
    const { points, varianceShare } = state.networks;
    const groupHint = groups.length ? ["Colour and symbol show the group."] : [];
    if (areSamePoint(points)) {
      return ["All networks are at the same point, up to rounding.", ...groupHint].join(" ");
    }
    const parts = [
      "Distances between points approximate the distances between networks (classical " +
        `multidimensional scaling); the plane keeps ${Math.round(100 * varianceShare)} % of the ` +
        "variance. Only the distances have a meaning, not the axes.",
      ...groupHint,
    ];
    if (!namePositions(points).every((position) => position)) {
      parts.push("Where points are close, some names appear only on hover.");
    }
    return parts.join(" ");
  };

  const draw = (width) => {
    const { names, points, groups: groupNames } = state.networks;
    const hasNames = names.length <= (isNarrow(width) ? 12 : 25);
    const positions = namePositions(points);
    const traceOf = (name, c, networks) => ({
      type: "scatter",
      mode: hasNames ? "markers+text" : "markers",
      name: plotlyText(name, 24),
      x: networks.map((i) => points[i][0]),
      y: networks.map((i) => points[i][1]),
      text: networks.map((i) => (positions[i] ? plotlyText(names[i], 18) : "")),
      textposition: networks.map((i) => positions[i] || "top center"),
      textfont: { size: 11 },
      hovertext: networks.map((i) => plotlyText(names[i], 60)),
      hovertemplate: "%{hovertext}<extra></extra>",
      cliponaxis: false,
      marker: {
        size: 10,
        color: colourOf(c),
        symbol: symbolOf(c),
        line: { width: outlineOf(c) },
      },
    });
    const networks = names.map((_, i) => i);
    const membersOf = (group) => networks.filter((i) => groupNames[i] === group);
    return {
      traces: groups.length
        ? groups.map((group, c) => traceOf(group, c, membersOf(group)))
        : [traceOf("networks", 0, networks)],
      layout: {
        height: 420,
        hovermode: "closest",
        showlegend: groups.length > 0,
        legend: LEGEND_ABOVE,
        margin: { l: 56, r: 24, t: 20, b: 48 },
        xaxis: axis("first coordinate (distance)", areSamePoint(points) ? { range: [-1, 1] } : {}),
        yaxis: axis("second coordinate (distance)", { scaleanchor: "x", scaleratio: 1 }),
      },
    };
  };

  const csv = () => {
    const { names, points, groups: groupNames } = state.networks;
    const rows = names.map((name, i) => [
      name,
      ...(groups.length ? [groupNames[i]] : []),
      ...points[i].map(csvNumber),
    ]);
    return [["network", ...(groups.length ? ["group"] : []), "first", "second"], ...rows];
  };

  return addFigure({
    title: "Map of the networks",
    fileName: `${fileName}-map`,
    caption,
    draw,
    csv,
  });
};
