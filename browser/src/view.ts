/** The report for people: the verdict first, then the claims in the order an auditor reads. */

import { bullets, element, facts, section, table, type Child } from "./dom.js";
import type { Destruction, Plan, ScopeCoverage, Sweep, Target } from "./predicates.js";
import type { Report, Verified } from "./report.js";
import { formatTime, type Moment } from "./text.js";

/** What was judged, and when: so that a printed page says what it is about. */
export interface Subject {
  readonly bundle: { readonly name: string; readonly digest: string };
  readonly policy: { readonly name: string; readonly digest: string };
  readonly now: Moment;
}

const AUTHENTIC = {
  valid: "The bundle is authentic",
  invalid: "Refused: do not rely on this bundle",
  "not-checked": "Not checked: this page cannot tell",
};
const AUTHENTIC_MORE = {
  valid: "Signed by keys of the policy; nothing was changed since. These are their claims:",
  invalid: "Nothing of what the bundle says was taken over. The first fault is told below.",
  "not-checked": "Use the command-line verifier. This is neither a pass nor a refusal.",
};

export function view({ report, plan, result, digests }: Verified, subject: Subject): HTMLElement {
  const claims =
    plan !== null && result !== null
      ? [
          about(result),
          remaining(report, result),
          destroyed(result),
          coverage("Where was looked afterwards", result.sweep),
          coverage("Where was looked before", plan.sweep),
          times(report, plan, result),
        ]
      : [];
  return element(
    "div",
    "report",
    banner(report, result),
    verdicts(report),
    findings(report),
    ...claims,
    signers(report),
    judged(subject, digests),
    limits(),
  );
}

function banner(report: Report, result: Destruction | null): HTMLElement {
  const good = report.authentic === "valid" && report.outcome === "complete";
  const middling = report.authentic !== "invalid" && !good;
  const timed = report.time === "valid";
  const tone = good && timed ? "good" : good || middling ? "middling" : "bad";
  const made = element(
    "div",
    `banner ${tone}`,
    element("p", "title", AUTHENTIC[report.authentic]),
    element("p", "", AUTHENTIC_MORE[report.authentic]),
    result === null
      ? null
      : element(
          "p",
          "claim",
          `${result.controller.name} attests the destruction of ${result.dataset.label}: `,
          element("strong", "", result.outcome),
        ),
  );
  made.setAttribute("role", "status");
  return made;
}

function verdicts(report: Report): HTMLElement {
  const box = (name: string, value: string, tone: string) =>
    element("div", `verdict ${tone}`, element("span", "", name), element("strong", "", value));
  const tone = (value: string) =>
    ({ valid: "good", witnessed: "good", complete: "good", invalid: "bad", failed: "bad" })[value] ??
    "middling";
  const all: (readonly [string, string])[] = [
    ["authenticity", report.authentic],
    ["time", report.time],
    ["log", report.log],
    ["outcome", report.outcome ?? "not told"],
  ];
  return element("div", "verdicts", ...all.map(([name, value]) => box(name, value, tone(value))));
}

function findings(report: Report): HTMLElement {
  const codes = report.codes.map((code) => element("code", "code", code));
  return section(
    "Findings",
    codes.length > 0 ? element("p", "", "Codes: ", ...codes) : null,
    bullets(report.findings),
  );
}

function about(result: Destruction): HTMLElement {
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
      ["carried out by", `${operator.role} ${operator.reference}`],
      [
        "approved by",
        approvers.map(({ role, reference }) => `${role} ${reference}`).join(", ") || "nobody",
      ],
      ["tool", `${tool.name} ${tool.version}`],
      ["run", result.attestationId],
    ),
  );
}

function named(name: string, more: string | null): string {
  return more === null ? name : `${name} (${more})`;
}

function remaining(report: Report, result: Destruction): HTMLElement {
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
      ["undecided", undecided > 0 ? `${undecided} holdings look like copies` : null],
      ["dismissed", dismissed > 0 ? `${dismissed} holdings were decided to be no copies` : null],
      ["given to", bullets(recipients)],
    ),
  );
}

function destroyed({ targets }: Destruction): HTMLElement {
  const columns = ["store", "holdings", "records", "status", "how", "looked for afterwards"];
  return section("What was done", targets.length > 0 ? table(columns, targets.map(row)) : "Nothing.");
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

function coverage(title: string, sweep: Sweep | null): HTMLElement {
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
    `${each.unitsExamined} of ${each.unitsTotal ?? "an unknown number"}`,
    [...gaps, ...why].join(", ") || "none",
    each.asOf ?? "",
  ];
}

function times(report: Report, plan: Plan, result: Destruction): HTMLElement {
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

function signers({ signers: all }: Report): HTMLElement | null {
  if (all.length === 0) return null;
  const rows = all.map((each): Child[] => [
    each.name,
    each.role,
    each.operatorRun ? "the operator" : "somebody else",
    each.signed.join(", "),
    element("code", "", each.keyid),
  ]);
  return section("Who signed", table(["name", "role", "held by", "signed", "key"], rows));
}

function judged({ bundle, policy, now }: Subject, digests: Verified["digests"]): HTMLElement {
  const code = (text: string) => element("code", "", text);
  return section(
    "What was judged",
    facts(
      ["bundle", element("span", "", `${bundle.name} `, code(bundle.digest))],
      ["policy", element("span", "", `${policy.name} `, code(policy.digest))],
      ["plan's envelope", digests === null ? null : code(digests.plan)],
      ["result's envelope", digests === null ? null : code(digests.result)],
      ["by the clock", formatTime(now)],
    ),
  );
}

function limits(): HTMLElement {
  return section(
    "What this does not show",
    bullets([
      "That no other copy exists: it says what was examined, and what was not.",
      "That the sweep was honest: a measuring operator can lie consistently.",
      "Not checked here: the chain of the issuer's attestations (step 15), the private manifest and disclosures (step 16), and ML-DSA signatures.",
    ]),
  );
}
