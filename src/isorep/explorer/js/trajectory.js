/* Trajectory section: shows a table of isorep.trajectory or isorep.monitor.converged. */

import { convergenceTable } from "./convergence.js";
import { controls, dropdown, element, nameElement, newId, warning } from "./elements.js";
import { nameOf, rangeOf } from "./grid.js";
import { textAt, toRows, unpackNumbers } from "./packing.js";
import { viridis } from "./style.js";
import { count, describeMeasure, describeQuantity, visible } from "./text.js";
import { addLayerBars, addStepCurves } from "./trajectory_figures.js";

/** Unpack a section; `state` holds the selected measure, quantity and step. */
const unpackTrajectory = (section) => {
  const { steps, layers } = section;
  const state = { measure: section.measures[0], quantity: "distance", step: 0 };
  const unpack = (packed) => packed && toRows(unpackNumbers(packed), layers.length);
  const shades = layers.map((_, k) =>
    viridis(layers.length === 1 ? 0 : (0.85 * k) / (layers.length - 1)),
  );
  return {
    ...{ steps, layers, state, shades },
    positions: section.positions || steps.map((_, i) => i),
    /** Where each step is drawn: a logarithmic axis has another place for step 0. */
    places: section.log_positions || section.positions || steps.map((_, i) => i),
    isLogarithmic: Boolean(section.log_positions),
    hasPositions: Boolean(section.positions),
    /** Values of all steps (rows) and layers, and the bounds of their intervals, if any. */
    values: () => unpack(state.measure[state.quantity]),
    bounds: () => ["low", "high"].map((end) => unpack(state.measure[`${state.quantity}_${end}`])),
    /** Level of unrelated data, if known. */
    chance: () => unpack(state.measure[`${state.quantity}_chance`]),
    /** Adjusted p-values of all steps and layers, if known. */
    pValues: (key) => unpack(state.measure[key]),
    range: () => {
      if (state.quantity === "calibrated") return undefined; // below chance it is negative
      return rangeOf(state.measure, state.quantity);
    },
    title: () =>
      describeQuantity(
        `${describeMeasure(state.measure)} ${nameOf(state.quantity)}`,
        state.measure.units,
      ),
    reason: (i, k) => textAt(section.reason, i * layers.length + k),
    warning: (i, k) => textAt(section.warnings, i * layers.length + k),
  };
};

/** A slider that selects a step; returns its element and the function that selects step i. */
const stepSlider = (steps, onChange) => {
  const slider = element("input", {
    type: "range",
    id: newId("step"),
    min: 0,
    max: steps.length - 1,
    step: 1,
    value: 0,
  });
  const output = element("output", { for: slider.id });
  const select = (i) => {
    output.replaceChildren(nameElement(steps[i]));
    slider.setAttribute("aria-valuetext", `step ${visible(steps[i])}`);
  };
  slider.addEventListener("input", () => {
    select(Number(slider.value));
    onChange(Number(slider.value));
  });
  const label = element("label", { for: slider.id }, "Step");
  return { box: element("div", { class: "control slider" }, label, output, slider), select };
};

const missingNote = (reasons) => {
  const distinct = [...new Set(reasons)].filter((reason) => reason);
  if (!distinct.length) return [];
  const shown = distinct.slice(0, 3).map(visible).join("; ");
  const more = distinct.length > 3 ? "; ..." : "";
  return [warning(`Not computed, shown as gaps: ${shown}${more}`)];
};

export const trajectorySection = (section, fileName) => {
  const trajectory = unpackTrajectory(section);
  const { steps, layers, state, places } = trajectory;
  const curves = addStepCurves(trajectory, section, fileName);
  const bars = addLayerBars(trajectory, fileName);

  const slider = stepSlider(steps, (i) => {
    state.step = i;
    const position = places[i];
    Plotly.relayout(curves.canvas, { "shapes[0].x0": position, "shapes[0].x1": position });
    bars.update();
  });
  bars.canvas.before(slider.box);

  const update = () => {
    curves.update();
    bars.update();
  };
  const measureNames = section.measures.map(({ title }) => title);
  const measureDropdown = dropdown("Measure", measureNames, (i) => {
    state.measure = section.measures[i];
    update();
  });
  const quantities = ["distance", "similarity", "corrected", "calibrated"].filter(
    (quantity) => state.measure[quantity],
  );
  const quantityDropdown = dropdown("Show", quantities.map(nameOf), (i) => {
    state.quantity = quantities[i];
    update();
  });
  return {
    title: "Dynamics",
    summary:
      `${count(steps.length, "state")} of ${count(layers.length, "layer")}, ` +
      "each compared with one reference.",
    parts: [
      controls(measureDropdown, quantityDropdown),
      curves.box,
      ...(section.convergence ? [convergenceTable(trajectory, section)] : []),
      bars.box,
      ...missingNote(section.reason.texts),
    ],
    start: () => {
      slider.select(0);
      update();
    },
  };
};
