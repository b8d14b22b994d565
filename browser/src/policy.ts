import { hasSoundKey, readCertificate, type Certificate } from "./certificate.js";
import { ALGORITHMS, publicKey, type PublicKey } from "./keys.js";
import { verifierKey, type VerifierKey } from "./note.js";
import { decodePem } from "./pem.js";
import { METHODS } from "./predicates.js";
import { Refused } from "./refused.js";
import * as s from "./schema.js";
import { parseJson } from "./strict_json.js";
import { SECOND, type Moment } from "./text.js";

const MEDIA_TYPE = "application/vnd.shredder.policy+json;version=1";
export const LIMITS = { size: 2 ** 20, depth: 8, items: 5000 };

const pem = s.text("PEM", 16_384);
const pems = (least: number) => s.list(pem, { most: 16, least });
const oid = s.text("OID", 128, /^[0-2](\.(0|[1-9][0-9]*))+$/);
const vkey = s.text("verifier key", 300);
const itself = (each: string) => each;

const trustedKey = s.object({
  name: s.label,
  role: s.code,
  algorithm: s.oneOf(...ALGORITHMS),
  publicKey: pem,
  validFrom: s.nullable(s.time),
  validUntil: s.nullable(s.time),
  compromisedAt: s.nullable(s.time),
  operatorRun: s.boolean,
});
const roleThreshold = s.object({
  role: s.code,
  count: s.range(1, 16),
  algorithm: s.nullable(s.oneOf(...ALGORITHMS)),
  signs: s.oneOf("both", "plan", "result"),
});
const trustedAuthority = s.object({
  name: s.label,
  roots: pems(1),
  intermediates: pems(0),
  leaves: pems(0),
  policies: s.list(oid, { most: 16, once: itself }),
  compromisedAt: s.nullable(s.time),
  operatorRun: s.boolean,
});
const trustedLog = s.object({
  origin: s.label,
  keys: s.list(vkey, { most: 8, least: 1, once: itself }),
  operatorRun: s.boolean,
});
const trustedWitness = s.object({ name: s.label, key: vkey, operatorRun: s.boolean });

const policy = s.object({
  mediaType: s.text("media type", 100),
  keys: s.list(trustedKey, { most: 64, least: 1 }),
  thresholds: s.list(roleThreshold, { most: 16, least: 1 }),
  timestamps: s.object({
    threshold: s.range(0, 16),
    required: s.boolean,
    unknownAuthorities: s.oneOf("refuse", "ignore"),
    clockSkewSeconds: s.range(0, 86_400),
    maxLagSeconds: s.nullable(s.count),
    planBeforeStart: s.boolean,
    authorities: s.list(trustedAuthority, { most: 16 }),
  }),
  log: s.object({
    quorum: s.range(0, 16),
    logs: s.list(trustedLog, { most: 16, once: (each) => each.origin }),
    witnesses: s.list(trustedWitness, { most: 16, once: (each) => each.name }),
  }),
  expect: s.object({
    controller: s.nullable(s.label),
    dataset: s.nullable(s.identifier),
    challenge: s.nullable(s.identifier),
  }),
  stores: s.list(s.label, { most: 256, once: itself }),
  lowestMethod: s.oneOf(...METHODS),
});

export type Policy = s.Decoded<typeof policy>;
export type TrustedKey = s.Decoded<typeof trustedKey>;
export type RoleThreshold = s.Decoded<typeof roleThreshold>;
export type Envelopes = "plan" | "result";
export type TrustedWitness = s.Decoded<typeof trustedWitness>;

/** A time-stamping authority, with its certificates read. */
export interface Authority {
  readonly name: string;
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly leaves: readonly Certificate[];
  readonly policies: readonly string[];
  readonly compromisedAt: Moment | null;
  readonly operatorRun: boolean;
}

export interface Log {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
}

export interface Witness {
  readonly entry: TrustedWitness;
  readonly key: VerifierKey;
}

/** A policy with its keys and certificates loaded. */
export interface Trust {
  readonly policy: Policy;
  readonly keys: readonly { readonly entry: TrustedKey; readonly key: PublicKey }[];
  readonly authorities: readonly Authority[];
  readonly logs: readonly Log[];
  readonly witnesses: readonly Witness[];
  readonly skew: Moment;
}

/** Step 5: E_POLICY, E_WEAK_KEY, E_DUP_KEY. */
export async function loadPolicy(data: Uint8Array<ArrayBuffer>): Promise<Trust> {
  const read = decoded(data);
  if (read.mediaType !== MEDIA_TYPE) refuse(`its mediaType is not ${MEDIA_TYPE}`);
  const keys = await Promise.all(
    read.keys.map(async (entry) => ({ entry, key: await loadKey(entry) })),
  );
  if (hasDuplicates(keys.map(({ key }) => key.keyid))) duplicate();
  checkThresholds(read);
  const rules = read.timestamps;
  const authorities: Authority[] = [];
  for (const entry of rules.authorities) authorities.push(await loadAuthority(entry));
  authorities.sort(worstFirst);
  if (hasDuplicates(authorities.map(({ name }) => name))) refuse("two authorities of one name");
  if (rules.threshold > authorities.length) refuse("fewer authorities than their threshold");
  if (rules.threshold === 0 && (authorities.length > 0 || rules.required)) {
    refuse("timestamps without a threshold");
  }
  const { logs, witnesses } = await loadLogs(read, keys.map(({ key }) => key.keyid));
  const skew = BigInt(rules.clockSkewSeconds) * SECOND;
  return { policy: read, keys, authorities, logs, witnesses, skew };
}

function decoded(data: Uint8Array): Policy {
  try {
    return policy(parseJson(data, LIMITS, "policy"), "policy");
  } catch (error) {
    if (error instanceof Refused) throw new Refused("E_POLICY", error.message);
    throw error;
  }
}

function refuse(message: string): never {
  throw new Refused("E_POLICY", `policy: ${message}`);
}

function duplicate(): never {
  throw new Refused("E_DUP_KEY", "policy: one key stands there twice");
}

function hasDuplicates(texts: readonly string[]): boolean {
  return new Set(texts).size !== texts.length;
}

/** Whether a signature by `key` counts towards a threshold. */
export function counts(threshold: RoleThreshold, key: TrustedKey): boolean {
  const { algorithm } = threshold;
  return key.role === threshold.role && (algorithm === null || algorithm === key.algorithm);
}

/** The thresholds that the plan's envelope must meet, or the result's. */
export function askedOf({ thresholds }: Policy, envelope: Envelopes): readonly RoleThreshold[] {
  return thresholds.filter(({ signs }) => signs === "both" || signs === envelope);
}

/** For an envelope, a role has one threshold, or several, each for an algorithm of its own. */
function checkThresholds(policy: Policy): void {
  for (const envelope of ["plan", "result"] as const) {
    const asked = askedOf(policy, envelope);
    if (asked.length === 0) refuse(`nobody must have signed the ${envelope}`);
    for (const { role } of asked) {
      const kinds = asked.filter((other) => other.role === role).map(({ algorithm }) => algorithm);
      if (kinds.length > 1 && (kinds.includes(null) || new Set(kinds).size !== kinds.length)) {
        refuse("a role has two thresholds");
      }
    }
  }
  for (const threshold of policy.thresholds) {
    if (policy.keys.filter((key) => counts(threshold, key)).length < threshold.count) {
      refuse("a role has fewer keys than its threshold");
    }
  }
}

async function loadKey(entry: TrustedKey): Promise<PublicKey> {
  const key = await publicKey(entry.publicKey);
  if (key.algorithm !== entry.algorithm) refuse("a key is not of the algorithm it is said to be");
  const { validFrom, validUntil } = entry;
  if (validFrom !== null && validUntil !== null && validFrom > validUntil) {
    refuse("a key whose validity ends before it begins");
  }
  return key;
}

async function loadAuthority(
  entry: Policy["timestamps"]["authorities"][number],
): Promise<Authority> {
  if (entry.leaves.length === 0 && entry.policies.length === 0) {
    refuse("an authority with neither leaves nor policies pinned");
  }
  return {
    ...entry,
    roots: await Promise.all(entry.roots.map(loadCertificate)),
    intermediates: await Promise.all(entry.intermediates.map(loadCertificate)),
    leaves: await Promise.all(entry.leaves.map(loadCertificate)),
  };
}

/** Where several entries fit one token, it is the first one's: no entry hides a compromise. */
function worstFirst({ compromisedAt: a }: Authority, { compromisedAt: b }: Authority): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : Number(a > b);
}

async function loadCertificate(text: string): Promise<Certificate> {
  const [der, ...more] = decodePem(text, "CERTIFICATE");
  const certificate = der && more.length === 0 ? readCertificate(der) : null;
  if (certificate === null || !(await hasSoundKey(certificate))) refuse("not one PEM certificate");
  if (certificate.isWeak) throw new Refused("E_WEAK_KEY", "policy: an authority's key is too short");
  return certificate;
}

/** Load the keys of logs and witnesses: each has one meaning, and one name. */
async function loadLogs(
  { log: rules }: Policy,
  others: readonly string[],
): Promise<{ logs: Log[]; witnesses: Witness[] }> {
  const logs: Log[] = [];
  for (const entry of rules.logs) {
    logs.push({
      origin: entry.origin,
      keys: await Promise.all(entry.keys.map((key) => verifierKey(key, "log"))),
    });
  }
  const witnesses: Witness[] = [];
  for (const entry of rules.witnesses) {
    witnesses.push({ entry, key: await verifierKey(entry.key, "witness") });
  }
  const found = [...logs.flatMap(({ keys }) => keys), ...witnesses.map(({ key }) => key)];
  const ids = found.map(({ key }) => key.keyid);
  if (hasDuplicates(ids) || ids.some((id) => others.includes(id))) duplicate();
  if (hasDuplicates(witnesses.map(({ key }) => key.name))) {
    refuse("two witnesses whose keys have one name");
  }
  if (rules.quorum > witnesses.length) refuse("fewer witnesses than their quorum");
  if (witnesses.length > 0 && rules.quorum === 0) refuse("witnesses without a quorum");
  if (witnesses.length > 0 && logs.length === 0) refuse("witnesses without a log");
  return { logs, witnesses };
}
