/** Elements from text alone: nothing of a bundle is ever read as markup. */

import { shown } from "./text.js";

export type Child = HTMLElement | string | null;

/** An element; a string among its children is escaped as text from a bundle must be. */
export function element(tag: string, className: string, ...children: Child[]): HTMLElement {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  for (const child of children) {
    if (child !== null) made.append(typeof child === "string" ? shown(child, 2000) : child);
  }
  return made;
}

export function section(title: string, ...children: Child[]): HTMLElement {
  return element("section", "", element("h2", "", title), ...children);
}

/** Pairs of a name and a value; a pair without a value is left out. */
export function facts(...pairs: (readonly [string, Child])[]): HTMLElement {
  const present = pairs.filter(([, value]) => value !== null);
  return element(
    "dl",
    "",
    ...present.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
  );
}

export function bullets(lines: readonly string[]): HTMLElement | null {
  if (lines.length === 0) return null;
  return element("ul", "", ...lines.map((line) => element("li", "", line)));
}

/** A table whose cells carry their column's name, for screens on which it becomes a list. */
export function table(columns: readonly string[], rows: readonly Child[][]): HTMLElement {
  const head = element("tr", "", ...columns.map((name) => element("th", "", name)));
  const body = rows.map((row) => {
    const cells = row.map((cell, n) => {
      const made = element("td", "", cell);
      made.dataset["column"] = columns[n] ?? "";
      return made;
    });
    return element("tr", "", ...cells);
  });
  return element("table", "", element("thead", "", head), element("tbody", "", ...body));
}
