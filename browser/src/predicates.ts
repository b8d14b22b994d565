/** The tables of the specification, field by field and in its order. */

import * as s from "./schema.js";

const controller = s.object({ name: s.label, reference: s.nullable(s.label) });
const actor = s.object({ role: s.code, reference: s.identifier });
const tool = s.object({ name: s.code, version: s.identifier, digest: s.nullable(s.digestText) });
const request = s.object({
  basis: s.code,
  reference: s.nullable(s.digestText),
  challenge: s.nullable(s.identifier),
});
const dataset = s.object({
  label: s.identifier,
  title: s.nullable(s.label),
  fingerprintCommitment: s.digestText,
  matcherVersion: s.identifier,
  recordsEnrolled: s.count,
  recordsRecognisable: s.count,
});
const tree = s.object({ root: s.digestText, size: s.count });
const tally = s.object({ code: s.code, count: s.count });
const tallies = s.list(tally, { most: 64, once: (each) => each.code });
const codes = (most: number) => s.list(s.code, { most, once: (each) => each });
const approvers = s.list(actor, { most: 32, once: s.same });

const scopeCoverage = s.object({
  store: s.label,
  identity: s.label,
  scope: s.digestText,
  scopeLabel: s.nullable(s.label),
  status: s.oneOf("examined", "failed", "unreachable", "excluded"),
  unitsTotal: s.nullable(s.count),
  unitsExamined: s.count,
  unitsFailed: s.count,
  unitsUnreachable: s.count,
  unitsExcluded: s.count,
  unitsUnchanged: s.count,
  asOf: s.nullable(s.label),
  reasons: tallies,
});
const found = s.object({ copy: s.count, likely: s.count, maybe: s.count });
const sweep = s.object({
  started: s.time,
  finished: s.time,
  coverage: s.list(scopeCoverage, { most: 5000 }),
  found,
});
const decisions = s.object({ likely: s.count, maybe: s.count });

const plannedTarget = s.object({
  store: s.label,
  kind: s.code,
  decision: s.oneOf("destroy", "retain"),
  technique: s.nullable(s.code),
  whole: s.boolean,
  reason: s.nullable(s.code),
  retainedUntil: s.nullable(s.time),
  holdings: s.count,
  records: s.count,
  holdingsUnknownRecords: s.count,
  foreignRecords: s.count,
  holdingsUnknownForeign: s.count,
});

export const plan = s.object({
  attestationId: s.identifier,
  issuedAt: s.time,
  controller,
  operator: actor,
  approvers,
  tool,
  request,
  dataset,
  inventory: tree,
  sweep,
  targets: s.list(plannedTarget, { most: 2000 }),
  undecided: decisions,
  dismissed: decisions,
  limitations: codes(256),
  times: s.object({ planned: s.time, approved: s.time }),
  fingerprint: s.object({ decision: s.oneOf("keep", "destroy"), until: s.nullable(s.time) }),
  annex: s.nullable(s.digestText),
  manifest: s.nullable(s.digestText),
});

const known = s.oneOf("yes", "no", "unknown");
const keyErasure = s.object({
  everInClear: known,
  escrowed: known,
  backedUp: known,
  strengthBits: s.range(0, 4096),
  entropyBits: s.range(0, 4096),
  keysTotal: s.count,
  keysDestroyed: s.count,
  keysScheduled: s.count,
});
const verification = s.object({
  finding: s.oneOf("absent", "residue", "inconclusive", "not-looked"),
  looked: codes(64),
  numbers: tallies,
});

/** NIST SP 800-88 methods, the weakest first. */
export const METHODS = ["logical-delete", "clear", "purge"] as const;
export const method = s.oneOf(...METHODS);

export const STATUSES = [
  "destroyed-verified",
  "destroyed-unverified",
  "pending",
  "retained",
  "failed",
] as const;

const target = s.object({
  store: s.label,
  kind: s.code,
  technique: s.nullable(s.code),
  whole: s.boolean,
  method: s.nullable(method),
  status: s.oneOf(...STATUSES),
  reasons: tallies,
  until: s.nullable(s.time),
  verification,
  erasure: s.nullable(keyErasure),
  limitations: codes(64),
  holdings: s.count,
  records: s.count,
  holdingsUnknownRecords: s.count,
  foreignRecordsDestroyed: s.count,
  holdingsUnknownForeign: s.count,
});
const risk = s.object({ code: s.code, due: s.nullable(s.time) });
const recipient = s.object({
  recipient: s.digestText,
  label: s.nullable(s.label),
  status: s.oneOf("told", "answered", "not-told"),
});

export const destruction = s.object({
  attestationId: s.identifier,
  plan: s.digestText,
  previous: s.nullable(s.digestText),
  supersedes: s.nullable(s.digestText),
  issuedAt: s.time,
  controller,
  operator: actor,
  approvers,
  tool,
  request,
  dataset,
  inventory: tree,
  results: tree,
  targets: s.list(target, { most: 2000 }),
  undecided: decisions,
  dismissed: decisions,
  sweep: s.nullable(sweep),
  limitations: codes(256),
  residualRisks: s.list(risk, { most: 256, once: s.same }),
  recipients: s.list(recipient, { most: 500 }),
  times: s.object({
    planned: s.time,
    approved: s.time,
    started: s.time,
    finished: s.time,
    verified: s.nullable(s.time),
  }),
  outcome: s.oneOf("complete", "partial", "pending", "failed"),
  fingerprint: s.object({ status: s.oneOf("kept", "destroyed"), until: s.nullable(s.time) }),
  annex: s.nullable(s.digestText),
  manifest: s.nullable(s.digestText),
  settled: s.list(target, { most: 2000 }),
});

export const validation = s.object({
  attestationId: s.identifier,
  result: s.digestText,
  decision: s.oneOf("accepted", "rejected"),
  validator: actor,
  issuedAt: s.time,
});

export type Plan = s.Decoded<typeof plan>;
export type Destruction = s.Decoded<typeof destruction>;
export type Validation = s.Decoded<typeof validation>;
export type Sweep = s.Decoded<typeof sweep>;
export type ScopeCoverage = s.Decoded<typeof scopeCoverage>;
export type PlannedTarget = s.Decoded<typeof plannedTarget>;
export type Target = s.Decoded<typeof target>;
export type KeyErasure = s.Decoded<typeof keyErasure>;
export type Decisions = s.Decoded<typeof decisions>;
export type Tree = s.Decoded<typeof tree>;
export type Dataset = s.Decoded<typeof dataset>;
export type Outcome = Destruction["outcome"];
