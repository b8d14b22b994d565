/** The auditor's procedure: offline, in this order, failing closed. The numbers are the specification's. */

import { openBundle } from "./bundle.js";
import {
  checkAgainstPlan,
  checkOrder,
  checkPersonalData,
  checkPlan,
  checkResult,
  rank,
} from "./consistency.js";
import { openEnvelope } from "./envelope.js";
import { checkLog } from "./log.js";
import { compute } from "./outcome.js";
import { loadPolicy, type Policy, type Trust } from "./policy.js";
import { destruction, plan as planTable, type Destruction, type Plan } from "./predicates.js";
import { NotChecked, Refused, timeRefused } from "./refused.js";
import { aboutRenewals, renewBefore } from "./renewal.js";
import { NOT_CHECKED, type Report, type SignedBy, type Verified } from "./report.js";
import { checkKeyTimes, checkSignatures, type Signed } from "./signatures.js";
import { DESTRUCTION_TYPE, PLAN_TYPE, readStatement } from "./statement.js";
import { digest, formatTime, SECOND, shown, type Moment } from "./text.js";
import { checkTimestamps, type Stamped } from "./timestamp.js";

type Bytes = Uint8Array<ArrayBuffer>;

/** Verify, and turn the first refusal into a report that says so. `now` is the auditor's clock. */
export async function check(bundle: Bytes, policy: Bytes, now: Moment): Promise<Verified> {
  try {
    return await verify(bundle, policy, now);
  } catch (error) {
    return { report: refusal(error), plan: null, result: null, digests: null };
  }
}

async function verify(data: Bytes, policyData: Bytes, now: Moment): Promise<Verified> {
  // 1 limits, 2 strict JSON and exact keys, 3 base64
  const bundle = openBundle(data);

  // 4 envelopes and payload types
  const planEnvelope = openEnvelope(bundle.plan.envelope, "plan");
  const resultEnvelope = openEnvelope(bundle.result.envelope, "result");

  // 5 the trust policy, never from the bundle
  const trust = await loadPolicy(policyData);
  const { policy } = trust;

  // 6 signatures: unique trusted keys, thresholds by role
  const planSigned = await checkSignatures(planEnvelope, trust, "plan");
  const resultSigned = await checkSignatures(resultEnvelope, trust, "result");

  // 7 timestamps
  const planStamped = await checkTimestamps(bundle.plan, trust, now, "plan");
  const resultStamped = await checkTimestamps(bundle.result, trust, now, "result");

  // 8 the keys' validity at that time
  checkKeyTimes(planSigned, planStamped, now, "plan");
  checkKeyTimes(resultSigned, resultStamped, now, "result");

  // 9 the log
  const logged = await checkLog(bundle, trust, now);

  // 10 the same verified bytes, parsed: type and schema
  const planStatement = readStatement(planEnvelope.payload, PLAN_TYPE, planTable);
  const resultStatement = readStatement(resultEnvelope.payload, DESTRUCTION_TYPE, destruction);
  const plan: Plan = planStatement.predicate;
  const result: Destruction = resultStatement.predicate;

  // 11 expected controller, dataset, challenge
  checkExpected(policy, result);

  // 12 order of times
  checkOrder(plan, result);
  checkClocks(trust, plan.issuedAt, planStamped, now, "plan");
  checkClocks(trust, result.issuedAt, resultStamped, now, "result");
  const planBeforeStart =
    planStamped.latest !== null && planStamped.latest <= result.times.started + trust.skew;
  if (policy.timestamps.planBeforeStart && !planBeforeStart) {
    throw timeRefused("E_TIME_ORDER", "the plan is not proven to be older than the start");
  }

  // 13 cross-checks, and what the policy asks of coverage and methods
  checkPersonalData(planStatement.written, "plan");
  checkPersonalData(resultStatement.written, "result");
  checkPlan(plan);
  checkResult(result);
  checkDemands(policy, plan, result);

  // 14 the outcome, recomputed
  const computed = compute(plan, result);
  if (computed.outcome !== result.outcome) {
    throw new Refused(
      "E_OUTCOME",
      `the outcome is stated as ${result.outcome}, and comes to ${computed.outcome}`,
    );
  }

  // 15 chain and replay: asks for the issuer's other attestations; none are supplied here

  // 16 the plan: in every bundle, and bound by the digest of its exact bytes
  const digests = {
    plan: await digest(bundle.plan.envelope),
    result: await digest(bundle.result.envelope),
  };
  if (result.plan !== digests.plan) {
    throw new Refused("E_PLAN", "the plan in the bundle is not the result's");
  }
  checkAgainstPlan(plan, result);

  const stamped = [planStamped, resultStamped];
  const enough = stamped.every(({ latest }) => latest !== null);
  const independent = stamped.every((each) => each.independent);
  const signers = signersOf(planSigned, resultSigned);
  const findings = [
    ...aboutTime(planStamped, resultStamped, planBeforeStart),
    ...aboutSigners(signers, planSigned.strangers + resultSigned.strangers > 0),
    ...aboutApprovers(result, signers),
    ...logged.findings,
    "chain of attestations: not asked",
  ];
  const report: Report = {
    authentic: "valid",
    time: enough && independent ? "valid" : "indeterminate",
    log: logged.verdict,
    outcome: computed.outcome,
    obstacles: computed.obstacles,
    codes: enough ? [] : ["E_TS_THRESHOLD"],
    noLaterThan: resultStamped.latest === null ? null : formatTime(resultStamped.latest),
    renewBefore: renewBefore(stamped),
    planBeforeStart,
    signers,
    findings,
  };
  return { report, plan, result, digests };
}

function refusal(error: unknown): Report {
  const nothing = {
    outcome: null, obstacles: [], noLaterThan: null, renewBefore: null, planBeforeStart: false,
    signers: [],
  };
  if (error instanceof Refused) {
    return {
      ...nothing,
      authentic: "invalid",
      time: error.about === "time" ? "invalid" : "indeterminate",
      log: error.about === "log" ? "invalid" : "indeterminate",
      codes: [error.code],
      findings: [shown(error.message)],
    };
  }
  // Whatever else goes wrong in here, nothing is known: neither right nor wrong.
  const why = error instanceof NotChecked ? error.message : `a fault of this page: ${String(error)}`;
  return {
    ...nothing,
    authentic: "not-checked",
    time: "indeterminate",
    log: "indeterminate",
    codes: [NOT_CHECKED],
    findings: [shown(why)],
  };
}

function checkExpected({ expect }: Policy, result: Destruction): void {
  if (expect.controller !== null && expect.controller !== result.controller.name) {
    throw new Refused("E_SUBJECT", "another controller's attestation");
  }
  if (expect.dataset !== null && expect.dataset !== result.dataset.label) {
    throw new Refused("E_SUBJECT", "another dataset's attestation");
  }
  if (expect.challenge !== null && expect.challenge !== result.request.challenge) {
    throw new Refused("E_CHALLENGE", "not an answer to the auditor's challenge");
  }
}

function checkClocks(
  { policy, skew }: Trust,
  issued: Moment,
  { latest }: Stamped,
  now: Moment,
  what: string,
): void {
  if (issued > (latest ?? now) + skew) {
    throw timeRefused("E_TIME_ORDER", `${what}: issued later than its timestamp, or now`);
  }
  const lag = policy.timestamps.maxLagSeconds;
  if (lag !== null && latest !== null && latest - issued - skew > BigInt(lag) * SECOND) {
    throw timeRefused("E_LAG", `${what}: timestamped too long after it was issued`);
  }
}

function checkDemands(policy: Policy, plan: Plan, result: Destruction): void {
  for (const sweep of [plan.sweep, result.sweep]) {
    if (sweep === null) continue;
    const names = new Set(sweep.coverage.flatMap(({ store, identity }) => [store, identity]));
    const missing = policy.stores.filter((store) => !names.has(store));
    if (missing.length > 0) {
      throw new Refused("E_POLICY", `not covered, though asked for: ${missing.join(", ")}`);
    }
  }
  for (const { method } of result.targets) {
    if (method !== null && rank(method) < rank(policy.lowestMethod)) {
      throw new Refused("E_POLICY", `${method} is below the lowest method that is accepted`);
    }
  }
}

function aboutTime(plan: Stamped, result: Stamped, planBeforeStart: boolean): string[] {
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

function aboutSigners(signers: readonly SignedBy[], strangers: boolean): string[] {
  const lines: string[] = [];
  if (signers.every(({ operatorRun }) => operatorRun)) {
    lines.push("every signer is the operator's own: nobody else vouches for it");
  }
  if (strangers) {
    lines.push("there are signatures by keys that the policy does not name: not counted");
  }
  return lines;
}

function aboutApprovers(
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

function signersOf(plan: Signed, result: Signed): SignedBy[] {
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
