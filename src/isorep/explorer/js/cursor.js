/* Cursor: selects a cell of a figure by mouse, touch or keyboard. */

import { element } from "./elements.js";

const SELECTED = "#c40000";

/** A rectangle around the cell in row i and column j. */
export const cellOutline = ([i, j], color, width, dash) => ({
  type: "rect",
  xref: "x",
  yref: "y",
  x0: j - 0.5,
  x1: j + 0.5,
  y0: i - 0.5,
  y1: i + 0.5,
  layer: "above",
  fillcolor: "rgba(0,0,0,0)",
  line: { color, width, dash },
});

/** A full-width rectangle around row i. */
export const rowOutline = ([i], color, width, dash) => ({
  ...cellOutline([i, 0], color, width, dash),
  xref: "paper",
  x0: 0,
  x1: 1,
});

/** The cell that a key press moves to, or undefined for another key. */
export const cellAfterKey = (key, [i, j], [height, width], rowsUpwards = false) => {
  const up = rowsUpwards ? 1 : -1;
  const targets = {
    ArrowUp: [i + up, j],
    ArrowDown: [i - up, j],
    ArrowLeft: [i, j - 1],
    ArrowRight: [i, j + 1],
    Home: [i, 0],
    End: [i, width - 1],
  };
  if (!Object.hasOwn(targets, key)) return undefined;
  const [row, column] = targets[key];
  return [Math.min(Math.max(row, 0), height - 1), Math.min(Math.max(column, 0), width - 1)];
};

/**
 * Add a cursor to a figure: arrow keys move it, Enter, Space and clicks select its cell.
 *
 * `size()` returns the number of rows and columns; `describe(i, j)` the text below the figure;
 * `select(i, j)` reacts to a selection; `selected()` returns the selected cell, if any;
 * `shapes()` returns the figure's other shapes; `snap(cell)` returns the cell to use instead;
 * `outline` draws a cell; `rowsUpwards` says that row 0 is at the bottom.
 */
export const addCursor = (figure, options) => {
  const { size, describe, rowsUpwards } = options;
  const { select = () => {}, selected = () => null, shapes = () => [] } = options;
  const { snap = (cell) => cell, outline = cellOutline } = options;
  const { canvas, tools } = figure;
  const readout = element("p", { class: "readout", role: "status" });
  tools.before(readout);

  // A light line around a dark line is visible on every colour.
  const outlines = (cell, color, width, dash) =>
    cell ? [outline(cell, "#fff", width + 2), outline(cell, color, width, dash)] : [];
  let hasFocus = false;
  figure.cursor = [0, 0];
  figure.shapes = () => [
    ...shapes(),
    ...outlines(selected(), SELECTED, 2.5),
    ...outlines(hasFocus ? figure.cursor : null, "#000", 2, "dot"),
  ];
  figure.drawShapes = () => {
    if (canvas.layout) Plotly.relayout(canvas, { shapes: figure.shapes() });
  };
  const moveTo = (cell) => {
    figure.cursor = cell;
    readout.replaceChildren(...[describe(...cell)].flat());
    figure.drawShapes();
  };

  canvas.addEventListener("focus", () => {
    hasFocus = true;
    moveTo(figure.cursor);
  });
  canvas.addEventListener("blur", () => {
    hasFocus = false;
    figure.drawShapes();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isSelection = event.key === "Enter" || event.key === " ";
    const target = cellAfterKey(event.key, figure.cursor, size(), rowsUpwards);
    if (!target && !isSelection) return;
    event.preventDefault();
    if (isSelection) select(...figure.cursor);
    else moveTo(snap(target));
  });
  /** Plotly adds `canvas.on` when it draws the figure, so listen to clicks after the first draw. */
  figure.listen = () =>
    canvas.on("plotly_click", ({ points: [point] }) => {
      const [i, j] = snap([Math.round(point.y), Math.round(point.x)]);
      const [height, width] = size();
      if (i < 0 || j < 0 || i >= height || j >= width) return;
      moveTo([i, j]);
      select(i, j);
    });
};
