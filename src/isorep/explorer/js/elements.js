/* Elements: HTML elements of the page. Every text becomes textContent, never markup. */

import { visible } from "./text.js";

let idCount = 0;

/** An id that no other element has. */
export const newId = (prefix) => {
  idCount += 1;
  return `${prefix}-${idCount}`;
};

export const element = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/** A name within a sentence; <bdi> keeps the sentence in order around a right-to-left name. */
export const nameElement = (name) => element("bdi", { class: "name" }, visible(name));

/** A sentence that tells how to use a figure; it is not printed. */
export const hint = (text) => element("span", { class: "hint" }, text);

export const warning = (...children) => element("p", { class: "warning" }, ...children);

export const setOptions = (select, texts) => {
  select.replaceChildren(...texts.map((text, i) => element("option", { value: i }, visible(text))));
};

/** A captioned drop-down list that calls `onChange` with the index of the selected option. */
export const dropdown = (caption, options, onChange) => {
  const select = element("select", { id: newId("select") });
  setOptions(select, options);
  select.addEventListener("change", () => onChange(Number(select.value)));
  const label = element("label", { for: select.id }, caption);
  return { box: element("div", { class: "control" }, label, select), select };
};

export const controls = (...dropdowns) =>
  element("div", { class: "controls" }, ...dropdowns.map(({ box }) => box));

/** Save text as a file on the reader's computer. */
export const download = (fileName, type, text) => {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: url, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
};
