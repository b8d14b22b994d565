/** The report for people: the verdict first, then the claims in the order an auditor reads. */

import { disclosed, validation } from "./beside.js";
import { about, coverage, destroyed, remaining, times } from "./claims.js";
import { bullets, element, facts, section, table, type Child } from "./dom.js";
import type { Destruction } from "./predicates.js";
import type { Report, Verified } from "./report.js";
import { formatTime, type Moment } from "./text.js";

/** A file that was judged, by its digest: so that a printed page says what it is about. */
export interface File {
  readonly what: string;
  readonly name: string;
  readonly digest: string;
}

/** What was judged, and when. */
export interface Subject {
  readonly files: readonly File[];
  readonly now: Moment;
}

const AUTHENTIC = {
  valid: "The bundle is authentic",
  invalid: "Refused: do not rely on this bundle",
  "not-checked": "Not checked: this page cannot tell",
};
const AUTHENTIC_MORE = {
  valid: "Signed by keys of the policy; nothing was changed since. These are their claims:",
  invalid: "Nothing of what the files say was taken over. The first fault is told below.",
  "not-checked": "Use the command-line verifier. This is neither a pass nor a refusal.",
};

export function view({ report, plan, result, digests }: Verified, subject: Subject): HTMLElement {
  const claims =
    plan !== null && result !== null
      ? [
          about(result, report.names),
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
    validation(report.validation, report.names),
    ...claims,
    disclosed(report.disclosed),
    signers(report),
    judged(subject, digests),
    limits(report),
  );
}

/** The verdicts in a line, for those who hear the page. */
export function spoken(report: Report): string {
  const parts = verdictsOf(report).map(([name, value]) => `${name}: ${value}`);
  return [AUTHENTIC[report.authentic], ...parts, ...report.codes].join(". ");
}

function tone({ authentic, time, outcome, validation: of }: Report): "good" | "middling" | "bad" {
  const spoilt = of !== null && of.authentic === "invalid";
  if (authentic === "invalid" || spoilt) return "bad";
  const validated =
    of === null ||
    (of.authentic === "valid" && of.decision === "accepted" && of.noLaterThan !== null);
  const good = authentic === "valid" && time === "valid" && outcome === "complete" && validated;
  return good ? "good" : "middling";
}

function banner(report: Report, result: Destruction | null): HTMLElement {
  return element(
    "div",
    `banner ${tone(report)}`,
    element("h2", "title", AUTHENTIC[report.authentic]),
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
}

/** Each verdict apart, by its name. */
function verdictsOf(report: Report): readonly (readonly [string, string])[] {
  const { authentic, time, log, outcome, validation: of } = report;
  const word = of?.authentic === "valid" ? of.decision : of?.authentic;
  return [
    ["authenticity", authentic],
    ["time", time],
    ["log", log],
    ["outcome", outcome ?? "not told"],
    ...(word === undefined ? [] : [["validation", word] as const]),
  ];
}

const TONES: Readonly<Record<string, string>> = {
  valid: "good",
  witnessed: "good",
  complete: "good",
  accepted: "good",
  invalid: "bad",
  failed: "bad",
  rejected: "bad",
};

function verdicts(report: Report): HTMLElement {
  const made = verdictsOf(report).map(([name, value]) =>
    element(
      "div",
      `verdict ${TONES[value] ?? "middling"}`,
      element("dt", "", name),
      element("dd", "", element("strong", "", value)),
    ),
  );
  return element("dl", "verdicts", ...made);
}

function findings(report: Report): HTMLElement {
  const codes = report.codes.map((code) => element("code", "code", code));
  return section(
    "Findings",
    codes.length > 0 ? element("p", "", "Codes: ", ...codes) : null,
    bullets(report.findings),
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

function judged({ files, now }: Subject, digests: Verified["digests"]): HTMLElement {
  const code = (text: string) => element("code", "", text);
  return section(
    "What was judged",
    facts(
      ...files.map(({ what, name, digest }): [string, Child] => [
        what,
        element("span", "", `${name} `, code(digest)),
      ]),
      ["plan's envelope", digests === null ? null : code(digests.plan)],
      ["result's envelope", digests === null ? null : code(digests.result)],
      ["by the clock", formatTime(now)],
    ),
  );
}

function limits({ authentic, disclosed: shown }: Report): HTMLElement {
  return section(
    "What this does not show",
    bullets([
      "That no other copy exists: it says what was examined, and what was not.",
      "That the sweep was honest: a measuring operator can lie consistently.",
      "That there is no later attestation than those that were given here.",
      ...(authentic === "valid" && shown === null ? ["What the holdings were: none was disclosed to you here."]
        : []),
    ]),
  );
}
