/* Explorer: draws the sections of the page from the data that the page holds.

   Names of layers, networks, samples and labels may be any text. On the page they only ever become
   textContent; in a figure they go through `label`, since Plotly reads some HTML in what it draws. */
"use strict";
(() => {
  const SEQUENTIAL = "Viridis"; // light is alike, in both directions
  const MOST_NAMES = 40; // rows up to which each is named beside its row
  const ROUNDING = 1e-6; // what is taken for rounding of a distance of 0
  const MOST_NUMBERS = 12; // rows up to which cells carry their number
  const PRINTED_WIDTH = 580; // pixels, of a figure on paper
  // Colours that colour-blind readers can tell apart (Okabe and Ito's, then Tol's); symbols and
  // dashes say the same again, and past ten come open symbols.
  const COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#5A5A5A", "#E69F00", "#56B4E9", "#882255", "#000000", "#999933"];
  const FILLED = ["circle", "square", "triangle-up", "diamond", "x", "cross", "star", "triangle-down", "pentagon", "hourglass"];
  const SYMBOLS = [...FILLED, ...FILLED.map((symbol) => `${symbol}-open`)];
  const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];

  // --- Text ---------------------------------------------------------------------------------

  // What is invisible, or would turn the text around it, is shown as its code.
  const INVISIBLE =
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
  const visible = (text) =>
    String(text).replace(INVISIBLE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

  const shortened = (text, most) => {
    const letters = Array.from(text);
    if (letters.length <= most) return text;
    const end = Math.floor((most - 1) / 2);
    return letters.slice(0, most - 1 - end).join("") + "…" + letters.slice(-end).join("");
  };

  /** What Plotly draws as this text and nothing else; letters from the right stay in their place. */
  const label = (text, most = 200) => {
    const safe = shortened(visible(text), most)
      .replace(/&/g, "&amp;")
      .replace(/</g, "&lt;")
      .replace(/>/g, "&gt;")
      .replace(/\$/g, "&#36;"); // no formula
    return /[\u0590-\u08ff\ufb1d-\ufefc]/.test(safe) ? `\u2068${safe}\u2069` : safe;
  };

  const number = (value, digits = 3) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "unknown";
    if (!Number.isFinite(value)) return value > 0 ? "infinite" : "-infinite";
    const size = Math.abs(value);
    if (size >= 1000) return value.toPrecision(4);
    return size > ROUNDING && size < 0.5 * 10 ** -digits ? value.toPrecision(2) : value.toFixed(digits);
  };

  const direction = (quantity, units) => {
    const same = quantity.endsWith("distance") ? "0 is the same" : "1 is the same";
    return units === "1" || !quantity.endsWith("distance")
      ? `${quantity} (${same})`
      : `${quantity} (${units}, ${same})`;
  };

  // --- Data ---------------------------------------------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;

  /** The numbers of a packed array, one after another; what is not finite stays so. */
  const numbers = (packed) =>
    packed.f32 !== undefined
      ? Array.from(new Float32Array(bytes(packed.f32)))
      : Array.from(new Int16Array(bytes(packed.i16)), (value) => value * packed.unit);

  const rows = (flat, width) =>
    Array.from({ length: width ? flat.length / width : 0 }, (_, i) =>
      flat.slice(i * width, (i + 1) * width),
    );

  const drawn = (values) => values.map((value) => (Number.isFinite(value) ? value : null));

  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

  // --- Page ---------------------------------------------------------------------------------

  let made = 0;
  const newId = (word) => `${word}-${++made}`;

  const element = (tag, attributes = {}, ...children) => {
    const found = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    found.append(...children);
    return found;
  };

  /** A name in a sentence: isolated, so that letters from the right do not turn the sentence. */
  const named = (text) => element("bdi", { class: "name" }, visible(text));

  const chooser = (caption, options, change) => {
    const select = element("select", { id: newId("choose") });
    options.forEach((text, i) => select.append(element("option", { value: i }, visible(text))));
    select.addEventListener("change", () => change(Number(select.value)));
    const box = element("div", { class: "control" }, element("label", { for: select.id }, caption), select);
    return { box, select };
  };

  const save = (name, type, content) => {
    const url = URL.createObjectURL(new Blob([content], { type }));
    const link = element("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  const csvOf = (table) =>
    table
      .map((row) =>
        row
          .map((value) => {
            if (value === null || value === undefined || Number.isNaN(value)) return "";
            const text = String(value);
            return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
          })
          .join(","),
      )
      .join("\n") + "\n";

  /** A float32's shortest text that reads back as itself. */
  const exact = (value) =>
    Number.isFinite(value) ? String(Number(value.toPrecision(8))) : Number.isNaN(value) ? "" : value;

  const figures = [];
  // Not responsive: Plotly would forget the height that a figure asks for.
  const CONFIG = { responsive: false, displayModeBar: false, scrollZoom: false };
  const LAYOUT = {
    font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", size: 13, color: "#222" },
    paper_bgcolor: "#fff",
    plot_bgcolor: "#fff",
    margin: { l: 56, r: 16, t: 12, b: 48 },
    hoverlabel: { align: "left", bgcolor: "#fff", bordercolor: "#555", font: { color: "#222", size: 13 } },
    // A finger scrolls the page; a mouse drags a part of the figure nearer.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    showlegend: false,
  };
  const AXIS = { zeroline: false, gridcolor: "#e6e6e6", linecolor: "#999", ticks: "outside", tickcolor: "#999", automargin: true, exponentformat: "power" };

  /** A figure with its heading, how to read it, and its downloads.

  `draw(width)` returns {traces, layout}; `csv()` the rows behind it. */
  const figure = ({ title, how, file, draw, csv, focusable }) => {
    const heading = element("h3", { id: newId("figure") }, title);
    const canvas = element("div", { class: "canvas", role: "img", "aria-labelledby": heading.id });
    const caption = element("p", { class: "how", id: newId("how") });
    canvas.setAttribute("aria-describedby", caption.id);
    const tools = element("div", { class: "tools" });
    const box = element("figure", {}, element("figcaption", {}, heading, caption), canvas, tools);
    if (focusable) {
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "application");
      canvas.setAttribute("aria-roledescription", "heatmap");
    }
    const own = { box, canvas, tools };
    own.update = (width = canvas.clientWidth) => {
      own.width = width;
      caption.replaceChildren(...[how()].flat());
      const { traces, layout } = draw(width);
      Plotly.react(canvas, traces, { ...LAYOUT, width, ...layout }, CONFIG);
    };
    const button = (text, act) => {
      const pressed = element("button", { type: "button", "aria-label": `Download ${title} as ${text}` }, text);
      pressed.addEventListener("click", act);
      tools.append(pressed);
    };
    button("SVG", async () => {
      const { clientWidth: width, clientHeight: height } = canvas;
      const url = await Plotly.toImage(canvas, { format: "svg", width, height });
      save(`${file}.svg`, "image/svg+xml", decodeURIComponent(url.slice(url.indexOf(",") + 1)));
    });
    button("CSV", () => save(`${file}.csv`, "text/csv", csvOf(csv())));
    figures.push(own);
    return own;
  };

  const shownFigures = () => figures.filter(({ canvas }) => canvas.layout && canvas.clientWidth);
  const fit = () => {
    for (const own of shownFigures()) if (own.width !== own.canvas.clientWidth) own.update();
  };
  let resizing = 0;
  addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(fit, 100);
  });
  addEventListener("beforeprint", () => {
    for (const own of shownFigures()) own.update(Math.min(PRINTED_WIDTH, own.canvas.clientWidth));
  });
  addEventListener("afterprint", fit);

  /** How much all names have in common at their start, up to where a part of a name ends. */
  const shared = (names) => {
    let start = names.length > 1 ? names[0] : "";
    for (const name of names) while (!name.startsWith(start)) start = start.slice(0, -1);
    return start.replace(/[^./_:\- ]*$/, "").length;
  };
  const turned = (text) => Array.from(text).reverse().join("");

  /** A name of parts, of which the first ones shrink to a letter each until it fits; numbers stay. */
  const initials = (name, letters) => {
    const parts = name.split(/([./])/);
    for (let i = 0; i < parts.length - 1 && parts.join("").length > letters; i += 2) {
      if (/^[A-Za-z_]\w*$/.test(parts[i])) parts[i] = parts[i][0];
    }
    const last = parts.pop();
    const room = letters - parts.join("").length;
    // The end of the last part tells less than the initials before it.
    const cut = /^[A-Za-z_]\w*$/.test(last) && room > 2 && last.length > room && parts.length > 0;
    return parts.join("") + (cut ? `${last.slice(0, room - 1)}…` : last);
  };

  /**
   * Names so short that they fit: first without what all have in common, then by the initials of
   * their parts, so that they still differ, then cut in the middle.
   */
  const brief = (names, letters) => {
    let all = names.map(visible);
    if (all.every((name) => Array.from(name).length <= letters)) return all.map((name) => label(name));
    const start = shared(all);
    if (start > 3) all = all.map((name) => `…${name.slice(start)}`);
    const backwards = all.map(turned);
    const end = shared(backwards);
    if (end > 3) all = backwards.map((name) => turned(`…${name.slice(end)}`));
    return all.map((name) => label(initials(name, letters), letters));
  };

  /** Names for the ticks of an axis on which item i stands at i: never more than fit. */
  const ticks = (names, most = MOST_NAMES, letters = 18) => {
    const step = Math.ceil(names.length / most);
    const told = brief(names, letters);
    const at = names.map((_, i) => i).filter((i) => i % step === 0);
    return { tickmode: "array", tickvals: at, ticktext: at.map((i) => told[i]) };
  };

  const isNarrow = (wide) => wide < 520;
  /** A title that fits beside a low figure, too. */
  const beside = (text, wide) => (isNarrow(wide) ? text.replace(" (", "<br>(") : text);

  /** An axis of layers, one at each whole number; names lie down where there is room. */
  const layerAxis = (layers, wide, more) => {
    const letters = isNarrow(wide) ? 9 : 18;
    const side = wide - 130;
    const all = layers.reduce((sum, name) => sum + 2 + Math.min(Array.from(visible(name)).length, letters), 0);
    const lying = all * 8 < side;
    return namedAxis("layer", { ...ticks(layers, fitting(side), letters), tickangle: lying ? 0 : -45, ...more });
  };

  /** How many names fit along so many pixels. */
  const fitting = (pixels) => Math.max(2, Math.floor(pixels / 17));

  const namedAxis = (title, more = {}) => ({ ...AXIS, title: { text: title, standoff: 8 }, ...more });

  // --- A matrix of cells, walked by mouse, finger or keyboard ---------------------------------

  /** Paths over cells: one element however many cells there are. */
  const strokes = (cells, of) => cells.map(([i, j]) => of(i, j)).join("");
  const hatch = (i, j) =>
    `M${j - 0.5},${i}L${j},${i + 0.5}M${j - 0.5},${i - 0.5}L${j + 0.5},${i + 0.5}M${j},${i - 0.5}L${j + 0.5},${i}`;
  const slash = (i, j) => `M${j - 0.5},${i - 0.5}L${j + 0.5},${i + 0.5}`;
  const cross = (i, j) =>
    `M${j - 0.3},${i - 0.3}L${j + 0.3},${i + 0.3}M${j - 0.3},${i + 0.3}L${j + 0.3},${i - 0.3}`;
  const overlaid = (path, colour, width) => ({
    type: "path", path, xref: "x", yref: "y", layer: "above", fillcolor: "rgba(0,0,0,0)", line: { color: colour, width },
  });
  /** Light around dark frames are seen on every colour. */
  const framed = ([i, j], colour, width, dash) => ({
    type: "rect", xref: "x", yref: "y", x0: j - 0.5, x1: j + 0.5, y0: i - 0.5, y1: i + 0.5,
    layer: "above", fillcolor: "rgba(0,0,0,0)", line: { color: colour, width, dash },
  });

  /** Lets arrow keys move a cursor over a figure's cells and Enter choose; likewise a click. */
  const walk = (own, size, { marks, shown, tell, choose, upwards, settle = (cell) => cell, frame = framed }) => {
    const readout = element("p", { class: "readout", role: "status" });
    own.tools.before(readout);
    own.cursor = [0, 0];
    own.focused = false;
    own.shapes = () => [
      ...marks(),
      ...(shown() ? [frame(shown(), "#fff", 4.5), frame(shown(), "#c40000", 2.5)] : []),
      ...(own.focused ? [frame(own.cursor, "#fff", 4), frame(own.cursor, "#000", 2, "dot")] : []),
    ];
    own.place = () => own.canvas.layout && Plotly.relayout(own.canvas, { shapes: own.shapes() });
    const move = (cell) => {
      own.cursor = cell;
      readout.replaceChildren(...[tell(...cell)].flat());
      own.place();
    };
    own.canvas.addEventListener("focus", () => {
      own.focused = true;
      move(own.cursor);
    });
    own.canvas.addEventListener("blur", () => {
      own.focused = false;
      own.place();
    });
    own.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const [height, width] = size();
      const [i, j] = own.cursor;
      const up = upwards ? 1 : -1;
      const to = {
        ArrowUp: [i + up, j], ArrowDown: [i - up, j], ArrowLeft: [i, j - 1], ArrowRight: [i, j + 1],
        Home: [i, 0], End: [i, width - 1],
      }[event.key];
      const chosen = event.key === "Enter" || event.key === " ";
      if (!to && !chosen) return;
      event.preventDefault();
      if (chosen) choose(i, j);
      else move(settle([Math.min(Math.max(to[0], 0), height - 1), Math.min(Math.max(to[1], 0), width - 1)]));
    });
    own.listen = () =>
      own.canvas.on("plotly_click", ({ points }) => {
        const [i, j] = settle([Math.round(points[0].y), Math.round(points[0].x)]);
        const [height, width] = size();
        if (i < 0 || j < 0 || i >= height || j >= width) return;
        move([i, j]);
        choose(i, j);
      });
  };

  // --- compare: a grid of layers ----------------------------------------------------------------

  const QUANTITIES = ["similarity", "corrected", "calibrated", "distance"];
  const WORDS = {
    corrected: "similarity, corrected for the number of samples",
    calibrated: "similarity, calibrated: 0 at chance",
  };

  const gridSection = (data, file) => {
    const { x_layers: xs, y_layers: ys } = data;
    const width = ys.length;
    const at = (i, j) => i * width + j;
    const measures = data.measures.map((measure) => {
      const unpacked = { ...measure };
      for (const [key, value] of Object.entries(measure)) if (value && value.f32 !== undefined) unpacked[key] = numbers(value);
      return unpacked;
    });
    const samples = numbers(data.n_samples);
    const real = data.n_significant && numbers(data.n_significant);
    const said = (texts, k) => texts.known[texts.at[k]];
    const details = data.details;
    // Of `isorep.diff`: each layer with its namesake alone, corrected, as it was judged.
    const alone = data.diagonal;
    const state = { measure: measures[0], quantity: alone && measures[0].corrected ? "corrected" : "similarity", cell: null };
    const offered = () => QUANTITIES.filter((quantity) => state.measure[quantity]);

    const cells = alone ? xs.map((_, i) => [i, i]) : xs.flatMap((_, i) => ys.map((_, j) => [i, j]));
    const first = () => {
      if (alone) return cells[0];
      // A layer with itself is the same, which is no news.
      const known = cells.filter(([i, j]) => Number.isFinite(state.measure.similarity[at(i, j)]));
      const shown = details ? known.filter(([i, j]) => details.cells[`${i},${j}`]) : known;
      const from = shown.length ? shown : known.length ? known : cells;
      const value = ([i, j]) => state.measure.similarity[at(i, j)];
      const news = from.filter((cell) => value(cell) < 0.9999);
      return (news.length ? news : from).reduce((best, cell) => (value(cell) > value(best) ? cell : best));
    };

    const facts = (i, j, measure) => {
      const k = at(i, j);
      const lines = [];
      if (Number.isFinite(measure.similarity[k])) {
        lines.push(["similarity (1 is the same)", number(measure.similarity[k])]);
        const units = measure.units === "1" ? "" : ` ${measure.units}`;
        lines.push(["distance (0 is the same)", `${number(measure.distance[k])}${units}`]);
        if (measure.corrected) lines.push(["corrected for sample size", number(measure.corrected[k])]);
        if (measure.low) {
          const told = Number.isFinite(measure.low[k]);
          lines.push(["95 % interval", told ? `${number(measure.low[k])} to ${number(measure.high[k])}` : "unknown"]);
        }
        if (measure.chance) {
          lines.push(["chance (unrelated data)", number(measure.chance[k])]);
          lines.push(["calibrated (0 is chance)", number(measure.calibrated[k])]);
          const above = measure.p_adjusted[k] <= data.not_above_chance;
          lines.push(["p, adjusted for many cells", `${number(measure.p_adjusted[k])}${above ? "" : ": not above chance"}`]);
        }
        if (real) lines.push(["real correlations", number(real[k], 0)]);
      }
      return lines;
    };

    /** The measure's cells that say less than their colour, and how they are marked; found once. */
    const marked = () => {
      const { measure } = state;
      if (measure.marked) return measure.marked;
      const is = (test) => cells.filter(([i, j]) => test(at(i, j)));
      const missing = is((k) => Number.isNaN(measure.similarity[k]));
      const chance = measure.p_adjusted ? is((k) => measure.p_adjusted[k] > data.not_above_chance && Number.isFinite(measure.similarity[k])) : [];
      const shapes = [];
      if (missing.length) shapes.push(overlaid(strokes(missing, cross), "#777", 1.2));
      if (chance.length) {
        const path = strokes(chance, cells.length > 1600 ? slash : hatch);
        // Dark under light, to be seen on every colour.
        shapes.push(overlaid(path, "rgba(0,0,0,0.55)", 2), overlaid(path, "rgba(255,255,255,0.9)", 0.9));
      }
      measure.marked = { missing, chance, shapes };
      return measure.marked;
    };

    /** What a cell tells under the mouse. */
    const hoverOf = ([i, j], names) => {
      const k = at(i, j);
      const lines = facts(i, j, state.measure).map(([name, value]) => `${name}: ${value}`);
      const reason = said(data.reason, k);
      if (reason) lines.push(`not computed: ${label(reason, 90)}`);
      else if (said(data.warnings, k)) lines.push("to be read with care: see below");
      return [...names, ...lines].join("<br>");
    };

    /** A point for each layer, from top to bottom. */
    const lineup = (wide) => {
      const { measure, quantity } = state;
      const values = cells.map(([i, j]) => measure[quantity][at(i, j)]);
      const rowsUsed = cells.map((_, i) => i);
      const range = quantity === "distance" ? measure.distance_range : measure.similarity_range;
      const high = Math.min(Math.max(24 * xs.length, 120), 900);
      const bounded = measure.low && (quantity === "corrected" || (quantity === "similarity" && !measure.corrected));
      const end = (key) => cells.map(([i, j]) => measure[key][at(i, j)]);
      const away = (ends, sign) => ends.map((value, i) => Math.max(sign * (value - values[i]), 0) || 0);
      const traces = [{
        type: "scatter", mode: "markers", name: quantity, x: drawn(values), y: rowsUsed, cliponaxis: false,
        marker: { size: 9, color: COLOURS[0] }, text: cells.map((cell) => hoverOf(cell, [`<b>${label(xs[cell[0]], 60)}</b>`])), hovertemplate: "%{text}<extra></extra>",
        ...(bounded ? { error_x: { type: "data", symmetric: false, thickness: 1.4, width: 4, array: away(end("high"), 1), arrayminus: away(end("low"), -1) } } : {}),
      }];
      if (measure.chance && quantity === "similarity") {
        traces.push({ type: "scatter", mode: "markers", name: "chance", x: drawn(end("chance")), y: rowsUsed, marker: { size: 8, symbol: "x-thin-open", color: "#555", line: { width: 1.5 } }, hoverinfo: "skip" });
      }
      return {
        traces,
        layout: {
          height: high + 90, hovermode: "closest", hoverdistance: 40,
          showlegend: traces.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
          xaxis: namedAxis(quantity, { range: [range[0], range[1] + 0.02 * (range[1] - range[0])] }),
          yaxis: namedAxis("", { ...ticks(xs, fitting(high), isNarrow(wide) ? 12 : 28), range: [xs.length - 0.5, -0.5] }),
          shapes: heat.shapes(),
        },
      };
    };
    const bar = () => (data.at_least === null || data.at_least === undefined || ["distance", "calibrated"].includes(state.quantity) ? [] : [{
      type: "line", xref: "x", yref: "paper", x0: data.at_least, x1: data.at_least, y0: 0, y1: 1, line: { color: "#222", width: 1.4, dash: "dash" },
    }]);
    const band = ([i], colour, width, dash) => ({ ...framed([i, 0], colour, width, dash), xref: "paper", x0: 0, x1: 1 });

    const heat = figure({
      title: alone ? "Layer by layer" : "All pairs of layers",
      file: `${file}-grid`,
      focusable: true,
      how: () => {
        const { measure, quantity } = state;
        const text = [`${measure.name}: ${measure.description}. Colour is ${WORDS[quantity] || direction(quantity, measure.units)}; light is alike. `];
        const { chance, missing } = marked();
        if (alone) {
          const told = [`${measure.name}: ${measure.description}. Shown is the ${WORDS[quantity] || direction(quantity, measure.units)}. `];
          if (measure.low && quantity === "corrected") told.push("Bars are 95 % intervals. ");
          if (bar().length) told.push(`Dashed: the least that was allowed, ${data.at_least}. `);
          if (missing.length) told.push(`${count(missing.length, "layer")} could not be compared. `);
          told.push(element("span", { class: "doing" }, "Click a layer, or go with the arrow keys and press Enter, to see what lies behind it."));
          return told;
        }
        if (chance.length) text.push(`Hatched cells are not above chance (adjusted p over ${data.not_above_chance}). `);
        else if (measure.p_adjusted) text.push("All cells are above chance. ");
        if (missing.length) text.push("Crossed grey cells could not be computed. ");
        text.push(element("span", { class: "doing" }, "Click a cell, or go with the arrow keys and press Enter, to see what lies behind it."));
        return text;
      },
      draw: (wide) => {
        if (alone) return lineup(wide);
        const { measure, quantity } = state;
        const z = rows(drawn(measure[quantity]), width);
        const range = quantity === "distance" ? measure.distance_range : measure.similarity_range;
        const hover = rows(cells.map((cell) => hoverOf(cell, [`x: <b>${label(xs[cell[0]], 60)}</b>`, `y: <b>${label(ys[cell[1]], 60)}</b>`])), width);
        const narrow = isNarrow(wide);
        const many = Math.max(xs.length, ys.length);
        const letters = narrow ? 9 : 18;
        const longest = Math.max(...ys.map((name) => Math.min(Array.from(visible(name)).length, letters)));
        const side = Math.min(Math.max(wide - (narrow ? 110 : 150), 180), 560);
        const high = Math.min(Math.max((side * xs.length) / ys.length, 110), 700);
        return {
          traces: [{
            type: "heatmap", z, text: hover, hovertemplate: "%{text}<extra></extra>",
            colorscale: SEQUENTIAL, reversescale: quantity === "distance", zmin: range[0], zmax: range[1],
            xgap: many <= 40 ? 1 : 0, ygap: many <= 40 ? 1 : 0,
            texttemplate: many <= MOST_NUMBERS && !narrow ? "%{z:.2f}" : "", textfont: { size: 11 },
            colorbar: { thickness: 12, len: 1, exponentformat: "power", outlinewidth: 0, title: { text: narrow ? "" : quantity, side: "right" } },
          }],
          layout: {
            height: high + 70 + longest * 5,
            plot_bgcolor: "#e3e3e3",
            margin: { l: 40, r: 8, t: 12, b: 40 },
            xaxis: namedAxis("layer of y", { ...ticks(ys, fitting(side), letters), showgrid: false, tickangle: -45, range: [-0.5, width - 0.5], constrain: "domain" }),
            yaxis: namedAxis("layer of x", { ...ticks(xs, fitting(high), letters), showgrid: false, range: [-0.5, xs.length - 0.5] }),
            shapes: heat.shapes(),
          },
        };
      },
      csv: () => {
        const { measure } = state;
        const keys = ["similarity", "distance", "corrected", "low", "high", "chance", "calibrated", "p_adjusted"].filter((key) => measure[key]);
        const head = ["x_layer", "y_layer", "measure", ...keys, "n_samples", "x_rank", "y_rank", ...(real ? ["n_significant"] : []), "warnings", "reason"];
        return [head, ...cells.map(([i, j]) => {
          const k = at(i, j);
          return [xs[i], ys[j], measure.name, ...keys.map((key) => exact(measure[key][k])), samples[k], data.x_rank[i], data.y_rank[j], ...(real ? [exact(real[k])] : []), said(data.warnings, k), said(data.reason, k)];
        })];
      },
    });
    walk(heat, () => [xs.length, width], {
      upwards: !alone,
      marks: () => (alone ? bar() : marked().shapes),
      ...(alone ? { settle: ([i]) => [i, i], frame: band } : {}),
      shown: () => state.cell,
      tell: (i, j) => {
        const k = at(i, j);
        const { measure, quantity } = state;
        const value = measure[quantity][k];
        const told = Number.isFinite(value) ? `${measure.name} ${direction(quantity, measure.units)} ${number(value)}` : `not computed: ${visible(said(data.reason, k) || "see the other measures")}`;
        return alone ? [named(xs[i]), `: ${told}`] : [named(xs[i]), " against ", named(ys[j]), `: ${told}`];
      },
      choose: (i, j) => show(i, j),
    });

    // What lies behind one cell.
    const detail = element("section", { class: "detail", "aria-label": "What lies behind a cell" });
    const heading = element("h3", { class: "pair" });
    const table = element("table", { class: "facts" });
    const notes = element("div", { class: "notes" });
    const body = element("div", { class: "figures" });
    detail.append(heading, table, notes, body);
    const behind = details ? cellFigures(data, file, body) : null;

    const show = (i, j) => {
      state.cell = [i, j];
      heat.cursor = [i, j];
      chooseX.select.value = i;
      chooseY.select.value = j;
      if (alone) heading.replaceChildren(named(xs[i]), ", before (x) and after (y)");
      else heading.replaceChildren("x: ", named(xs[i]), " against y: ", named(ys[j]));
      const k = at(i, j);
      const all = measures.map((measure) => facts(i, j, measure));
      const fullest = all.reduce((best, one) => (one.length > best.length ? one : best), []);
      const head = element("tr", {}, element("td", {}));
      for (const measure of measures) head.append(element("th", { scope: "col" }, measure.name));
      table.replaceChildren(element("thead", {}, head));
      fullest.forEach(([name], row) => {
        const line = element("tr", {}, element("th", { scope: "row" }, name));
        for (const one of all) line.append(element("td", {}, one[row] ? one[row][1] : "not computed"));
        table.append(line);
      });
      const size = `${count(samples[k], "sample")}; ${count(data.x_rank[i], "direction")} of x, ${data.y_rank[j]} of y.`;
      notes.replaceChildren(element("p", {}, size));
      const reason = said(data.reason, k);
      if (reason) notes.append(element("p", { class: "warning" }, `Not computed: ${visible(reason)}`));
      const warning = said(data.warnings, k);
      if (warning) notes.append(element("p", { class: "warning" }, `To be read with care: ${visible(warning)}`));
      const found = behind && behind.show(i, j);
      body.hidden = !found;
      if (!details) {
        const call = element("code", {}, "isorep.report(table, path, a=..., b=...)");
        const command = element("code", {}, "isorep report --a FILE --b FILE");
        notes.append(element("p", { class: "missing" }, "For the canonical correlations, weights and variates behind a cell, write this page with the representations: ", call, ", or ", command, "."));
      } else if (!found && !reason) {
        notes.append(element("p", { class: "missing" }, "This page had no room for what lies behind this cell, only for that of more similar pairs: write one with fewer layers, such as table.sel(x_layer=[...])."));
      }
      heat.place();
    };

    const quantity = chooser("Show", [], (i) => {
      state.quantity = offered()[i];
      heat.update();
    });
    const offer = () => {
      quantity.select.replaceChildren(...offered().map((name, i) => element("option", { value: i }, name)));
      if (!offered().includes(state.quantity)) state.quantity = "similarity";
      quantity.select.value = offered().indexOf(state.quantity);
    };
    const measure = chooser("Measure", measures.map(({ name }) => name), (i) => {
      state.measure = measures[i];
      offer();
      heat.update();
    });
    const chooseX = chooser(alone ? "Layer" : "Layer of x", xs, (i) => show(i, alone ? i : state.cell[1]));
    const chooseY = chooser("Layer of y", ys, (j) => show(state.cell[0], j));
    offer();
    const controls = element("div", { class: "controls" }, measure.box, quantity.box, chooseX.box, ...(alone ? [] : [chooseY.box]));
    const columns = element("div", { class: "columns" }, heat.box, detail);
    return {
      title: "Layers",
      about: alone
        ? `${count(xs.length, "layer")}, each with the one of its name after the change.`
        : `${count(xs.length, "layer")} of x (rows) against ${ys.length} of y (columns), both in the order of the table.`,
      parts: [controls, columns],
      start: () => {
        state.cell = first();
        heat.cursor = state.cell;
        heat.update();
        heat.listen();
        show(...state.cell);
      },
    };
  };

  /** Spectrum, weights and variates of the cell that is shown. */
  const cellFigures = (data, file, body) => {
    const { cells, laws, points } = data.details;
    const state = { found: null, across: 0, up: 0 };
    const index = (values) => values.map((_, i) => i + 1);
    const whole = (most) => (most > 12 ? { tickformat: "d" } : { tick0: 1, dtick: 1 });
    const legend = { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 12 } };

    const spectrum = figure({
      title: "Canonical correlations",
      file: `${file}-correlations`,
      how: () => {
        const { n_significant: above, n_forced: forced, correlations } = state.found;
        const text = [element("strong", { class: "real" }, `${above} of ${correlations.length} real`), ": above what the greatest correlation left would exceed once in 20 times, were the rest unrelated (dashed). The grey area is where all would lie for unrelated data (Wachter's law)."];
        if (forced) text.push(` ${count(forced, "correlation")} ${forced === 1 ? "is" : "are"} 1 whatever the data, since the samples are so few.`);
        return text;
      },
      draw: () => {
        const { correlations, law, n_significant: above } = state.found;
        const at = index(correlations);
        const marks = correlations.length <= 80;
        return {
          traces: [
            { x: at, y: law.noise, type: "scatter", mode: marks && at.length === 1 ? "markers" : "lines", fill: "tozeroy", fillcolor: "rgba(120,120,120,0.28)", line: { color: "#888", width: 1 }, marker: { color: "#888" }, name: "unrelated data", hovertemplate: "unrelated data: %{y:.3f}<extra></extra>" },
            { x: at, y: law.edges, type: "scatter", mode: "lines", line: { color: "#222", width: 1.4, dash: "dash" }, name: "edge of noise", hovertemplate: "edge: %{y:.3f}<extra></extra>" },
            { x: at, y: correlations, type: "scatter", mode: marks ? "lines+markers" : "lines", line: { color: COLOURS[0], width: 2 }, marker: { size: 6, symbol: at.map((i) => (i <= above ? "circle" : "circle-open")), color: COLOURS[0] }, name: "this pair", hovertemplate: "correlation %{x}: %{y:.3f}<extra></extra>", cliponaxis: false },
          ],
          layout: {
            height: 300, showlegend: true, legend, hovermode: "x",
            xaxis: namedAxis("index, greatest first", { range: [0.5, at.length + 0.5], ...whole(at.length) }),
            yaxis: namedAxis("canonical correlation", { range: [0, 1.02] }),
          },
        };
      },
      csv: () => {
        const { correlations, law } = state.found;
        return [["index", "correlation", "unrelated_data", "edge_of_noise"], ...correlations.map((value, i) => [i + 1, exact(value), exact(law.noise[i]), exact(law.edges[i])])];
      },
    });

    const weights = figure({
      title: "Projection weights",
      file: `${file}-weights`,
      how: () => "How much each canonical direction accounts for its layer: PWCCA is the mean of the correlations by these weights, which sum to 1. Dotted: were all equal.",
      draw: () => {
        const { x_weights: x, y_weights: y } = state.found;
        const at = index(x);
        const mode = at.length <= 80 ? "lines+markers" : "lines";
        return {
          traces: [
            { x: at, y: x, type: "scatter", mode, name: "of x", line: { color: COLOURS[0], width: 2 }, marker: { size: 6 }, hovertemplate: "x: %{y:.4f}<extra></extra>" },
            { x: at, y, type: "scatter", mode, name: "of y", line: { color: COLOURS[1], width: 2, dash: "dash" }, marker: { size: 6, symbol: "square-open" }, hovertemplate: "y: %{y:.4f}<extra></extra>" },
            { x: [0.5, at.length + 0.5], y: [1 / at.length, 1 / at.length], type: "scatter", mode: "lines", name: "equal", line: { color: "#555", width: 1, dash: "dot" }, hoverinfo: "skip" },
          ],
          layout: {
            height: 260, showlegend: true, legend, hovermode: "x",
            xaxis: namedAxis("index, greatest correlation first", { range: [0.5, at.length + 0.5], ...whole(at.length) }),
            yaxis: namedAxis("weight", { rangemode: "tozero" }),
          },
        };
      },
      csv: () => [["index", "x_weight", "y_weight"], ...state.found.x_weights.map((value, i) => [i + 1, exact(value), exact(state.found.y_weights[i])])],
    });

    const scatter = figure({
      title: "Samples along two variates",
      file: `${file}-variates`,
      how: () => {
        const { chosen } = state.found;
        const k = state.across % state.found.x_variates.length;
        const pair = state.across < state.found.x_variates.length && state.up === state.across + state.found.x_variates.length;
        const some = chosen.rows.length < chosen.n ? `${chosen.rows.length} of ${chosen.n} samples, chosen at random` : `All ${count(chosen.n, "sample")}`;
        const text = `${some}, in standard deviations. `;
        const about = pair ? `The two variates correlate by ${number(state.found.correlations[k])}: near a line, the layers agree on this direction.` : "";
        const marks = chosen.labels ? (chosen.labels.classes ? " Colour and symbol are the label." : " Colour is the label.") : "";
        return text + about + marks;
      },
      draw: (wide) => {
        const { chosen, axes, names } = state.found;
        const [x, y] = [axes[state.across], axes[state.up]];
        const told = chosen.rows.map((row, i) => {
          const lines = [chosen.ids ? `sample ${label(chosen.ids[i], 60)}` : `row ${row}`];
          if (chosen.labels && chosen.labels.classes) lines.push(`label ${label(chosen.labels.classes[chosen.labels.at[i]], 60)}`);
          return lines.join("<br>");
        });
        const common = { type: "scatter", mode: "markers", hovertemplate: "%{text}<extra></extra>" };
        const of = (take) => ({ x: take.map((i) => x[i]), y: take.map((i) => y[i]), text: take.map((i) => told[i]) });
        const everything = chosen.rows.map((_, i) => i);
        let traces = [{ ...common, ...of(everything), marker: { size: 6, color: COLOURS[0], opacity: 0.75 } }];
        if (chosen.labels && chosen.labels.amounts) {
          traces[0].marker = { size: 6, color: chosen.amounts, colorscale: SEQUENTIAL, showscale: true, colorbar: { thickness: 12, title: { text: "label" } } };
        } else if (chosen.labels) {
          traces = chosen.labels.classes.map((name, c) => ({
            ...common, ...of(everything.filter((i) => chosen.labels.at[i] === c)), name: label(name, 18),
            marker: { size: 7, color: COLOURS[c % COLOURS.length], symbol: SYMBOLS[c % SYMBOLS.length], opacity: 0.85, line: { width: c < FILLED.length ? 0 : 1.5 } },
          })).filter((trace) => trace.x.length);
        }
        return {
          traces,
          layout: {
            height: isNarrow(wide) ? 420 : Math.max(380, 70 + 20 * traces.length), showlegend: traces.length > 1, hovermode: "closest",
            legend: { itemsizing: "constant", font: { size: 12 }, ...(isNarrow(wide) ? { orientation: "h", y: -0.22, yanchor: "top" } : {}) },
            xaxis: namedAxis(names[state.across]), yaxis: namedAxis(names[state.up]),
          },
        };
      },
      csv: () => {
        const { chosen, axes, names } = state.found;
        const labels = chosen.labels && (chosen.labels.amounts ? chosen.amounts.map(exact) : chosen.labels.at.map((c) => chosen.labels.classes[c]));
        return [["row", ...(chosen.ids ? ["sample_id"] : []), ...(labels ? ["label"] : []), names[state.across], names[state.up]],
          ...chosen.rows.map((row, i) => [row, ...(chosen.ids ? [chosen.ids[i]] : []), ...(labels ? [labels[i]] : []), exact(axes[state.across][i]), exact(axes[state.up][i])])];
      },
    });
    const across = chooser("Across", [], (i) => { state.across = i; scatter.update(); });
    const up = chooser("Up", [], (i) => { state.up = i; scatter.update(); });
    scatter.canvas.before(element("div", { class: "controls" }, across.box, up.box));
    body.append(spectrum.box, weights.box, scatter.box);

    const show = (i, j) => {
      const packed = cells[`${i},${j}`];
      if (!packed) return false;
      const law = laws[packed.law];
      const found = {
        n_significant: packed.n_significant, n_forced: packed.n_forced,
        correlations: numbers(packed.correlations), x_weights: numbers(packed.x_weights), y_weights: numbers(packed.y_weights),
        law: { noise: numbers(law.noise), edges: numbers(law.edges) },
      };
      scatter.box.hidden = !packed.x_variates;
      if (packed.x_variates) {
        const chosen = points[packed.law.split(",")[0]];
        if (chosen.labels && chosen.labels.amounts && !chosen.amounts) chosen.amounts = numbers(chosen.labels.amounts);
        found.chosen = chosen;
        found.x_variates = rows(numbers(packed.x_variates), packed.x_variates.shape[1]);
        found.axes = [...found.x_variates, ...rows(numbers(packed.y_variates), packed.y_variates.shape[1])];
        found.names = ["x", "y"].flatMap((side) => found.x_variates.map((_, k) => `variate ${k + 1} of ${side}`));
        const before = state.found && state.found.axes ? state.found.axes.length : 0;
        if (before !== found.axes.length) {
          state.across = 0;
          state.up = found.x_variates.length;
          for (const { select } of [across, up]) select.replaceChildren(...found.names.map((name, k) => element("option", { value: k }, name)));
          across.select.value = state.across;
          up.select.value = state.up;
        }
      }
      state.found = found;
      body.hidden = false;
      spectrum.update();
      weights.update();
      if (packed.x_variates) scatter.update();
      return true;
    };
    return { show };
  };

  // --- pairwise: all networks against all -------------------------------------------------------

  const sweepSection = (data, file) => {
    const { networks, layers, groups } = data;
    const state = { measure: data.measures[0], layer: 0 };
    const distinct = groups ? [...new Set(groups)] : [];
    let now = null;
    const unpack = () => {
      const packed = state.measure.layers[state.layer];
      const n = packed.kept.length;
      const given = rows(numbers(packed.distances), n);
      const order = packed.order;
      now = {
        ...packed, n,
        names: order.map((i) => networks[packed.kept[i]]),
        groupsOf: groups && order.map((i) => groups[packed.kept[i]]),
        matrix: order.map((i) => order.map((j) => given[i][j])),
        across: rows(numbers(packed.tree_across), 4), heights: rows(numbers(packed.tree_heights), 4),
        places: order.map((i) => rows(numbers(packed.points), 2)[i]),
      };
    };
    const quantity = () => direction(`${state.measure.name} distance`, state.measure.units);

    const matrix = figure({
      title: "Distances between networks",
      file: `${file}-matrix`,
      focusable: true,
      how: () => {
        const text = [`${quantity()} at layer `, named(layers[state.layer]), ". Networks stand in the order of the tree above, like beside like; light is alike, and colours span the distances between different networks. "];
        if (!state.measure.symmetric) text.push("Rows are x and columns y: this measure depends on their order. ");
        for (const { network, reason } of now.left_out) text.push("Left out: ", named(network), ` (${visible(reason)}). `);
        return text;
      },
      draw: (wide) => {
        const { matrix: values, names, n } = now;
        const apart = values.flatMap((row, i) => row.filter((_, j) => j !== i));
        const least = apart.reduce((a, b) => Math.min(a, b), Infinity);
        const greatest = apart.reduce((a, b) => Math.max(a, b), -Infinity);
        // Networks all equally far apart still have a colour.
        const most = greatest - least > ROUNDING ? greatest : least + 1;
        const hover = values.map((row, i) => row.map((value, j) => `x: <b>${label(names[i], 60)}</b><br>y: <b>${label(names[j], 60)}</b><br>${quantity()}: ${number(value)}`));
        const tree = { x: [], y: [] };
        now.across.forEach((corners, k) => {
          tree.x.push(...corners, null);
          tree.y.push(...now.heights[k], null);
        });
        const narrow = isNarrow(wide);
        const letters = narrow ? 9 : 18;
        const side = Math.min(Math.max(wide - (narrow ? 110 : 150), 180), 560);
        const shown = n <= MOST_NAMES ? ticks(names, fitting(side), letters) : { showticklabels: false, tickvals: [] };
        return {
          traces: [
            { type: "heatmap", z: values, text: hover, hovertemplate: "%{text}<extra></extra>", colorscale: SEQUENTIAL, reversescale: true, zmin: n > 1 ? least : 0, zmax: n > 1 ? most : 1, colorbar: { thickness: 12, len: 0.78, y: 0, exponentformat: "power", yanchor: "bottom", outlinewidth: 0, title: { text: narrow ? "" : "distance", side: "right" } } },
            { type: "scatter", mode: "lines", ...tree, yaxis: "y2", line: { color: "#444", width: 1 }, hoverinfo: "skip", connectgaps: false },
          ],
          layout: {
            height: side / 0.78 + 110,
            margin: { l: 40, r: 8, t: 8, b: 40 },
            xaxis: namedAxis("network y", { ...shown, showgrid: false, tickangle: -60, range: [-0.5, n - 0.5] }),
            // The first row on top, as a matrix is written.
            yaxis: namedAxis("network x", { ...shown, showgrid: false, range: [n - 0.5, -0.5], domain: [0, 0.78] }),
            yaxis2: { domain: [0.8, 1], showgrid: false, zeroline: false, showticklabels: false, fixedrange: true, ...(greatest > ROUNDING ? { rangemode: "tozero" } : { range: [0, 1] }) },
            shapes: matrix.shapes(),
          },
        };
      },
      csv: () => [["x", "y", "measure", "layer", "distance"], ...now.names.flatMap((x, i) => now.names.map((y, j) => [x, y, state.measure.name, layers[state.layer], exact(now.matrix[i][j])]))],
    });
    const tell = (i, j) => [named(now.names[i]), " (x) from ", named(now.names[j]), ` (y): ${quantity()} ${number(now.matrix[i][j])}`];
    walk(matrix, () => [now.n, now.n], { upwards: false, marks: () => [], shown: () => null, tell, choose: () => {} });

    /** Over or under its point each name stands; where points are close, only two have room. */
    const sides = () => {
      const span = Math.max(...[0, 1].map((axis) => {
        const all = now.places.map((place) => place[axis]);
        return Math.max(...all) - Math.min(...all);
      }));
      const close = (i, j) => Math.hypot(now.places[i][0] - now.places[j][0], now.places[i][1] - now.places[j][1]) < 0.12 * span;
      return now.places.map((_, i) => ["top center", "bottom center"][now.places.filter((_, j) => j < i && close(i, j)).length]);
    };
    const together = () => now.places.every(([x, y]) => Math.hypot(x, y) < ROUNDING);
    const map = figure({
      title: "Map of the networks",
      file: `${file}-map`,
      how: () => {
        const marks = groups ? " Colour and symbol are the group." : "";
        const hidden = sides().every((side) => side) ? "" : " Where points are close, some show their name only when pointed at.";
        if (together()) return `All networks are in one place, up to rounding.${marks}`;
        return `Networks as points whose distances are as near the true ones as a plane allows (classical multidimensional scaling): it keeps ${Math.round(100 * now.share)} % of the spread. Only distances mean something, not the axes.${marks}${hidden}`;
      },
      draw: (wide) => {
        const everything = now.names.map((_, i) => i);
        const namesBeside = now.n <= (isNarrow(wide) ? 12 : 25);
        const besides = sides();
        const trace = (take, c, name) => ({
          type: "scatter", mode: namesBeside ? "markers+text" : "markers", name: label(name, 24),
          x: take.map((i) => now.places[i][0]), y: take.map((i) => now.places[i][1]),
          text: take.map((i) => (besides[i] ? label(now.names[i], 18) : "")), textposition: take.map((i) => besides[i] || "top center"), textfont: { size: 11 },
          hovertext: take.map((i) => label(now.names[i], 60)), hovertemplate: "%{hovertext}<extra></extra>", cliponaxis: false,
          marker: { size: 10, color: COLOURS[c % COLOURS.length], symbol: SYMBOLS[c % SYMBOLS.length], line: { width: c < FILLED.length ? 0 : 1.5 } },
        });
        const traces = groups
          ? distinct.map((group, c) => trace(everything.filter((i) => now.groupsOf[i] === group), c, group))
          : [trace(everything, 0, "networks")];
        return {
          traces,
          layout: {
            height: 420, hovermode: "closest", showlegend: distinct.length > 0, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
            margin: { l: 56, r: 24, t: 20, b: 48 },
            xaxis: namedAxis("first coordinate (distance)", together() ? { range: [-1, 1] } : {}),
            yaxis: namedAxis("second coordinate (distance)", { scaleanchor: "x", scaleratio: 1 }),
          },
        };
      },
      csv: () => [["network", ...(groups ? ["group"] : []), "first", "second"], ...now.names.map((name, i) => [name, ...(groups ? [now.groupsOf[i]] : []), exact(now.places[i][0]), exact(now.places[i][1])])],
    });

    const curves = groups && figure({
      title: "Distances within and between groups",
      file: `${file}-groups`,
      how: () => `${quantity()}: the mean over ordered pairs of different networks at each layer, with a bar of one standard deviation of the pairs up and down.`,
      draw: (wide) => {
        const drawnCurves = state.measure.curves;
        return {
          traces: drawnCurves.map(({ group, mean, sd, pairs }, c) => ({
            type: "scatter", mode: "lines+markers", name: label(group, 28),
            // Side by side, so that bars do not hide each other.
            x: layers.map((_, i) => i + (c - (drawnCurves.length - 1) / 2) * 0.05), y: drawn(numbers(mean)),
            error_y: { type: "data", array: numbers(sd).map((value) => (Number.isFinite(value) ? value : 0)), thickness: 1.2, width: 4 },
            text: layers.map((layer, i) => `${label(group, 60)}<br>${label(layer, 60)}<br>${number(numbers(mean)[i])} ± ${number(numbers(sd)[i])}, ${count(pairs[i], "pair")}`),
            hovertemplate: "%{text}<extra></extra>", cliponaxis: false,
            line: { color: COLOURS[c % COLOURS.length], dash: DASHES[c % DASHES.length], width: 2 },
            marker: { size: 8, symbol: SYMBOLS[c % SYMBOLS.length] },
          })),
          layout: {
            height: 400, hovermode: "closest", showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
            xaxis: layerAxis(layers, wide, { range: [-0.5, layers.length - 0.5] }),
            yaxis: namedAxis(beside(quantity(), wide), { range: state.measure.range }),
          },
        };
      },
      csv: () => [["group", "layer", "mean_distance", "standard_deviation", "pairs"], ...state.measure.curves.flatMap(({ group, mean, sd, pairs }) => layers.map((layer, i) => [group, layer, exact(numbers(mean)[i]), exact(numbers(sd)[i]), pairs[i]]))],
    });

    const redraw = () => {
      unpack();
      matrix.cursor = [0, 0];
      matrix.update();
      map.update();
      if (curves) curves.update();
    };
    const measure = chooser("Measure", data.measures.map(({ name }) => name), (i) => { state.measure = data.measures[i]; redraw(); });
    const layer = chooser("Layer", layers, (i) => { state.layer = i; redraw(); });
    const parts = [element("div", { class: "controls" }, measure.box, layer.box), element("div", { class: "columns" }, matrix.box, map.box)];
    if (curves) parts.push(curves.box);
    return {
      title: "Networks",
      about: `${count(networks.length, "network")}, every one against every other, at ${count(layers.length, "layer")}.`,
      parts,
      start: () => {
        redraw();
        matrix.listen();
      },
    };
  };

  // --- trajectory: states over time -----------------------------------------------------------

  const trajectorySection = (data, file) => {
    const { steps, layers } = data;
    const to = data.reference === null ? ["the given reference"] : ["step ", named(data.reference)];
    const state = { measure: data.measures[0], quantity: "distance", step: 0 };
    const at = data.at || steps.map((_, i) => i);
    const column = (packed, k) => rows(numbers(packed), layers.length).map((row) => row[k]);
    const range = () => state.measure[`${state.quantity}_range`];
    const heading = () => direction(`${state.measure.name} ${state.quantity}`, state.measure.units);
    const shades = layers.map((_, k) => shade(layers.length === 1 ? 0 : (0.85 * k) / (layers.length - 1)));
    const bars = (values, low, high) => ({
      type: "data", symmetric: false, thickness: 1.2, width: 4,
      array: high.map((value, i) => Math.max(value - values[i], 0) || 0), arrayminus: low.map((value, i) => Math.max(values[i] - value, 0) || 0),
    });
    const bounds = () => ["low", "high"].map((end) => state.measure[`${state.quantity}_${end}`]);

    const settled = data.settled && Object.fromEntries(Object.entries(data.settled).map(([key, packed]) => [key, numbers(packed)]));
    /** Where each layer had converged, on its line. */
    const settledPoints = () => {
      const some = layers.map((_, k) => k).filter((k) => Number.isFinite(settled.converged[k]));
      const x = some.map((k) => settled.converged[k]);
      return {
        type: "scatter", mode: "markers", showlegend: false, cliponaxis: false, x,
        y: some.map((k) => column(state.measure.distance, k)[at.indexOf(settled.converged[k])]),
        error_x: { ...bars(x, some.map((k) => settled.converged_low[k]), some.map((k) => settled.converged_high[k])), color: "#222" },
        marker: { size: 13, symbol: some.map((k) => `${SYMBOLS[k % FILLED.length]}-open`), color: "#222", line: { width: 2 } },
        text: some.map((k) => `${label(layers[k], 60)}<br>converged at step ${settled.converged[k]}`), hovertemplate: "%{text}<extra></extra>",
      };
    };

    const toldLayers = brief(layers, 22);
    /** Names of as many steps as fit side by side. */
    const stepTicks = (pixels) => {
      const longest = Math.min(Math.max(...steps.map((step) => Array.from(visible(step)).length)), 14);
      const found = ticks(steps, Math.max(2, Math.floor(pixels / (8 * longest + 10))), 14);
      return { ...found, tickvals: found.tickvals.map((i) => at[i]), tickangle: 0 };
    };
    const lines = figure({
      title: "Every layer over the steps",
      file: `${file}-dynamics`,
      how: () => {
        const text = [`${heading()} of each state to `, ...to.map((part) => (typeof part === "string" ? part : part.cloneNode(true))), "; a line for each layer, dark to light in the order of the table. "];
        if (bounds()[0]) text.push(`Bars are ${number(100 * (data.level || 0.95), 0)} % intervals. `);
        if (settled) text.push("Large open points are where a layer had converged, with what other samples might have shown. ");
        text.push("The dotted line is the step chosen below.");
        return text;
      },
      draw: (wide) => {
        const [low, high] = bounds();
        const narrow = isNarrow(wide);
        const curves = layers.map((layer, k) => {
            const values = column(state.measure[state.quantity], k);
            return {
              type: "scatter", mode: steps.length <= 60 ? "lines+markers" : "lines", name: toldLayers[k], x: at, y: drawn(values), connectgaps: false, cliponaxis: false,
              line: { color: shades[k], dash: DASHES[k % DASHES.length], width: 2 }, marker: { size: 6, symbol: SYMBOLS[k % SYMBOLS.length] },
              text: values.map((value, i) => `${label(layer, 60)}, step ${label(steps[i], 40)}<br>${state.quantity} ${number(value)}`), hovertemplate: "%{text}<extra></extra>",
              ...(low ? { error_y: bars(values, column(low, k), column(high, k)) } : {}),
            };
          });
        return {
          traces: settled ? [...curves, settledPoints()] : curves,
          layout: {
            height: narrow ? 400 + 10 * layers.length : 420, hovermode: "closest", showlegend: true,
            legend: { font: { size: 12 }, traceorder: "normal", ...(narrow ? { orientation: "h", y: -0.22, yanchor: "top" } : {}) },
            xaxis: namedAxis("step", data.at && steps.length > 12 ? {} : stepTicks(wide - (narrow ? 110 : 300))),
            yaxis: namedAxis(beside(heading(), wide), { range: range() }),
            shapes: [{ type: "line", xref: "x", yref: "paper", x0: at[state.step], x1: at[state.step], y0: 0, y1: 1, line: { color: "#c40000", width: 1.5, dash: "dot" } }],
          },
        };
      },
      csv: () => {
        const [low, high] = bounds();
        const values = numbers(state.measure[state.quantity]);
        const ends = low ? [numbers(low), numbers(high)] : [];
        return [["step", "layer", "measure", state.quantity, ...(low ? ["low", "high"] : []), "warnings", "reason"], ...steps.flatMap((step, i) => layers.map((layer, k) => {
          const cell = i * layers.length + k;
          return [step, layer, state.measure.name, exact(values[cell]), ...ends.map((end) => exact(end[cell])), data.warnings.known[data.warnings.at[cell]], data.reason.known[data.reason.at[cell]]];
        }))];
      },
    });

    const profile = figure({
      title: "All layers at one step",
      file: `${file}-step`,
      how: () => [`${heading()} at step `, named(steps[state.step]), ", layer by layer, in the order of the table."],
      draw: (wide) => {
        const values = rows(numbers(state.measure[state.quantity]), layers.length)[state.step];
        const [low, high] = bounds().map((end) => end && rows(numbers(end), layers.length)[state.step]);
        return {
          traces: [{
            type: "bar", x: layers.map((_, k) => k), y: drawn(values), marker: { color: shades, line: { color: "#222", width: 0.6 } },
            text: values.map((value, k) => `${label(layers[k], 60)}<br>${state.quantity} ${number(value)}`), textposition: "none", hovertemplate: "%{text}<extra></extra>",
            ...(low ? { error_y: bars(values, low, high) } : {}),
          }],
          layout: {
            height: 360,
            xaxis: layerAxis(layers, wide, { showgrid: false, range: [-0.6, layers.length - 0.4] }),
            yaxis: namedAxis(beside(heading(), 0), { range: range() }),
          },
        };
      },
      csv: () => {
        const values = rows(numbers(state.measure[state.quantity]), layers.length)[state.step];
        return [["step", "layer", "measure", state.quantity], ...layers.map((layer, k) => [steps[state.step], layer, state.measure.name, exact(values[k])])];
      },
    });

    const settledTable = () => {
      const head = ["converged at step", "with other samples", "allowed", "moves by"];
      const table = element("table", { class: "facts" });
      table.append(element("thead", {}, element("tr", {}, element("td", {}), ...head.map((text) => element("th", { scope: "col" }, text)))));
      layers.forEach((layer, k) => {
        const { converged: at, converged_low: low, converged_high: high, threshold, noise } = settled;
        const known = Number.isFinite(at[k]);
        const cells = known ? [at[k], `${low[k]} to ${high[k]}`, number(threshold[k]), number(noise[k])] : [data.reason.known[data.reason.at[k]], "", "", ""].map(visible);
        table.append(element("tr", {}, element("th", { scope: "row" }, named(layer)), ...cells.map((text) => element("td", {}, String(text)))));
      });
      const how = "A layer had converged at the first step from which on its distance to the end stays within what is allowed: the tolerance, or twice what it moves by from one state to the next near the end.";
      const doubts = layers.map((layer, k) => [layer, data.warnings.known[data.warnings.at[k]]]).filter(([, text]) => text);
      const told = doubts.map(([layer, text]) => element("p", { class: "warning" }, "To be read with care: ", named(layer), `: ${visible(text)}`));
      return element("div", {}, element("h3", {}, "When each layer had converged"), element("p", { class: "how" }, how), table, ...told);
    };

    const slider = element("input", { type: "range", id: newId("step"), min: 0, max: steps.length - 1, step: 1, value: 0 });
    const told = element("output", { for: slider.id });
    const choose = (i) => {
      state.step = i;
      told.replaceChildren(named(steps[i]));
      slider.setAttribute("aria-valuetext", `step ${visible(steps[i])}`);
    };
    slider.addEventListener("input", () => {
      choose(Number(slider.value));
      Plotly.relayout(lines.canvas, { "shapes[0].x0": at[state.step], "shapes[0].x1": at[state.step] });
      profile.update();
    });
    profile.canvas.before(element("div", { class: "control slider" }, element("label", { for: slider.id }, "Step"), told, slider));
    const redraw = () => {
      lines.update();
      profile.update();
    };
    const quantities = ["distance", "similarity"].filter((quantity) => state.measure[quantity]);
    const measure = chooser("Measure", data.measures.map(({ name }) => name), (i) => { state.measure = data.measures[i]; redraw(); });
    const show = chooser("Show", quantities, (i) => { state.quantity = quantities[i]; redraw(); });
    const missing = [...new Set(data.reason.known)].filter((text) => text);
    const parts = [element("div", { class: "controls" }, measure.box, show.box), lines.box, profile.box];
    if (settled) parts.splice(2, 0, settledTable());
    if (missing.length) parts.push(element("p", { class: "warning" }, `Not computed, and left as gaps: ${missing.slice(0, 3).map(visible).join("; ")}${missing.length > 3 ? "; ..." : ""}`));
    return {
      title: "Dynamics",
      about: `${count(steps.length, "state")} of ${count(layers.length, "layer")}, each compared with one reference.`,
      parts,
      start: () => {
        choose(0);
        redraw();
      },
    };
  };

  /** The colour at a share of the way from dark to light. */
  const shade = (share) => {
    const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
    const place = share * (stops.length - 1);
    const i = Math.min(Math.floor(place), stops.length - 2);
    const mix = stops[i].map((from, c) => Math.round(from + (stops[i + 1][c] - from) * (place - i)));
    return `rgb(${mix.join(",")})`;
  };

  // --- All sections ---------------------------------------------------------------------------

  const MAKERS = { grid: gridSection, sweep: sweepSection, trajectory: trajectorySection };
  const main = document.getElementById("main");
  const { sections } = JSON.parse(document.getElementById("data").textContent);
  sections.forEach((data, i) => {
    const made = MAKERS[data.kind](data, `isorep-${data.kind}${sections.length > 1 ? `-${i + 1}` : ""}`);
    const heading = element("h2", { id: newId("section") }, visible(data.heading || made.title));
    const section = element("section", { "aria-labelledby": heading.id }, heading, element("p", { class: "about" }, made.about), ...made.parts);
    main.append(section);
    made.start();
  });
})();
