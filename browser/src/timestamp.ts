/** Step 7: time-stamp tokens, verified offline and as at the time they tell. */

import type { Bytes, Sealed } from "./bundle.js";
import {
  authorityDepth,
  hasSigned,
  isForTimeStampingAlone,
  isSignedBy,
  isUnderstood,
  maySign,
  type Certificate,
} from "./certificate.js";
import type { Authority, Trust } from "./policy.js";
import { Refused, timeRefused, UnknownAuthority } from "./refused.js";
import { equal, sha256, type Moment } from "./text.js";
import { readToken, type Token } from "./token.js";

const MAX_CHAIN = 5;

/** A verified timestamp: the bytes existed by `latest`. */
export interface Stamp {
  readonly authority: string;
  readonly latest: Moment;
  readonly operatorRun: boolean;
}

/** What the timestamps of one envelope say; `latest` is null where there are too few. */
export interface Stamped {
  readonly stamps: readonly Stamp[];
  readonly unknown: number;
  readonly latest: Moment | null;
  readonly independent: boolean;
}

/** Every token is good, or refused; an authority counts once. E_TS_…. */
export async function checkTimestamps(
  sealed: Sealed,
  trust: Trust,
  now: Moment,
  what: string,
): Promise<Stamped> {
  const rules = trust.policy.timestamps;
  const stamps = new Map<string, Stamp>();
  let unknown = 0;
  for (const response of sealed.timestamps) {
    let stamp: Stamp;
    try {
      stamp = await verifyStamp(response, sealed.envelope, trust, now + trust.skew);
    } catch (error) {
      const ignored = trust.authorities.length === 0 || rules.unknownAuthorities === "ignore";
      if (!(error instanceof UnknownAuthority) || !ignored) throw error;
      unknown += 1;
      continue;
    }
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
    unknown,
    latest: enough ? counted.map(({ latest }) => latest).reduce((a, b) => (a > b ? a : b)) : null,
    independent: enough && !counted.some(({ operatorRun }) => operatorRun),
  };
}

async function verifyStamp(
  response: Bytes,
  message: Bytes,
  trust: Trust,
  now: Moment,
): Promise<Stamp> {
  const token = readToken(response);
  if (!equal(token.imprint, await sha256(message))) {
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
    latest: token.at + token.accuracy,
    operatorRun: authority.operatorRun,
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
