/** The auditor's procedure: offline, in this order, failing closed. The numbers are the specification's. */

import { checkAnnex } from "./annex.js";
import { openBundle, type Bytes } from "./bundle.js";
import { checkChain, MAX_OTHERS, type Link } from "./chain.js";
import {
  checkAgainstPlan,
  checkOrder,
  checkPersonalData,
  checkPlan,
  checkResult,
  rank,
  groupsOf,
} from "./consistency.js";
import { checkDisclosure } from "./disclosure.js";
import { openEnvelope } from "./envelope.js";
import {
  aboutApprovers,
  aboutDisclosure,
  aboutNames,
  aboutSigners,
  aboutStrangers,
  aboutTime,
  signersOf,
} from "./findings.js";
import { checkLog } from "./log.js";
import { compute } from "./outcome.js";
import { askedOf, loadPolicy, type Policy, type Trust } from "./policy.js";
import { METHODS, type Destruction, type Plan } from "./predicates.js";
import { NotChecked, Refused, refusedOf, timeRefused } from "./refused.js";
import { renewBefore } from "./renewal.js";
import { NOT_CHECKED, type Report, type Validation, type Verified } from "./report.js";
import { checkKeyTimes, checkSignatures } from "./signatures.js";
import { DESTRUCTION, PLAN, readStatement } from "./statement.js";
import { NOTHING, type Supplied } from "./supplied.js";
import { digest, formatTime, SECOND, shown, type Moment } from "./text.js";
import { checkTimestamps, type Stamped } from "./timestamp.js";
import { checkValidation, type Judged } from "./validation.js";

/** A bundle that passed, with what is needed to judge others by it. */
interface Passed extends Judged {
  readonly trust: Trust;
  readonly link: Link;
  readonly plan: Plan;
  readonly planDigest: string;
  readonly report: Report;
}

/** Verify, and turn the first refusal into a report that says so. `now` is the auditor's clock. */
export async function check(
  bundle: Bytes,
  policy: Bytes,
  now: Moment,
  supplied = NOTHING,
): Promise<Verified> {
  try {
    const passed = await verify(bundle, () => loadPolicy(policy), now, supplied);
    const validation =
      supplied.validation === null
        ? null
        : await validated(supplied.validation, passed, passed.trust, now);
    return {
      report: { ...passed.report, validation },
      plan: passed.plan,
      result: passed.result,
      digests: { plan: passed.planDigest, result: passed.digest },
    };
  } catch (error) {
    return { report: refusal(error), plan: null, result: null, digests: null };
  }
}

async function verify(
  data: Bytes,
  policyOf: () => Promise<Trust>,
  now: Moment,
  supplied: Supplied,
): Promise<Passed> {
  // 1 limits, 2 strict JSON and exact keys, 3 base64
  const bundle = openBundle(data);

  // 4 envelopes and payload types
  const planEnvelope = openEnvelope(bundle.plan.envelope, "plan");
  const resultEnvelope = openEnvelope(bundle.result.envelope, "result");

  // 5 the trust policy, never from the bundle
  const trust = await policyOf();
  const { policy } = trust;

  // 6 signatures: unique trusted keys, thresholds by role
  const planSigned = await checkSignatures(planEnvelope, trust, askedOf(policy, "plan"), "plan");
  const asked = askedOf(policy, "result");
  const resultSigned = await checkSignatures(resultEnvelope, trust, asked, "result");

  // 7 timestamps
  const planStamped = await checkTimestamps(bundle.plan, trust, now, "plan");
  const resultStamped = await checkTimestamps(bundle.result, trust, now, "result");

  // 8 the keys' validity at that time
  checkKeyTimes(planSigned, planStamped, now, "plan");
  checkKeyTimes(resultSigned, resultStamped, now, "result");

  // 9 the log
  const logged = await checkLog(bundle, trust, now);

  // 10 the same verified bytes, parsed: type and schema
  const planStatement = readStatement(planEnvelope.payload, PLAN);
  const resultStatement = readStatement(resultEnvelope.payload, DESTRUCTION);
  const plan = planStatement.predicate;
  const result = resultStatement.predicate;

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

  // 15 chain and replay: among the issuer's other attestations, where they are supplied
  const digests = {
    plan: await digest(bundle.plan.envelope),
    result: await digest(bundle.result.envelope),
  };
  const keyids = new Set(resultSigned.by.map(({ key }) => key.keyid));
  const link: Link = { digest: digests.result, result, keyids };
  const chain = checkChain(link, await linksOf(supplied.others, trust, now));

  // 16 the plan: in every bundle, and bound by the digest of its exact bytes; what is disclosed
  if (result.plan !== digests.plan) {
    throw new Refused("E_PLAN", "the plan in the bundle is not the result's");
  }
  checkAgainstPlan(plan, result);
  const { disclosure, request, annex } = supplied;
  const disclosed =
    disclosure === null
      ? null
      : await checkDisclosure(disclosure, plan, result, digests.result, request);
  const names = annex === null ? null : await checkAnnex(annex, plan, result);

  const stamped = [planStamped, resultStamped];
  const enough = stamped.every(({ latest }) => latest !== null);
  const independent = stamped.every((each) => each.independent);
  const signers = signersOf(planSigned, resultSigned);
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
    findings: [
      ...aboutTime(planStamped, resultStamped, planBeforeStart),
      ...aboutSigners(signers),
      ...aboutApprovers(result, signers),
      ...aboutStrangers(planSigned, resultSigned),
      ...logged.findings,
      ...chain,
      ...aboutDisclosure(disclosed, result),
      ...aboutNames(names, result),
    ],
    disclosed,
    names,
    validation: null,
  };
  const { result: resultDigest, plan: planDigest } = digests;
  return { trust, link, plan, result, planDigest, digest: resultDigest, signers, report };
}

/** Verify other bundles: by the same trust, but they may be about anything. */
async function linksOf(others: readonly Bytes[], trust: Trust, now: Moment): Promise<Link[]> {
  if (others.length > MAX_OTHERS) {
    throw new Refused("E_LIMIT", `more than ${MAX_OTHERS} other attestations`);
  }
  const expect = { controller: null, dataset: null, challenge: null };
  const [lowestMethod] = METHODS;
  const anything = { ...trust, policy: { ...trust.policy, expect, stores: [], lowestMethod } };
  const links: Link[] = [];
  for (const [n, data] of others.entries()) {
    try {
      links.push((await verify(data, async () => anything, now, NOTHING)).link);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw refusedOf(`other attestation ${n + 1} of ${others.length}`, error);
    }
  }
  return links;
}

async function validated(
  data: Bytes,
  of: Judged,
  trust: Trust,
  now: Moment,
): Promise<Validation> {
  try {
    return { authentic: "valid", ...(await checkValidation(data, of, trust, now)) };
  } catch (error) {
    const { authentic, code, finding } = failure(error);
    return { authentic, code, finding };
  }
}

/** What an error says: of a refusal its code; of anything else, that nothing is known. */
function failure(error: unknown) {
  if (error instanceof Refused) {
    const { code, message, about } = error;
    return { authentic: "invalid", code, finding: shown(message), about } as const;
  }
  const why = error instanceof NotChecked ? error.message : `a fault of this page: ${String(error)}`;
  return { authentic: "not-checked", code: NOT_CHECKED, finding: shown(why), about: "form" } as const;
}

function refusal(error: unknown): Report {
  const { authentic, code, finding, about } = failure(error);
  return {
    authentic,
    time: about === "time" ? "invalid" : "indeterminate",
    log: about === "log" ? "invalid" : "indeterminate",
    outcome: null,
    obstacles: [],
    codes: [code],
    noLaterThan: null,
    renewBefore: null,
    planBeforeStart: false,
    signers: [],
    findings: [finding],
    disclosed: null,
    names: null,
    validation: null,
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
  for (const { method } of groupsOf(result)) {
    if (method !== null && rank(method) < rank(policy.lowestMethod)) {
      throw new Refused("E_POLICY", `${method} is below the lowest method that is accepted`);
    }
  }
}
