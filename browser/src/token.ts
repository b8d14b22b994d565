/** What a time-stamp response says (RFC 3161, 2.4.2), read strictly and not yet trusted. */

import { fromBER } from "asn1js";
import { ContentInfo, SignedData, TSTInfo, TimeStampResp } from "pkijs";

import { readCertificate, type Certificate } from "./certificate.js";
import * as der from "./der.js";
import { timeRefused } from "./refused.js";
import { equal, moment, SECOND, type Moment } from "./text.js";

type Bytes = Uint8Array<ArrayBuffer>;

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const TST_INFO = "1.2.840.113549.1.9.16.1.4";
const CONTENT_TYPE = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
const SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"; // ESSCertID: SHA-1
const SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"; // ESSCertIDv2: SHA-256 by default
const SHA256 = "2.16.840.1.101.3.4.2.1";
const DIGESTS = {
  [SHA256]: "SHA-256",
  "2.16.840.1.101.3.4.2.2": "SHA-384",
  "2.16.840.1.101.3.4.2.3": "SHA-512",
} as const;
const TIME = /^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]*[1-9]))?Z$/;
const MAX_ACCURACY = 3600n * SECOND;

export type Digest = (typeof DIGESTS)[keyof typeof DIGESTS];

/** A digest of the certificate that the signature itself names. */
interface Named {
  readonly by: Digest | "SHA-1";
  readonly value: Bytes;
}

export interface Token {
  readonly imprint: { readonly by: Digest | null; readonly value: Bytes }; // null: none of these
  readonly policy: string;
  readonly at: Moment;
  readonly accuracy: Moment;
  readonly certificates: readonly Certificate[];
  readonly issuer: Bytes;
  readonly serial: bigint;
  readonly digest: Digest;
  readonly named: readonly Named[];
  readonly info: Bytes;
  readonly messageDigest: Bytes;
  readonly attributes: Bytes; // as they are signed: a SET
  readonly algorithm: Bytes;
  readonly signature: Bytes;
}

/** Read a response that was granted: E_TS_PARSE, E_TS_POLICY. */
export function readToken(response: Bytes): Token {
  let read: { status: bigint; token: Token };
  try {
    read = parse(response);
    crossCheck(response, read.token);
  } catch {
    // Two readers over a stranger's bytes: whatever they throw, it could not be read.
    throw timeRefused("E_TS_PARSE", "a timestamp that cannot be read");
  }
  if (read.status !== 0n) {
    throw timeRefused("E_TS_POLICY", "a timestamp that was not granted as asked");
  }
  return read.token;
}

/** Let the library read the same bytes, and insist that it understands the same. */
function crossCheck(response: Bytes, token: Token): void {
  const parsed = new TimeStampResp({ schema: fromBER(response).result });
  const content = parsed.timeStampToken ?? new ContentInfo();
  const signed = new SignedData({ schema: content.content });
  const info = TSTInfo.fromBER(token.info);
  const [signer] = signed.signerInfos;
  const agree =
    signed.signerInfos.length === 1 &&
    signer !== undefined &&
    equal(new Uint8Array(signer.signature.valueBlock.valueHexView), token.signature) &&
    info.policy === token.policy &&
    info.genTime.getTime() === Number(token.at / 1000n);
  if (!agree) throw new der.NotDer("a timestamp that reads in two ways");
}

function parse(response: Bytes): { status: bigint; token: Token } {
  const outer = new der.Cursor(der.parseDer(response).expect(der.SEQUENCE));
  const status = new der.Cursor(outer.next(der.SEQUENCE)).next(der.INTEGER).integer;
  const content = new der.Cursor(outer.next(der.SEQUENCE));
  outer.end();
  if (content.next(der.OID).oid !== SIGNED_DATA) throw new der.NotDer("not signed data");
  const signed = new der.Cursor(content.next(0xa0).only().expect(der.SEQUENCE));
  content.end();
  if (signed.next(der.INTEGER).integer !== 3n) throw new der.NotDer("another version");
  const digests = signed.next(der.SET).children().map(digestOf);
  const inner = new der.Cursor(signed.next(der.SEQUENCE));
  const certificates = signed.optional(0xa0)?.children() ?? [];
  signed.optional(0xa1);
  const signer = readSigner(signed.next(der.SET).only().expect(der.SEQUENCE));
  signed.end();
  if (!digests.includes(signer.digest)) throw new der.NotDer("a digest that is not announced");
  if (inner.next(der.OID).oid !== TST_INFO) throw new der.NotDer("not a TSTInfo");
  const info = inner.next(0xa0).only().expect(der.OCTET_STRING).content.slice();
  inner.end();
  return {
    status,
    token: {
      ...readInfo(info),
      ...signer,
      certificates: certificates.map(({ raw }) => {
        const certificate = readCertificate(raw.slice());
        if (certificate === null) throw new der.NotDer("not a certificate");
        return certificate;
      }),
    },
  };
}

function readInfo(info: Bytes): Pick<Token, "imprint" | "policy" | "at" | "accuracy" | "info"> {
  const parts = new der.Cursor(der.parseDer(info).expect(der.SEQUENCE));
  if (parts.next(der.INTEGER).integer !== 1n) throw new der.NotDer("another version");
  const policy = parts.next(der.OID).oid;
  const imprint = new der.Cursor(parts.next(der.SEQUENCE));
  const kind = new der.Cursor(imprint.next(der.SEQUENCE)).next(der.OID).oid;
  const hashed = imprint.next(der.OCTET_STRING).content;
  imprint.end();
  parts.next(der.INTEGER);
  const at = readTime(parts.next(der.GENERALIZED_TIME).content);
  const accuracy = readAccuracy(parts.optional(der.SEQUENCE));
  parts.optional(der.BOOLEAN);
  parts.optional(der.INTEGER);
  parts.optional(0xa0);
  for (const extension of parts.optional(0xa1)?.children() ?? []) {
    const critical = extension
      .children()
      .some(({ tag, content }) => tag === der.BOOLEAN && content[0] !== 0);
    if (critical) throw new der.NotDer("a critical extension that is not known");
  }
  parts.end();
  const by = Object.entries(DIGESTS).find(([oid]) => oid === kind)?.[1] ?? null;
  return { imprint: { by, value: hashed }, policy, at, accuracy, info };
}

/** RFC 3161, 2.4.2: always with seconds, a fraction without trailing zeros, in UTC. */
function readTime(content: Bytes): Moment {
  const match = TIME.exec(String.fromCharCode(...content));
  if (match === null) throw new der.NotDer("not a time in its one form");
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const micros = Number((match[7] ?? "").padEnd(6, "0").slice(0, 6));
  const at = moment(year, month, day, hour, minute, second, micros);
  if (at === null) throw new der.NotDer("a time that there is not");
  return at;
}

/** In microseconds; a second where a token says nothing. */
function readAccuracy(node: der.Node | null): Moment {
  if (node === null) return SECOND;
  const parts = new der.Cursor(node);
  const seconds = parts.optional(der.INTEGER)?.integer ?? 0n;
  const millis = der.signed(parts.optional(0x80)?.content ?? new Uint8Array());
  const micros = der.signed(parts.optional(0x81)?.content ?? new Uint8Array());
  parts.end();
  const stated = seconds * SECOND + millis * 1000n + micros;
  if (seconds < 0n || millis < 0n || micros < 0n || stated > MAX_ACCURACY) {
    throw new der.NotDer("an accuracy that says nothing of the time");
  }
  return stated;
}

type Signer = Pick<
  Token,
  | "issuer" | "serial" | "digest" | "named" | "messageDigest"
  | "attributes" | "algorithm" | "signature"
>;

function readSigner(node: der.Node): Signer {
  const parts = new der.Cursor(node);
  if (parts.next(der.INTEGER).integer !== 1n) throw new der.NotDer("another version");
  const who = new der.Cursor(parts.next(der.SEQUENCE));
  const issuer = who.next(der.SEQUENCE).raw;
  const serial = who.next(der.INTEGER).integer;
  who.end();
  const digest = digestOf(parts.next(der.SEQUENCE));
  const attributes = parts.next(0xa0);
  const algorithm = parts.next(der.SEQUENCE).raw.slice();
  const signature = parts.next(der.OCTET_STRING).content.slice();
  parts.optional(0xa1);
  parts.end();
  const found = new Map<string, der.Node>();
  for (const attribute of attributes.children()) {
    const pair = new der.Cursor(attribute.expect(der.SEQUENCE));
    const kind = pair.next(der.OID).oid;
    if (found.has(kind)) throw new der.NotDer("an attribute twice");
    found.set(kind, pair.next(der.SET));
    pair.end();
  }
  if (found.get(CONTENT_TYPE)?.only().oid !== TST_INFO) throw new der.NotDer("another content");
  const messageDigest = found.get(MESSAGE_DIGEST)?.only().expect(der.OCTET_STRING).content;
  if (messageDigest === undefined) throw new der.NotDer("no digest of the content");
  const signed = attributes.raw.slice();
  signed[0] = der.SET; // RFC 5652, 5.4: signed as a SET, whatever its tag here
  const named = [SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2].flatMap((kind) => {
    const value = found.get(kind);
    return value === undefined ? [] : [readNamed(value.only(), kind === SIGNING_CERTIFICATE_V2)];
  });
  return { issuer, serial, digest, named, messageDigest, attributes: signed, algorithm, signature };
}

/** The first certificate named: it is the signer's (RFC 5035, 5.4). */
function readNamed(value: der.Node, v2: boolean): Named {
  const all = new der.Cursor(value.expect(der.SEQUENCE)).next(der.SEQUENCE);
  const parts = new der.Cursor(new der.Cursor(all).next(der.SEQUENCE));
  const algorithm = v2 ? parts.optional(der.SEQUENCE) : null;
  const by = algorithm === null ? (v2 ? "SHA-256" : "SHA-1") : digestOf(algorithm);
  return { by, value: parts.next(der.OCTET_STRING).content.slice() };
}

function digestOf(algorithm: der.Node): Digest {
  const kind = new der.Cursor(algorithm).next(der.OID).oid;
  const found = Object.entries(DIGESTS).find(([each]) => each === kind)?.[1];
  if (found === undefined) throw new der.NotDer("a digest that is not of the SHA-2 family");
  return found;
}
