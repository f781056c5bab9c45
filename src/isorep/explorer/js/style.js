/* Style: colours, symbols and Plotly settings that all figures share. */

/** Colour scale of heatmaps; light means similar, for similarities and distances alike. */
export const SEQUENTIAL = "Viridis";

// Colours that colour-blind readers can distinguish (Okabe and Ito, then Tol). Symbols and dashes
// repeat the distinction; open symbols follow after ten.
const COLOURS = [
  ...["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#5A5A5A"],
  ...["#E69F00", "#56B4E9", "#882255", "#000000", "#999933"],
];
const FILLED_SYMBOLS = [
  ...["circle", "square", "triangle-up", "diamond", "x"],
  ...["cross", "star", "triangle-down", "pentagon", "hourglass"],
];
const SYMBOLS = [...FILLED_SYMBOLS, ...FILLED_SYMBOLS.map((symbol) => `${symbol}-open`)];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];

export const colourOf = (i) => COLOURS[i % COLOURS.length];
export const symbolOf = (i) => SYMBOLS[i % SYMBOLS.length];
export const openSymbolOf = (i) => `${FILLED_SYMBOLS[i % FILLED_SYMBOLS.length]}-open`;
export const dashOf = (i) => DASHES[i % DASHES.length];
/** Outline width of the marker of class `i`: open symbols need a visible line. */
export const outlineOf = (i) => (i < FILLED_SYMBOLS.length ? 0 : 1.5);

const VIRIDIS = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];

/** The Viridis colour at a fraction of the way from dark to light. */
export const viridis = (fraction) => {
  const position = fraction * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(position), VIRIDIS.length - 2);
  const channels = VIRIDIS[i].map((dark, c) =>
    Math.round(dark + (VIRIDIS[i + 1][c] - dark) * (position - i)),
  );
  return `rgb(${channels.join(",")})`;
};

/** Whether a figure of this width, in pixels, is on a phone. */
export const isNarrow = (width) => width < 520;

export const LEGEND_ABOVE = { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 };
export const LEGEND_BELOW = { orientation: "h", y: -0.22, yanchor: "top" };

// Not responsive: Plotly would forget the height that a figure sets.
export const CONFIG = { responsive: false, displayModeBar: false, scrollZoom: false };

export const LAYOUT = {
  font: {
    family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    size: 13,
    color: "#222",
  },
  paper_bgcolor: "#fff",
  plot_bgcolor: "#fff",
  margin: { l: 56, r: 16, t: 12, b: 48 },
  hoverlabel: {
    align: "left",
    bgcolor: "#fff",
    bordercolor: "#555",
    font: { color: "#222", size: 13 },
  },
  // On a touch screen dragging scrolls the page, so it cannot zoom.
  dragmode: globalThis.matchMedia?.("(pointer: coarse)").matches ? false : "zoom",
  showlegend: false,
};

export const AXIS = {
  zeroline: false,
  gridcolor: "#e6e6e6",
  linecolor: "#999",
  ticks: "outside",
  tickcolor: "#999",
  automargin: true,
  exponentformat: "power",
};
