/* Figure: a Plotly figure with its heading, caption and downloads. */

import { download, element, newId } from "./elements.js";
import { CONFIG, LAYOUT } from "./style.js";
import { csvText } from "./text.js";

/** Width of a printed figure, in pixels. */
const PRINT_WIDTH = 580;

const figures = [];

/**
 * Add a figure.
 *
 * `draw(width)` returns Plotly's {traces, layout}, `caption()` a text or a list of texts and
 * elements, and `csv()` the rows of numbers behind the figure, with a header. `focusable` lets the
 * keyboard reach the figure (see cursor.js).
 */
export const addFigure = ({ title, fileName, caption, draw, csv, focusable }) => {
  const heading = element("h3", { id: newId("figure") }, title);
  const captionBox = element("p", { class: "caption", id: newId("caption") });
  const canvas = element("div", {
    class: "canvas",
    role: "img",
    "aria-labelledby": heading.id,
    "aria-describedby": captionBox.id,
  });
  if (focusable) {
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "heatmap");
  }
  const tools = element("div", { class: "tools" });
  const figcaption = element("figcaption", {}, heading, captionBox);
  const box = element("figure", {}, figcaption, canvas, tools);

  const figure = { box, canvas, tools };
  figure.update = (width = canvas.clientWidth) => {
    figure.width = width;
    captionBox.replaceChildren(...[caption()].flat());
    const { traces, layout } = draw(width);
    Plotly.react(canvas, traces, { ...LAYOUT, width, ...layout }, CONFIG);
  };

  const addDownload = (kind, save) => {
    const attributes = { type: "button", "aria-label": `Download ${title} as ${kind}` };
    const button = element("button", attributes, kind);
    button.addEventListener("click", save);
    tools.append(button);
  };
  addDownload("SVG", async () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    const url = await Plotly.toImage(canvas, { format: "svg", width, height });
    const svg = decodeURIComponent(url.slice(url.indexOf(",") + 1));
    download(`${fileName}.svg`, "image/svg+xml", svg);
  });
  addDownload("CSV", () => download(`${fileName}.csv`, "text/csv", csvText(csv())));

  figures.push(figure);
  return figure;
};

const visibleFigures = () => figures.filter(({ canvas }) => canvas.layout && canvas.clientWidth);

const fitFigures = () => {
  for (const figure of visibleFigures()) {
    if (figure.width !== figure.canvas.clientWidth) figure.update();
  }
};

/** Redraw figures when the window changes its size and for printing. */
export const watchWindow = () => {
  let timer = 0;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(fitFigures, 100);
  });
  addEventListener("beforeprint", () => {
    for (const figure of visibleFigures()) {
      figure.update(Math.min(PRINT_WIDTH, figure.canvas.clientWidth));
    }
  });
  addEventListener("afterprint", fitFigures);
};
