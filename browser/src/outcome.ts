/** Step 14: the outcome, computed from plan and result and from nothing else. */

import { groupsOf, total } from "./consistency.js";
import { STATUSES, type Destruction, type Outcome, type Plan, type Sweep } from "./predicates.js";

export interface Computed {
  readonly outcome: Outcome;
  readonly obstacles: readonly string[];
}

export function compute(plan: Plan, result: Destruction): Computed {
  const has = (status: string) => groupsOf(result).some((target) => target.status === status);
  const obstacles = [
    ...recognition(result),
    ...(plan.sweep.coverage.length > 0 ? [] : ["nothing-examined-before"]),
    ...after(plan, result),
    ...(total(result.undecided) > 0n ? ["undecided"] : []),
    ...STATUSES.slice(1).filter(has),
  ];
  if (obstacles.length === 0) return { outcome: "complete", obstacles };
  const done = has("destroyed-verified") || has("destroyed-unverified");
  if (has("failed") && !done && !has("pending")) return { outcome: "failed", obstacles };
  // A sweep finds what is pending, too: no more may be found than that.
  const waits = obstacles.every((each) => each === "pending" || each === "found-after");
  return { outcome: waits && onlyPendingFound(result) ? "pending" : "partial", obstacles };
}

function recognition({ dataset }: Destruction): string[] {
  if (dataset.recordsEnrolled === 0) return ["no-records-enrolled"];
  return dataset.recordsRecognisable < dataset.recordsEnrolled ? ["records-unrecognisable"] : [];
}

function after(plan: Plan, result: Destruction): string[] {
  const { sweep, dismissed } = result;
  if (sweep === null) return ["not-swept-after"];
  const { found } = sweep;
  const more =
    found.copy > 0 || found.likely > dismissed.likely || found.maybe > dismissed.maybe;
  // What was looked at before and is not even listed afterwards was not looked at.
  const listed = new Set(scopes(sweep));
  const known = plan.sweep.coverage.filter(
    ({ unitsTotal, unitsExamined }) => unitsTotal !== null || unitsExamined > 0,
  );
  const gone = scopes({ coverage: known }).some((scope) => !listed.has(scope));
  return [
    ...gaps(sweep),
    ...(gone ? ["scopes-missing-after"] : []),
    ...(more ? ["found-after"] : []),
  ];
}

function gaps({ coverage }: Sweep): string[] {
  if (coverage.length === 0) return ["nothing-examined-after"];
  return ["failed", "unreachable", "excluded"]
    .filter((status) => coverage.some((scope) => scope.status === status))
    .map((status) => `units-${status}-after`);
}

function scopes({ coverage }: Pick<Sweep, "coverage">): string[] {
  return coverage.map(({ store, scope }) => JSON.stringify([store, scope]));
}

function onlyPendingFound(result: Destruction): boolean {
  const { sweep, dismissed } = result;
  if (sweep === null) return false;
  const waiting = groupsOf(result)
    .filter(({ status }) => status === "pending")
    .reduce((sum, { holdings }) => sum + BigInt(holdings), 0n);
  return total(sweep.found) - total(dismissed) <= waiting;
}
