/* Explanation panel: where the two layers of a cell differ. */

import { element, nameElement, warning } from "./elements.js";
import { addExplanationFigures } from "./explanation_figures.js";
import { cardList, tokenTexts } from "./sample_cards.js";
import { count, formatNumber, listNames, visible } from "./text.js";

const caption = (...children) => element("p", { class: "caption" }, ...children);

/** The name of a part, and what the explanation says about it. */
const opening = (title, line) =>
  element("p", { class: "finding" }, element("strong", {}, `${title}: `), visible(line), ".");

const samplesPart = (view, samples) => {
  const recordsOf = (rows) => rows.map((row) => view.rows[row]);
  const nodes = [opening("Samples", view.lines.samples)];
  const { misfit, contribution } = view.listed;
  if (misfit.length) {
    nodes.push(
      caption(
        "The samples whose two sides fit each other worst. Misfit counts standard deviations from ",
        "the usual fit. Change: how much of the sample the other side does not predict (its squared ",
        "residual, over the mean squared distance of the samples from their mean).",
      ),
      cardList(samples, recordsOf(misfit)),
    );
  }
  if (contribution.length) {
    nodes.push(
      caption(
        "The samples that lower the similarity most. Contribution: similarity without the sample, ",
        `minus with it (${view.method}).`,
      ),
      cardList(samples, recordsOf(contribution)),
    );
  }
  return nodes;
};

const groupsLine = ({ groups }) =>
  groups.length
    ? `${count(groups.length, "group")} of samples that one side links and the other does not`
    : "no group of samples is linked on one side alone";

const groupsPart = (view, samples) => {
  const nodes = [opening("Groups", groupsLine(view))];
  for (const group of view.groups) {
    const more = group.n_samples > group.rows.length ? `, ${group.rows.length} of them here` : "";
    const by = group.grouped_by;
    const other = by === "x" ? "y" : "x";
    nodes.push(
      caption(
        element("strong", {}, `${by} links ${count(group.n_samples, "sample")}`),
        ` that ${other} does not${more}. Neighbours within the group: `,
        `${formatNumber(group.x_links, 1)} in x, ${formatNumber(group.y_links, 1)} in y `,
        `(p = ${formatNumber(group.p_value)}).`,
      ),
      cardList(
        samples,
        group.rows.map((row) => view.rows[row]),
        false,
      ),
    );
  }
  if (view.pairs.length) {
    nodes.push(
      caption(
        "Pairs of samples that are neighbours on one side alone, the most distant on the other ",
        "side first. Distances are shares of the root mean square distance.",
      ),
    );
    const pairs = view.pairs.map((pair) =>
      element(
        "li",
        {},
        cardList(
          samples,
          pair.rows.map((row) => view.rows[row]),
          false,
        ),
        element(
          "p",
          { class: "numbers" },
          `neighbours in ${pair.grouped_by}: distance ${formatNumber(pair.x_distance, 2)} in x, `,
          `${formatNumber(pair.y_distance, 2)} in y`,
        ),
      ),
    );
    nodes.push(element("ul", { class: "pairs" }, ...pairs));
  }
  return nodes;
};

const neuronsPart = (view) => {
  const nodes = [];
  for (const [side, other] of [
    ["x", "y"],
    ["y", "x"],
  ]) {
    const { names, has_partner: hasPartner } = view.neurons[side];
    const lonely = names.filter((_, i) => !hasPartner[i]);
    nodes.push(opening(`Neurons of ${side}`, view.lines[`${side} neurons`]));
    if (lonely.length) {
      nodes.push(
        caption(
          `Neurons of ${side} without a partner in ${other}: `,
          ...listNames(lonely, 20).flatMap((name, i) => [i ? ", " : "", nameElement(name)]),
          ".",
        ),
      );
    }
  }
  return nodes;
};

const finding = (view, key, title) => (view.lines[key] ? [opening(title, view.lines[key])] : []);

const tokenTextsPart = (view, samples) => {
  const list = tokenTexts(samples, view.texts);
  if (!list) return [];
  const mark = (name, text) => element("span", { class: `token ${name}` }, text);
  return [
    caption(
      "The samples that lower the similarity most. ",
      mark("lowering", "Orange"),
      " tokens lower it, ",
      mark("raising", "blue"),
      " tokens raise it.",
    ),
    list,
  ];
};

/**
 * Add the explanation of cells. `show(i, j, cellWarning)` shows that of a cell and returns whether
 * the page has it; warnings whose code is in `cellWarning` are not repeated.
 */
export const explanationPanel = (explanations, samples, fileName) => {
  const figures = addExplanationFigures(fileName);
  const part = (...children) => element("div", { class: "part" }, ...children);
  const texts = Object.fromEntries(
    [
      ...["start", "directions", "samples", "classes", "tokens", "positions", "groups", "neurons"],
    ].map((name) => [name, element("div", {})]),
  );
  const heading = element("h3", { class: "pair" }, "Where the two layers differ");
  const body = element(
    "div",
    {},
    part(texts.directions, figures.directions.box),
    part(texts.samples, figures.points.box),
    part(texts.classes, figures.classes.box),
    part(texts.tokens, figures.tokens.box),
    part(texts.positions, figures.positions.box),
    part(texts.groups),
    part(texts.neurons, figures.neurons.box),
  );
  const box = element("section", { class: "explanation", "aria-label": "Explanation" });
  box.append(heading, texts.start, body);

  const show = (i, j, cellWarning) => {
    const view = explanations[`${i},${j}`];
    box.hidden = !view;
    if (!view) return false;
    body.hidden = view.reason !== undefined;
    if (view.reason !== undefined) {
      texts.start.replaceChildren(warning(`Not explained: ${visible(view.reason)}`));
      return true;
    }
    const leftOut = samples?.left_out
      ? [
          caption(
            `The page has no room for ${count(samples.left_out, samples.kind === "images" ? "image" : "text")}: `,
            "write a page that explains fewer cells.",
          ),
        ]
      : [];
    const isNew = (text) => !cellWarning.includes(text.match(/\[[\w-]+\]$/)?.[0] ?? text);
    texts.start.replaceChildren(
      caption(
        `By ${view.measure}, from ${count(view.n_rows, view.positions ? "row" : "sample")}. All tests have the level `,
        `${view.alpha}, adjusted for the number of directions, samples, classes or neurons.`,
      ),
      ...view.warnings.filter(isNew).map((text) => warning(visible(text))),
      ...leftOut,
    );
    texts.directions.replaceChildren(opening("Directions", view.lines.directions));
    texts.samples.replaceChildren(...samplesPart(view, samples));
    texts.classes.replaceChildren(...finding(view, "classes", "Classes"));
    texts.tokens.replaceChildren(
      ...finding(view, "tokens", "Tokens"),
      ...tokenTextsPart(view, samples),
    );
    texts.positions.replaceChildren(...finding(view, "positions", "Positions"));
    texts.groups.replaceChildren(...groupsPart(view, samples));
    texts.neurons.replaceChildren(...neuronsPart(view));
    figures.show(view);
    return true;
  };
  return { box, show };
};
