/* Main: shows each section of the page's data. */

import { element, newId } from "./elements.js";
import { watchWindow } from "./figure.js";
import { gridSection } from "./grid_section.js";
import { sweepSection } from "./sweep.js";
import { visible } from "./text.js";
import { trajectorySection } from "./trajectory.js";

const SECTIONS = { grid: gridSection, sweep: sweepSection, trajectory: trajectorySection };

const { sections } = JSON.parse(document.getElementById("data").textContent);
sections.forEach((data, i) => {
  const fileName = `isorep-${data.kind}${sections.length > 1 ? `-${i + 1}` : ""}`;
  const { title, summary, parts, start } = SECTIONS[data.kind](data, fileName);
  const heading = element("h2", { id: newId("section") }, visible(data.heading || title));
  const attributes = { "aria-labelledby": heading.id };
  const about = element("p", { class: "summary" }, summary);
  document.getElementById("main").append(element("section", attributes, heading, about, ...parts));
  // Figures measure their width, so draw them after they are on the page.
  start();
});
watchWindow();
