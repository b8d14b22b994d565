/** What was supplied beside the bundle: a disclosure, and another person's validation. */

import { withName, type Names } from "./annex.js";
import type { Disclosed, HoldingShown } from "./disclosure.js";
import { bullets, element, facts, section, table, type Child } from "./dom.js";
import type { Validation } from "./report.js";

export function validation(of: Validation | null, names: Names | null): HTMLElement | null {
  if (of === null) return null;
  if (of.authentic !== "valid") {
    return section(
      "The validation is not to be relied on",
      element("p", "", element("code", "code", of.code), of.finding),
    );
  }
  return section(
    "Validation by the organisation",
    facts(
      ["decision", element("span", `status ${of.decision}`, of.decision)],
      ["by", of.by.join(", ")],
      ["who is", `${of.role} ${withName(of.reference, names)}`],
      ["key held by", of.operatorRun ? "the operator: nobody else vouches for it" : "somebody else"],
      ["proven no later than", of.noLaterThan ?? "not proven"],
    ),
  );
}

export function disclosed(of: Disclosed | null): HTMLElement | null {
  if (of === null) return null;
  const columns = ["leaf", "chosen by", "store", "place", "what", "decided", "came of it"];
  return section(
    "What the operator disclosed",
    element(
      "p",
      of.asked ? "" : "warns",
      of.asked
        ? `Your seed demands ${of.sample} of these holdings; each is shown with its proof.`
        : "No seed of yours was compared: the operator chose which holdings to show.",
    ),
    of.holdings.length > 0 ? table(columns, of.holdings.map((each) => row(each, of.asked))) : null,
    of.scopes.length > 0 ? element("h3", "", "Names of scopes") : null,
    bullets(of.scopes.map(({ store, scope }) => `${store}: ${scope}`)),
  );
}

function row(each: HoldingShown, asked: boolean): Child[] {
  const { index, store, scope, locator, version, kind, verdict, decision, status } = each;
  return [
    `${index}`,
    !each.demanded ? "the operator" : asked ? "your seed" : "a seed",
    store,
    [scope, locator, version].filter((part) => part !== "").join(" "),
    `${kind}, ${verdict}`,
    decision,
    element("span", `status ${status}`, status),
  ];
}
