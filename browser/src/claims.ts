/** What a verified bundle claims, in the order in which an auditor reads it. */

import { withName, type Names } from "./annex.js";
import { groupsOf } from "./consistency.js";
import { bullets, element, facts, section, table, type Child } from "./dom.js";
import type { Destruction, Plan, ScopeCoverage, Sweep, Target } from "./predicates.js";
import type { Report } from "./report.js";
import { formatTime } from "./text.js";

export function about(result: Destruction, names: Names | null): HTMLElement {
  const { controller, operator, approvers, request, dataset, tool } = result;
  return section(
    "Who, and what",
    facts(
      ["controller", named(controller.name, controller.reference)],
      ["dataset", named(dataset.label, dataset.title)],
      [
        "its records",
        `${dataset.recordsEnrolled}; ${dataset.recordsRecognisable} can be recognised by their values`,
      ],
      ["reason", request.basis],
      ["answers the challenge", request.challenge],
      ["carried out by", `${operator.role} ${withName(operator.reference, names)}`],
      [
        "approved by",
        approvers
          .map(({ role, reference }) => `${role} ${withName(reference, names)}`)
          .join(", ") || "nobody",
      ],
      ["tool", `${tool.name} ${tool.version}`],
      ["run", result.attestationId],
    ),
  );
}

function named(name: string, more: string | null): string {
  return more === null ? name : `${name} (${more})`;
}

export function remaining(report: Report, result: Destruction): HTMLElement {
  const undecided = result.undecided.likely + result.undecided.maybe;
  const dismissed = result.dismissed.likely + result.dismissed.maybe;
  const risks = result.residualRisks.map(({ code, due }) =>
    due === null ? code : `${code}, until ${formatTime(due)}`,
  );
  const recipients = result.recipients.map(
    ({ label, recipient, status }) => `${label ?? recipient}: ${status}`,
  );
  return section(
    "What remains, and what is not known",
    facts(
      ["not complete for", bullets(report.obstacles)],
      ["may survive", bullets(risks)],
      ["limits of the stores", bullets(result.limitations)],
      ["what recognised it", fingerprint(result)],
      ["undecided", undecided > 0 ? `${undecided} holdings look like copies` : null],
      ["dismissed", dismissed > 0 ? `${dismissed} holdings were decided to be no copies` : null],
      ["given to", bullets(recipients)],
    ),
  );
}

function fingerprint({ fingerprint: { status, until } }: Destruction): string {
  return `fingerprint ${status}` + (until === null ? "" : ` until ${formatTime(until)}`);
}

export function destroyed(result: Destruction): HTMLElement {
  const { targets, settled } = result;
  const columns = ["store", "holdings", "records", "status", "how", "looked for afterwards"];
  const parts: Child[] = [targets.length > 0 ? table(columns, targets.map(row)) : "Nothing."];
  if (settled.length > 0) {
    const note = "What the replaced attestation left pending, looked for anew:";
    parts.push(element("p", "note", note), table(columns, settled.map(row)));
  }
  const erased = groupsOf(result).flatMap(conditions);
  if (erased.length > 0) {
    parts.push(element("p", "note", "Conditions of the erasures by key:"));
    parts.push(table(CONDITIONS, erased));
  }
  return section("What was done", ...parts);
}

const CONDITIONS = [
  "store",
  "holdings",
  "ever in the clear",
  "escrowed",
  "backed up",
  "strength and entropy, bits",
  "keys",
];

function conditions({ store, holdings, kind, erasure }: Target): Child[][] {
  if (erasure === null) return [];
  const { keysTotal, keysDestroyed, keysScheduled } = erasure;
  return [
    [
      store,
      `${holdings} ${kind}`,
      erasure.everInClear,
      erasure.escrowed,
      erasure.backedUp,
      `${erasure.strengthBits} and ${erasure.entropyBits}`,
      `${keysDestroyed} of ${keysTotal} destroyed, ${keysScheduled} scheduled`,
    ],
  ];
}

function row(target: Target): Child[] {
  const { verification: found, reasons, method, technique, until } = target;
  const why = reasons.map(({ code, count }) => `${code} (${count})`).join(", ");
  const how = [technique, method === null ? null : `method: ${method}`, why === "" ? null : why];
  if (until !== null) how.push(`until ${formatTime(until)}`);
  const unknown = target.holdingsUnknownRecords;
  return [
    target.store,
    `${target.holdings} ${target.kind}`,
    unknown > 0 ? `${target.records}, and unknown in ${unknown} holdings` : `${target.records}`,
    element("span", `status ${target.status}`, target.status),
    how.filter((each) => each !== null).join("; "),
    found.looked.length > 0 ? `${found.finding} (${found.looked.join(", ")})` : found.finding,
  ];
}

export function coverage(title: string, sweep: Sweep | null): HTMLElement {
  if (sweep === null) return section(title, element("p", "", "Nobody looked."));
  const { copy, likely, maybe } = sweep.found;
  const columns = ["store", "status", "units examined", "not examined", "as of"];
  return section(
    title,
    element("p", "", `Found: ${copy} copies, ${likely} likely, ${maybe} that may be.`),
    table(columns, sweep.coverage.map(scope)),
  );
}

function scope(each: ScopeCoverage): Child[] {
  const missed = [
    ["failed", each.unitsFailed],
    ["unreachable", each.unitsUnreachable],
    ["excluded", each.unitsExcluded],
  ] as const;
  const gaps = missed.filter(([, units]) => units > 0).map(([name, units]) => `${units} ${name}`);
  const why = each.reasons.map(({ code, count }) => `${code} (${count})`);
  return [
    named(each.store, each.scopeLabel),
    element("span", `status ${each.status}`, each.status),
    `${each.unitsExamined} of ${each.unitsTotal ?? "an unknown number"}` +
      (each.unitsUnchanged > 0 ? `, ${each.unitsUnchanged} of them unchanged and not read again` : ""),
    [...gaps, ...why].join(", ") || "none",
    each.asOf ?? "",
  ];
}

export function times(report: Report, plan: Plan, result: Destruction): HTMLElement {
  const at = result.times;
  return section(
    "When",
    facts(
      ["proven no later than", report.noLaterThan ?? "not proven"],
      ["renew the timestamps before", report.renewBefore ?? "not known"],
      ["plan before the start", report.planBeforeStart ? "proven" : "not proven"],
    ),
    element("p", "note", "By the operator's own clock:"),
    facts(
      ["searched", `${formatTime(plan.sweep.started)} to ${formatTime(plan.sweep.finished)}`],
      ["planned", formatTime(at.planned)],
      ["approved", formatTime(at.approved)],
      ["destroyed", `${formatTime(at.started)} to ${formatTime(at.finished)}`],
      ["looked again", at.verified === null ? "no" : formatTime(at.verified)],
      ["attested", formatTime(result.issuedAt)],
    ),
  );
}
