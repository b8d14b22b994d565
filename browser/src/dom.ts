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

/** A section of the report, named by its heading. */
export function section(title: string, ...children: Child[]): HTMLElement {
  const made = element("section", "", element("h2", "", title), ...children);
  made.setAttribute("aria-label", title);
  return made;
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

/**
 * A table whose cells carry their column's name, for screens on which it becomes a list. The roles
 * stand there in words, for such a layout takes them from a table that has them by its tags.
 */
export function table(columns: readonly string[], rows: readonly Child[][]): HTMLElement {
  const head = part("tr", "row", ...columns.map((name) => part("th", "columnheader", name)));
  const body = rows.map((row) => {
    const cells = row.map((cell, n) => {
      const made = part("td", "cell", cell);
      made.dataset["column"] = columns[n] ?? "";
      return made;
    });
    return part("tr", "row", ...cells);
  });
  return part(
    "table",
    "table",
    part("thead", "rowgroup", head),
    part("tbody", "rowgroup", ...body),
  );
}

function part(tag: string, role: string, ...children: Child[]): HTMLElement {
  const made = element(tag, "", ...children);
  made.setAttribute("role", role);
  return made;
}
