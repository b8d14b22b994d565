/** Step 7: time-stamp tokens, verified offline and as at the time they tell. */

import type { Bytes, Sealed } from "./bundle.js";
import {
  authorityDepth,
  hasSigned,
  isForTimeStampingAlone,
  isSelfIssued,
  isSignedBy,
  isUnderstood,
  maySign,
  type Certificate,
} from "./certificate.js";
import type { Authority, Trust } from "./policy.js";
import { checkChainOfRenewals, covered, RENEWED_BY, standing } from "./renewal.js";
import { Refused, timeRefused, UnknownAuthority } from "./refused.js";
import { equal, type Moment } from "./text.js";
import { readToken, type Digest, type Token } from "./token.js";

const MAX_CHAIN = 5;

/** A verified timestamp: the bytes existed at `at`, give or take `accuracy`. */
export interface Stamp {
  readonly authority: string;
  readonly at: Moment;
  readonly accuracy: Moment;
  readonly latest: Moment;
  readonly operatorRun: boolean;
  /** When the first certificate of its chain ends. */
  readonly until: Moment;
  readonly compromisedAt: Moment | null;
}

/** What the timestamps of one envelope say; `latest` is null where there are too few. */
export interface Stamped {
  readonly stamps: readonly Stamp[];
  /** Those that a compromise took the worth of. */
  readonly fallen: readonly Stamp[];
  readonly renewals: readonly Stamp[];
  readonly unknown: number;
  readonly latest: Moment | null;
  readonly independent: boolean;
  /** When the first certificate of the newest tokens ends. */
  readonly renewBefore: Moment | null;
}

/** Every token is good, or refused; an authority counts once. E_TS_…. */
export async function checkTimestamps(
  sealed: Sealed,
  trust: Trust,
  now: Moment,
  what: string,
): Promise<Stamped> {
  const rules = trust.policy.timestamps;
  const timestamps: Stamp[] = [];
  const renewals: Stamp[] = [];
  const keep = async (kept: Stamp[], response: Bytes, message: Bytes, by: Digest) => {
    try {
      kept.push(await verifyStamp(response, message, by, trust, now + trust.skew));
    } catch (error) {
      const ignored = trust.authorities.length === 0 || rules.unknownAuthorities === "ignore";
      if (!(error instanceof UnknownAuthority) || !ignored) throw error;
    }
  };
  for (const token of sealed.timestamps) await keep(timestamps, token, sealed.envelope, "SHA-256");
  for (const [n, token] of sealed.renewals.entries()) {
    await keep(renewals, token, covered(sealed, n), RENEWED_BY);
  }
  checkChainOfRenewals(timestamps, renewals, what);
  const { good, fallen } = standing(timestamps, renewals);
  const stamps = new Map<string, Stamp>();
  for (const stamp of good) {
    const earlier = stamps.get(stamp.authority);
    if (earlier === undefined || stamp.latest < earlier.latest) stamps.set(stamp.authority, stamp);
  }
  const ordered = [...stamps.values()].sort(
    (a, b) =>
      Number(a.operatorRun) - Number(b.operatorRun) ||
      (a.latest < b.latest ? -1 : Number(a.latest > b.latest)),
  );
  const counted = ordered.slice(0, rules.threshold);
  const enough = counted.length > 0 && counted.length === rules.threshold;
  if (rules.required && !enough) {
    throw timeRefused("E_TS_THRESHOLD", `${what}: fewer timestamps than are asked for`);
  }
  return {
    stamps: ordered,
    fallen: [...new Map(fallen.map((stamp) => [stamp.authority, stamp])).values()],
    renewals,
    unknown:
      sealed.timestamps.length + sealed.renewals.length - timestamps.length - renewals.length,
    latest: enough ? counted.map(({ latest }) => latest).reduce((a, b) => (a > b ? a : b)) : null,
    independent: enough && !counted.some(({ operatorRun }) => operatorRun),
    renewBefore: earliest(renewals.length > 0 ? renewals.slice(-1) : timestamps),
  };
}

function earliest(stamps: readonly Stamp[]): Moment | null {
  const ends = stamps.map(({ until }) => until);
  return ends.length > 0 ? ends.reduce((a, b) => (a < b ? a : b)) : null;
}

async function verifyStamp(
  response: Bytes,
  message: Bytes,
  by: Digest,
  trust: Trust,
  now: Moment,
): Promise<Stamp> {
  const token = readToken(response);
  const digest = new Uint8Array(await crypto.subtle.digest(by, message));
  if (token.imprint.by !== by || !equal(token.imprint.value, digest)) {
    throw timeRefused("E_TS_IMPRINT", "a timestamp of something else");
  }
  let refusal: Refused = new UnknownAuthority("a timestamp by an authority not in the policy");
  for (const authority of trust.authorities) {
    try {
      return await verifyBy(authority, token, now);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!(error instanceof UnknownAuthority)) refusal = error; // it is this one's, or pretends so
    }
  }
  throw refusal;
}

async function verifyBy(authority: Authority, token: Token, now: Moment): Promise<Stamp> {
  const leaf = leafOf(authority, token);
  if (!isForTimeStampingAlone(leaf)) chainRefused("a certificate not for time-stamping alone");
  await checkNamed(leaf, token);
  const chain = await chainOf(leaf, authority, token.certificates);
  if (chain.some(({ notBefore, notAfter }) => token.at < notBefore || token.at > notAfter)) {
    throw timeRefused("E_TS_WINDOW", "a certificate was not valid at its own timestamp");
  }
  checkChain(chain);
  await checkSignature(leaf, token);
  if (authority.policies.length > 0 && !authority.policies.includes(token.policy)) {
    throw timeRefused("E_TS_POLICY", "a timestamp under another policy of the authority's");
  }
  if (token.at > now + token.accuracy) {
    throw timeRefused("E_TS_WINDOW", "a timestamp of the future");
  }
  return {
    authority: authority.name,
    at: token.at,
    accuracy: token.accuracy,
    latest: token.at + token.accuracy,
    operatorRun: authority.operatorRun,
    until: chain.map(({ notAfter }) => notAfter).reduce((a, b) => (a < b ? a : b)),
    compromisedAt: authority.compromisedAt,
  };
}

function chainRefused(message: string): never {
  throw timeRefused("E_TS_CHAIN", message);
}

/** The one certificate that bears the issuer and number that the signer names. */
function leafOf(authority: Authority, token: Token): Certificate {
  const named = distinct([...token.certificates, ...authority.leaves]).filter(
    ({ issuer, serial }) => equal(issuer, token.issuer) && serial === token.serial,
  );
  const [leaf] = named;
  const pinned = authority.leaves.length === 0 || (leaf && isOneOf(leaf, authority.leaves));
  if (leaf === undefined || named.length !== 1 || !pinned) {
    throw new UnknownAuthority("a timestamp by an authority not in the policy");
  }
  return leaf;
}

async function checkNamed(leaf: Certificate, token: Token): Promise<void> {
  if (token.named.length === 0) chainRefused("the signature names no certificate");
  for (const { by, value } of token.named) {
    const digest = new Uint8Array(await crypto.subtle.digest(by, leaf.der));
    if (!equal(digest, value)) chainRefused("the signature names another certificate");
  }
}

/** From the leaf to one of the authority's roots; a certificate of the token is never a root. */
async function chainOf(
  leaf: Certificate,
  authority: Authority,
  embedded: readonly Certificate[],
): Promise<Certificate[]> {
  const { roots, intermediates } = authority;
  const candidates = [...roots, ...distinct([...intermediates, ...embedded])];
  const chain = [leaf];
  for (let last = leaf; !isOneOf(last, roots); ) {
    const issuer = chain.length > MAX_CHAIN ? null : await issuerOf(last, candidates);
    if (issuer === null || isOneOf(issuer, chain)) {
      throw new UnknownAuthority("a chain that leads to no root of the policy");
    }
    chain.push(issuer);
    last = issuer;
  }
  return chain;
}

async function issuerOf(
  certificate: Certificate,
  candidates: readonly Certificate[],
): Promise<Certificate | null> {
  for (const candidate of candidates) {
    if (!equal(candidate.subject, certificate.issuer)) continue;
    if (authorityDepth(candidate) === null) continue;
    if (await isSignedBy(certificate, candidate)) return candidate;
  }
  return null;
}

/** What RFC 5280, 6.1 asks of the links beside signatures and dates. */
function checkChain(chain: readonly Certificate[]): void {
  const [leaf, ...authorities] = chain;
  if (leaf === undefined || !maySign(leaf)) chainRefused("a certificate that may not sign");
  if (!chain.every(isUnderstood)) chainRefused("a certificate asks for what is not checked here");
  const root = chain.at(-1);
  if (root === undefined || !isSelfIssued(root)) {
    chainRefused("a root that another certificate stands above");
  }
  authorities.forEach((authority, below) => {
    if ((authorityDepth(authority) ?? -1) < below) chainRefused("a chain that is too long");
  });
}

async function checkSignature(leaf: Certificate, token: Token): Promise<void> {
  const { certificates } = token;
  if (certificates.length > 0 && !isOneOf(leaf, certificates)) {
    chainRefused("a token that brings certificates, and not its signer's");
  }
  const digest = new Uint8Array(await crypto.subtle.digest(token.digest, token.info));
  const { attributes, signature, algorithm } = token;
  const holds =
    equal(digest, token.messageDigest) &&
    (await hasSigned(leaf, attributes, signature, algorithm, token.digest));
  if (!holds) chainRefused("a timestamp whose signature does not hold");
}

function isOneOf(certificate: Certificate, all: readonly Certificate[]): boolean {
  return all.some(({ der }) => equal(der, certificate.der));
}

function distinct(certificates: readonly Certificate[]): Certificate[] {
  return certificates.filter((each, n) => !isOneOf(each, certificates.slice(0, n)));
}
