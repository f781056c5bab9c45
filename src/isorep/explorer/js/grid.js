/* Grid: the numbers of a table of isorep.compare or isorep.diff, by layer pair. */

import { textAt, unpackNumbers } from "./packing.js";
import { csvNumber, describeQuantity, formatNumber, plotlyText, visible } from "./text.js";

const QUANTITIES = [
  ...["similarity", "corrected", "calibrated", "distance"],
  ...["of_ceiling", "corrected_of_ceiling"],
];
const CSV_QUANTITIES = [
  ...["similarity", "distance", "corrected", "low", "high"],
  ...["chance", "calibrated", "p_adjusted", "p_max"],
  ...["ceiling", "ceiling_low", "ceiling_high", "of_ceiling"],
  ...["corrected_ceiling", "corrected_ceiling_low", "corrected_ceiling_high"],
  "corrected_of_ceiling",
];
const NAMES = {
  corrected: "corrected similarity",
  calibrated: "calibrated similarity",
  of_ceiling: "share of the ceiling",
  corrected_of_ceiling: "corrected share of the ceiling",
};
const DESCRIPTIONS = {
  corrected: "similarity corrected for finite-sample bias",
  calibrated: "calibrated similarity (0 = chance level)",
  of_ceiling: "similarity as a share of the ceiling (1 = ceiling)",
  corrected_of_ceiling: "corrected similarity as a share of its ceiling (1 = ceiling)",
};

/** Above this similarity, a cell most likely compares a layer with itself. */
const SAME = 0.9999;

export const quantitiesOf = (measure) => QUANTITIES.filter((quantity) => measure[quantity]);

export const nameOf = (quantity) => NAMES[quantity] || quantity;

const isShare = (quantity) => quantity.endsWith("of_ceiling");

export const rangeOf = (measure, quantity) => {
  if (isShare(quantity)) {
    return [0, measure[quantity].filter(Number.isFinite).reduce((x, y) => Math.max(x, y), 1)];
  }
  return quantity === "distance" ? measure.distance_range : measure.similarity_range;
};

export const describeShown = ({ measure, quantity }) =>
  DESCRIPTIONS[quantity] || describeQuantity(quantity, measure.units);

/** The value of a cell, or why it has none. */
export const describeValue = (grid, { measure, quantity }, cell) => {
  const value = grid.valueAt(measure[quantity], cell);
  if (!Number.isFinite(value)) {
    return `not computed: ${visible(grid.reason(cell) || "see the other measures")}`;
  }
  const name = isShare(quantity) ? nameOf(quantity) : describeQuantity(quantity, measure.units);
  return `${measure.title} ${name} ${formatNumber(value)}`;
};

const unpackMeasure = (packed) =>
  Object.fromEntries(
    Object.entries(packed).map(([key, value]) => [
      key,
      value?.f32 === undefined ? value : unpackNumbers(value),
    ]),
  );

/** The ceiling of a cell with its bounds, and the share of it that the similarity reaches. */
const ceilingFacts = (k, measure, prefix, name) => {
  const ceiling = measure[`${prefix}ceiling`];
  if (!ceiling) return [];
  const [low, high] = ["low", "high"].map((end) => measure[`${prefix}ceiling_${end}`][k]);
  const bounds = Number.isFinite(low) ? ` (${formatNumber(low)} to ${formatNumber(high)})` : "";
  return [
    [name, `${formatNumber(ceiling[k])}${bounds}`],
    [`share of the ${name}`, formatNumber(measure[`${prefix}of_ceiling`][k])],
  ];
};

/** Name and value of each number that the table holds for a cell and a measure. */
const cellFacts = (k, measure, nSignificant, maxChanceP) => {
  if (!Number.isFinite(measure.similarity[k])) return [];
  const units = measure.units === "1" ? "" : ` ${measure.units}`;
  const facts = [
    ["similarity (1 = same)", formatNumber(measure.similarity[k])],
    ["distance (0 = same)", `${formatNumber(measure.distance[k])}${units}`],
  ];
  if (measure.corrected) {
    facts.push(["corrected similarity", formatNumber(measure.corrected[k])]);
  }
  if (measure.low) {
    const interval = Number.isFinite(measure.low[k])
      ? `${formatNumber(measure.low[k])} to ${formatNumber(measure.high[k])}`
      : "unknown";
    facts.push(["95 % confidence interval", interval]);
  }
  facts.push(...ceilingFacts(k, measure, "", "ceiling"));
  facts.push(...ceilingFacts(k, measure, "corrected_", "ceiling of the corrected similarity"));
  if (measure.chance) {
    const isAbove = measure.p_adjusted[k] <= maxChanceP;
    const verdict = isAbove ? "" : " (not above chance)";
    facts.push(["chance level (unrelated data)", formatNumber(measure.chance[k])]);
    facts.push(["calibrated similarity (0 = chance)", formatNumber(measure.calibrated[k])]);
    facts.push(["adjusted p-value", `${formatNumber(measure.p_adjusted[k])}${verdict}`]);
    if (measure.p_max) {
      facts.push(["p-value against the maximum of all cells", formatNumber(measure.p_max[k])]);
    }
  }
  if (nSignificant) {
    facts.push(["significant correlations", formatNumber(nSignificant[k], 0)]);
  }
  return facts;
};

/** Unpack a section; cell [i, j] compares layer i of x with layer j of y. */
export const unpackGrid = (section) => {
  const { x_layers: xLayers, y_layers: yLayers, details, diagonal: isDiagonal } = section;
  const measures = section.measures.map(unpackMeasure);
  const nSamples = unpackNumbers(section.n_samples);
  const nSignificant = section.n_significant && unpackNumbers(section.n_significant);
  const maxChanceP = section.not_above_chance;

  // A diff compares each layer only with the layer of the same name.
  const cells = xLayers.flatMap((_, i) => (isDiagonal ? [[i, i]] : yLayers.map((_, j) => [i, j])));
  const valueAt = (values, [i, j]) => values[i * yLayers.length + j];
  const valuesOf = (values) => cells.map((cell) => valueAt(values, cell));
  const reason = ([i, j]) => textAt(section.reason, i * yLayers.length + j);
  const warning = ([i, j]) => textAt(section.warnings, i * yLayers.length + j);
  const mark = ([i]) => section.marks[i] ?? "";
  const isJudged = ([i]) => !section.unjudged.includes(xLayers[i]);
  const facts = ([i, j], measure) =>
    cellFacts(i * yLayers.length + j, measure, nSignificant, maxChanceP);

  const missingCells = (measure) =>
    cells.filter((cell) => Number.isNaN(valueAt(measure.similarity, cell)));
  const chanceCells = (measure) =>
    measure.p_adjusted
      ? cells.filter(
          (cell) =>
            valueAt(measure.p_adjusted, cell) > maxChanceP &&
            Number.isFinite(valueAt(measure.similarity, cell)),
        )
      : [];

  const explainedCells = Object.keys(section.explained ?? {}).map((key) =>
    key.split(",").map(Number),
  );

  /**
   * The first cell with an explanation, or else the most similar cell, if possible one with details
   * that is not a layer with itself.
   */
  const firstCell = (measure) => {
    if (explainedCells.length) return explainedCells[0];
    if (isDiagonal) return cells[0];
    const similarity = (cell) => valueAt(measure.similarity, cell);
    const computed = cells.filter((cell) => Number.isFinite(similarity(cell)));
    const detailed = details ? computed.filter(([i, j]) => details.cells[`${i},${j}`]) : computed;
    const candidates = [detailed, computed, cells].find(({ length }) => length);
    const different = candidates.filter((cell) => similarity(cell) < SAME);
    return (different.length ? different : candidates).reduce((best, cell) =>
      similarity(cell) > similarity(best) ? cell : best,
    );
  };

  const isExplained = ([i, j]) => Boolean(section.explained?.[`${i},${j}`]);

  const hoverText = (cell, measure, names) => {
    const lines = facts(cell, measure).map(([name, value]) => `${name}: ${value}`);
    if (mark(cell)) lines.push(plotlyText(mark(cell), 90));
    if (reason(cell)) lines.push(`not computed: ${plotlyText(reason(cell), 90)}`);
    else if (warning(cell)) lines.push("has a warning: select the cell to read it");
    if (isExplained(cell)) lines.push("opens to an explanation");
    return [...names, ...lines].join("<br>");
  };

  const csv = (measure) => {
    const keys = CSV_QUANTITIES.filter((key) => measure[key]);
    const header = ["x_layer", "y_layer", "measure", ...keys, "n_samples", "x_rank", "y_rank"];
    if (nSignificant) header.push("n_significant");
    const rows = cells.map((cell) => {
      const [i, j] = cell;
      return [
        ...[xLayers[i], yLayers[j], measure.name],
        ...keys.map((key) => csvNumber(valueAt(measure[key], cell))),
        ...[valueAt(nSamples, cell), section.x_rank[i], section.y_rank[j]],
        ...(nSignificant ? [csvNumber(valueAt(nSignificant, cell))] : []),
        ...(isDiagonal ? [mark(cell)] : []),
        ...[warning(cell), reason(cell)],
      ];
    });
    if (isDiagonal) header.push("note");
    return [[...header, "warnings", "reason"], ...rows];
  };

  return {
    ...{ xLayers, yLayers, measures, cells, details, isDiagonal, maxChanceP },
    ...{ valueAt, valuesOf, reason, warning, mark, isJudged, facts, missingCells, chanceCells },
    ...{ firstCell, hoverText, csv, explainedCells },
    explained: section.explained,
    samples: section.samples,
    xName: section.x_name,
    yName: section.y_name,
    xRank: section.x_rank,
    yRank: section.y_rank,
    samplesOf: (cell) => valueAt(nSamples, cell),
    threshold: section.threshold ?? null,
    notes: section.notes,
    explanations: section.explanations,
  };
};
