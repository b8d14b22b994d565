/** Steps 12, 13 and 16: the order of times, and whether the statements agree. */

import {
  METHODS,
  type Dataset,
  type Destruction,
  type KeyErasure,
  type Plan,
  type PlannedTarget,
  type ScopeCoverage,
  type Sweep,
  type Target,
} from "./predicates.js";
import { Refused, timeRefused } from "./refused.js";
import { same } from "./schema.js";
import { isObject, type Json } from "./strict_json.js";
import type { Moment } from "./text.js";

const CRYPTOGRAPHIC_ERASE = "cryptographic-erase";
const MIN_KEY_BITS = 128;

// White space as Unicode has it, written out: what \s stands for differs between languages.
const SPACE =
  "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const EMAIL = new RegExp(`[^${SPACE}@<>"]@[^${SPACE}@<>"]+\\.[^${SPACE}@<>".]`, "u");

function count(right: boolean, message: string): void {
  if (!right) throw new Refused("E_COUNT", message);
}

function claim(right: boolean, message: string): void {
  if (!right) throw new Refused("E_VERIFY_CLAIM", message);
}

function erase(right: boolean, message: string): void {
  if (!right) throw new Refused("E_CE", message);
}

function planned(right: boolean, message: string): void {
  if (!right) throw new Refused("E_PLAN", message);
}

/** Exact, where a sum of counts may pass what a Number can hold. */
function sum(numbers: Iterable<number>): bigint {
  let total = 0n;
  for (const each of numbers) total += BigInt(each);
  return total;
}

export function total(counts: Readonly<Record<string, number>>): bigint {
  return sum(Object.values(counts));
}

/** E_PII: an e-mail address in any text, key or value. */
export function checkPersonalData(value: Json, what: string): void {
  const todo: Json[] = [value];
  for (let each = todo.pop(); each !== undefined; each = todo.pop()) {
    if (typeof each === "string") {
      if (EMAIL.test(each)) throw new Refused("E_PII", `${what}: a text holds an e-mail address`);
    } else if (Array.isArray(each)) todo.push(...each);
    else if (isObject(each)) todo.push(...each.keys(), ...each.values());
  }
}

/** E_REF, E_COUNT, E_VERIFY_CLAIM. */
export function checkPlan(plan: Plan): void {
  checkDataset(plan.dataset);
  const { decision, until } = plan.fingerprint;
  claim(decision === "keep" || until === null, "plan: a fingerprint destroyed and kept");
  checkSweep(plan.sweep, "plan.sweep");
  const stores = storesOf(plan.sweep);
  for (const { store } of plan.targets) {
    if (!stores.has(store)) {
      throw new Refused("E_REF", "plan.targets: a store that the coverage does not name");
    }
  }
  plan.targets.forEach((target, n) => checkPlanned(target, `plan.targets[${n}]`));
  const size = BigInt(plan.inventory.size);
  count(holdingsOf(plan) === size, "plan: targets and decisions are not the inventory");
  count(total(plan.sweep.found) === size, "plan: what was found is not the inventory");
}

/** E_REF, E_COUNT, E_VERIFY_CLAIM, E_CE. */
export function checkResult(result: Destruction): void {
  checkDataset(result.dataset);
  if (result.sweep !== null) checkSweep(result.sweep, "sweep");
  result.targets.forEach((target, n) => checkTarget(target, `targets[${n}]`));
  result.settled.forEach((target, n) => checkSettled(target, `settled[${n}]`));
  if (result.settled.length > 0 && result.supersedes === null) {
    throw new Refused("E_REF", "settled: what was pending before, but in no result");
  }
  const { size } = result.inventory;
  count(holdingsOf(result) === BigInt(size), "targets and decisions are not the inventory");
  count(result.results.size === size, "results and inventory differ in size");
  const verified = groupsOf(result).some(({ status }) => status === "destroyed-verified");
  claim(!verified || result.times.verified !== null, "verified holdings, but no time");
  const { status: fate, until } = result.fingerprint;
  claim(fate === "kept" || until === null, "a fingerprint destroyed and kept");
  const complete = result.outcome === "complete";
  claim(fate === "kept" || complete, "a fingerprint destroyed that another run needs");
}

/** All that fared alike: holdings of the plan, then what had been pending before it. */
export function groupsOf({ targets, settled }: Destruction): readonly Target[] {
  return [...targets, ...settled];
}

function checkSettled(target: Target, where: string): void {
  checkTarget(target, where);
  claim(target.technique !== null, `${where}: pending, but by no technique`);
  claim(target.status !== "retained", `${where}: retained, though it had been pending`);
}

function holdingsOf({ targets, undecided, dismissed }: Plan | Destruction): bigint {
  const inTargets = sum([...targets].map(({ holdings }) => holdings));
  return inTargets + total(undecided) + total(dismissed);
}

/** E_PLAN: a result that is not this plan's. */
export function checkAgainstPlan(plan: Plan, result: Destruction): void {
  const fields = [
    "attestationId", "controller", "dataset", "request", "inventory",
    "approvers", "dismissed", "undecided",
  ] as const;
  for (const name of fields) {
    planned(same(plan[name]) === same(result[name]), `not the plan's ${name}`);
  }
  const { times } = result;
  const alike = plan.times.planned === times.planned && plan.times.approved === times.approved;
  planned(alike, "not the plan's times");
  const goes = plan.fingerprint.decision === "destroy" && result.outcome === "complete";
  const gone = result.fingerprint.status === "destroyed";
  const dated = plan.fingerprint.until === result.fingerprint.until;
  planned(dated && gone === goes, "not the plan's decision on the fingerprint");
  const before = new Tallies();
  const allowed = new Tallies();
  for (const target of plan.targets) {
    before.add([target.store, target.kind], target.holdings);
    if (target.decision === "destroy") allowed.add(technique(target), target.holdings);
  }
  const after = new Tallies();
  const done = new Tallies();
  for (const target of result.targets) {
    after.add([target.store, target.kind], target.holdings);
    if (isDestroyed(target) || target.status === "pending") {
      done.add(technique(target), target.holdings);
    }
  }
  const equal = before.isWithin(after) && after.isWithin(before);
  planned(equal, "not the plan's holdings by store and kind");
  planned(done.isWithin(allowed), "something was destroyed that was not planned so");
  if (result.sweep !== null) {
    const swept = storesOf(result.sweep);
    const all = [...storesOf(plan.sweep)].every((store) => swept.has(store));
    planned(all, "a store of the plan was not swept after");
  }
}

class Tallies {
  private readonly counts = new Map<string, bigint>();

  add(of: readonly unknown[], holdings: number): void {
    const key = JSON.stringify(of);
    this.counts.set(key, (this.counts.get(key) ?? 0n) + BigInt(holdings));
  }

  isWithin(other: Tallies): boolean {
    return [...this.counts].every(([key, each]) => each <= (other.counts.get(key) ?? 0n));
  }
}

/** E_TIME_ORDER. */
export function checkOrder(plan: Plan, result: Destruction): void {
  const { times } = result;
  const steps: [string, Moment][] = [
    ["sweep started", plan.sweep.started],
    ["sweep finished", plan.sweep.finished],
    ["planned", plan.times.planned],
    ["approved", plan.times.approved],
    ["plan issued", plan.issuedAt],
    ["started", times.started],
    ["finished", times.finished],
  ];
  if (times.verified !== null) steps.push(["verified", times.verified]);
  steps.push(["issued", result.issuedAt]);
  checkAscending(steps);
  if (result.sweep !== null) {
    checkAscending([
      ["finished", times.finished],
      ["second sweep started", result.sweep.started],
      ["second sweep finished", result.sweep.finished],
      ["issued", result.issuedAt],
    ]);
  }
}

function checkAscending(steps: readonly [string, Moment][]): void {
  steps.reduce((earlier, later) => {
    if (earlier[1] > later[1]) {
      throw timeRefused("E_TIME_ORDER", `'${later[0]}' lies before '${earlier[0]}'`);
    }
    return later;
  });
}

function checkDataset({ recordsRecognisable, recordsEnrolled }: Dataset): void {
  count(
    recordsRecognisable <= recordsEnrolled,
    "dataset: more records recognisable than enrolled",
  );
}

function checkSweep({ coverage }: Sweep, where: string): void {
  const seen = new Set<string>();
  coverage.forEach((scope, n) => {
    checkScope(scope, `${where}.coverage[${n}]`);
    const key = JSON.stringify([scope.store, scope.scope]);
    if (seen.has(key)) {
      throw new Refused("E_REF", `${where}.coverage[${n}]: the same scope once more`);
    }
    seen.add(key);
  });
}

function checkScope(scope: ScopeCoverage, where: string): void {
  const gaps = [
    ["unreachable", scope.unitsUnreachable],
    ["failed", scope.unitsFailed],
    ["excluded", scope.unitsExcluded],
  ] as const;
  const missed = sum(gaps.map(([, units]) => units));
  const worst = gaps.find(([, units]) => units > 0)?.[0] ?? "examined";
  if (scope.unitsTotal === null) {
    count(scope.status !== "examined", `${where}: examined, but how many?`);
  } else {
    const all = BigInt(scope.unitsExamined) + missed;
    count(all === BigInt(scope.unitsTotal), `${where}: the units do not add up`);
    count(scope.status === worst, `${where}: its status is not the worst of its units'`);
  }
  const unread = BigInt(scope.unitsUnchanged) <= BigInt(scope.unitsExamined);
  count(unread, `${where}: more units unchanged than examined`);
  if (scope.status !== "examined") {
    const reasons = sum(scope.reasons.map((each) => each.count));
    count(reasons >= missed && reasons >= 1n, `${where}: gaps without a reason`);
  }
}

function checkPlanned(target: PlannedTarget, where: string): void {
  checkNumbers(target, where);
  if (target.decision === "destroy") {
    claim(target.technique !== null, `${where}: to be destroyed, but not how`);
  } else {
    claim(target.reason !== null, `${where}: to be retained, but not why`);
  }
}

function isDestroyed({ status }: Target): boolean {
  return status === "destroyed-verified" || status === "destroyed-unverified";
}

function checkTarget(target: Target, where: string): void {
  checkNumbers(target, where);
  const { finding, looked } = target.verification;
  const { status } = target;
  const destroyed = isDestroyed(target);
  if (destroyed) {
    claim(target.technique !== null, `${where}: destroyed, but not how`);
    claim(target.method !== null, `${where}: destroyed by no method`);
    claim(finding !== "residue", `${where}: residue, yet called destroyed`);
  } else {
    claim(target.method === null, `${where}: a method, but nothing destroyed`);
  }
  if (status === "destroyed-verified") {
    claim(finding === "absent", `${where}: verified, but not found absent`);
    claim(looked.length > 0, `${where}: verified, but nowhere looked`);
  }
  if (finding === "not-looked") {
    claim(looked.length === 0, `${where}: not looked, but places named`);
  }
  if (status === "failed" || status === "retained") {
    claim(target.reasons.length > 0, `${where}: ${status}, but not why`);
  }
  if (!target.whole && destroyed) {
    claim(target.foreignRecordsDestroyed === 0, `${where}: foreign records, yet not whole`);
  }
  count(
    sum(target.reasons.map((each) => each.count)) <= BigInt(target.holdings),
    `${where}: more reasons than holdings`,
  );
  checkErasure(target, where);
}

function checkNumbers(target: Target | PlannedTarget, where: string): void {
  const { holdings, holdingsUnknownRecords, holdingsUnknownForeign } = target;
  count(holdings > 0, `${where}: a group of no holdings`);
  const unknown = Math.max(holdingsUnknownRecords, holdingsUnknownForeign);
  count(unknown <= holdings, `${where}: more unknown than holdings`);
  if (holdingsUnknownRecords === holdings) {
    count(target.records === 0, `${where}: records known of no holding`);
  }
}

function checkErasure(target: Target, where: string): void {
  const { erasure } = target;
  const byKey = target.technique === CRYPTOGRAPHIC_ERASE;
  erase(byKey === (erasure !== null), `${where}: an erase by key and its conditions go together`);
  if (erasure !== null) {
    const { keysTotal, keysDestroyed, keysScheduled } = erasure;
    const known = BigInt(keysDestroyed) + BigInt(keysScheduled);
    const sound = known <= BigInt(keysTotal) && keysTotal !== 0;
    erase(sound, `${where}: more keys gone than there are, or none`);
    erase(
      !isDestroyed(target) || keysDestroyed === keysTotal,
      `${where}: not every key is destroyed`,
    );
  }
  erase(
    target.method !== "purge" || (erasure !== null && purges(erasure)),
    `${where}: purge without the conditions of an erase by key`,
  );
}

function purges(erasure: KeyErasure): boolean {
  const facts = [erasure.everInClear, erasure.escrowed, erasure.backedUp];
  const bits = Math.min(erasure.strengthBits, erasure.entropyBits);
  return facts.every((fact) => fact === "no") && bits >= MIN_KEY_BITS;
}

function technique(target: Target | PlannedTarget): readonly unknown[] {
  return [target.store, target.kind, target.technique, target.whole];
}

function storesOf({ coverage }: Sweep): Set<string> {
  return new Set(coverage.map(({ store }) => store));
}

/** How strong a method is: the higher, the stronger. */
export function rank(method: (typeof METHODS)[number]): number {
  return METHODS.indexOf(method);
}
