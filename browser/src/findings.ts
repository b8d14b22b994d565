/** What is told to people beside the codes: lines that are safe to show. */

import type { Names } from "./annex.js";
import type { Disclosed } from "./disclosure.js";
import type { Destruction } from "./predicates.js";
import { aboutRenewals } from "./renewal.js";
import type { SignedBy } from "./report.js";
import type { Signed } from "./signatures.js";
import { formatTime, shown } from "./text.js";
import type { Stamped } from "./timestamp.js";

export function aboutTime(plan: Stamped, result: Stamped, planBeforeStart: boolean): string[] {
  const lines: string[] = [];
  for (const [what, each] of [["plan", plan], ["result", result]] as const) {
    if (each.latest === null) {
      lines.push(`${what}: no time is proven; too few timestamps by trusted authorities`);
    } else {
      const names = each.stamps.map(({ authority }) => shown(authority)).join(", ");
      lines.push(`${what}: no later than ${formatTime(each.latest)} (by ${names})`);
      if (!each.independent) lines.push(`${what}: its time is the operator's own word`);
    }
    lines.push(...aboutRenewals(what, each));
    if (each.unknown > 0) {
      lines.push(`${what}: ${each.unknown} timestamps by unknown authorities, not counted`);
    }
  }
  if (plan.latest !== null && !planBeforeStart) {
    lines.push("the plan was timestamped after the destruction began: not proven to be older");
  }
  return lines;
}

export function aboutSigners(signers: readonly SignedBy[]): string[] {
  const own = signers.every(({ operatorRun }) => operatorRun);
  return own ? ["every signer is the operator's own: nobody else vouches for it"] : [];
}

export function aboutStrangers(plan: Signed, result: Signed): string[] {
  return plan.strangers + result.strangers > 0
    ? ["there are signatures by keys that the policy does not name: not counted"]
    : [];
}

export function aboutApprovers(
  { operator, approvers }: Destruction,
  signers: readonly SignedBy[],
): string[] {
  const others = approvers.some(
    ({ role, reference }) => role !== operator.role || reference !== operator.reference,
  );
  const signed = signers.some((each) => each.role === "approver" && each.signed.includes("plan"));
  return others && !signed
    ? ["no key of an approver's signed the plan: that it was approved is said only"]
    : [];
}

export function aboutDisclosure(disclosed: Disclosed | null, { results }: Destruction): string[] {
  if (disclosed === null) return [];
  const { asked, sample, holdings, scopes } = disclosed;
  return [
    `disclosure: ${holdings.length} of ${results.size} holdings are shown`,
    asked
      ? `disclosure: ${sample} of them are those that the seed demands`
      : "disclosure: no seed of the auditor's was compared: the operator chose",
    ...(scopes.length > 0 ? [`disclosure: ${scopes.length} scopes are named`] : []),
  ];
}

export function aboutNames(names: Names | null, { operator, approvers }: Destruction): string[] {
  if (names === null) return [];
  const acting = new Set([operator, ...approvers].map(({ reference }) => reference));
  const nameless = [...acting].filter((each) => !Object.hasOwn(names, each));
  return [
    `annex: ${Object.keys(names).length} names are the ones that were committed to`,
    ...nameless.map((each) => `annex: no name for ${each}`),
  ];
}

/** Each key once, with what it signed. */
export function signersOf(plan: Signed, result: Signed): SignedBy[] {
  const seen = new Map<string, SignedBy>();
  for (const [what, each] of [["plan", plan], ["result", result]] as const) {
    for (const { entry, key } of each.by) {
      seen.set(key.keyid, {
        name: shown(entry.name),
        role: entry.role,
        keyid: key.keyid,
        operatorRun: entry.operatorRun,
        signed: [...(seen.get(key.keyid)?.signed ?? []), what],
      });
    }
  }
  return [...seen.values()];
}
