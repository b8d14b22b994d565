/** X.509 certificates (RFC 5280), as far as a time-stamping authority's chain needs them. */

import { ObjectIdentifier, OctetString, type BitString } from "asn1js";
import { AlgorithmIdentifier, Certificate as PkiCertificate, CryptoEngine } from "pkijs";

import * as der from "./der.js";
import { equal, moment, type Moment } from "./text.js";

type Bytes = Uint8Array<ArrayBuffer>;
type Hash = "SHA-256" | "SHA-384" | "SHA-512";

const EXTENDED_KEY_USAGE = "2.5.29.37";
const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const NAME_CONSTRAINTS = "2.5.29.30";
const CERTIFICATE_POLICIES = "2.5.29.32";
const UNDERSTOOD = [EXTENDED_KEY_USAGE, BASIC_CONSTRAINTS, KEY_USAGE, CERTIFICATE_POLICIES];
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";

const RSA = "1.2.840.113549.1.1.1";
const EC = "1.2.840.10045.2.1";
const MIN_RSA_BITS = 2048;
const CURVES: Readonly<Record<string, string>> = {
  "1.2.840.10045.3.1.7": "P-256",
  "1.3.132.0.34": "P-384",
  "1.3.132.0.35": "P-521",
};
const SMALL_CURVES = ["1.2.840.10045.3.1.1", "1.3.132.0.33"]; // P-192, P-224
// Curves that WebCrypto does not have, with the bytes of a coordinate.
const OTHER_CURVES: Readonly<Record<string, number>> = {
  "1.2.840.10045.3.1.1": 24, // P-192
  "1.3.132.0.33": 28, // P-224
  "1.3.132.0.10": 32, // secp256k1
  "1.3.36.3.3.2.8.1.1.7": 32, // brainpoolP256r1, P384r1, P512r1
  "1.3.36.3.3.2.8.1.1.11": 48,
  "1.3.36.3.3.2.8.1.1.13": 64,
};
const OTHER_KEYS = [
  "1.2.840.113549.1.1.10", // RSASSA-PSS
  "1.2.840.10040.4.1", // DSA
  "1.3.101.112", // Ed25519, Ed448
  "1.3.101.113",
];

/** Signature algorithms with the digest that each implies. */
const SIGNATURES: Readonly<Record<string, Hash>> = {
  "1.2.840.113549.1.1.11": "SHA-256",
  "1.2.840.113549.1.1.12": "SHA-384",
  "1.2.840.113549.1.1.13": "SHA-512",
  "1.2.840.10045.4.3.2": "SHA-256",
  "1.2.840.10045.4.3.3": "SHA-384",
  "1.2.840.10045.4.3.4": "SHA-512",
};

interface Extension {
  readonly critical: boolean;
  readonly value: Bytes;
}

export interface Certificate {
  readonly der: Bytes;
  readonly issuer: Bytes;
  readonly subject: Bytes;
  readonly serial: bigint;
  readonly notBefore: Moment;
  readonly notAfter: Moment;
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly isWeak: boolean;
  readonly parsed: PkiCertificate;
}

/** Read by two readers, ours strict in DER and the library's; null if either cannot. */
export function readCertificate(bytes: Bytes): Certificate | null {
  try {
    return read(bytes);
  } catch {
    // Libraries throw whatever they like at nonsense; none of it may pass for a certificate.
    return null;
  }
}

function read(bytes: Bytes): Certificate {
  const outer = new der.Cursor(der.parseDer(bytes).expect(der.SEQUENCE));
  const fields = new der.Cursor(outer.next(der.SEQUENCE));
  const signatureAlgorithm = outer.next(der.SEQUENCE);
  outer.next(der.BIT_STRING);
  outer.end();
  // Version 1 has no field for it (RFC 5280, 4.1.2.1), and of version 2 there are none.
  const version = fields.optional(0xa0)?.only().expect(der.INTEGER).integer;
  if (version !== undefined && version !== 2n) throw new der.NotDer("another version");
  const serial = fields.next(der.INTEGER).integer;
  if (!equal(fields.next(der.SEQUENCE).raw, signatureAlgorithm.raw)) {
    throw new der.NotDer("two signature algorithms");
  }
  const issuer = fields.next(der.SEQUENCE).raw;
  const [begin, end, ...more] = fields.next(der.SEQUENCE).children();
  if (begin === undefined || end === undefined || more.length > 0) {
    throw new der.NotDer("not a validity");
  }
  const subject = fields.next(der.SEQUENCE).raw;
  const key = fields.next(der.SEQUENCE);
  fields.optional(0x81);
  fields.optional(0x82);
  const extensions = readExtensions(fields.optional(0xa3));
  fields.end();
  return {
    der: bytes,
    issuer,
    subject,
    serial,
    notBefore: readTime(begin),
    notAfter: readTime(end),
    extensions,
    isWeak: isWeakKey(key),
    parsed: PkiCertificate.fromBER(bytes),
  };
}

function readExtensions(node: der.Node | null): Map<string, Extension> {
  const found = new Map<string, Extension>();
  for (const each of node?.only().expect(der.SEQUENCE).children() ?? []) {
    const parts = new der.Cursor(each.expect(der.SEQUENCE));
    const kind = parts.next(der.OID).oid;
    const said = parts.optional(der.BOOLEAN);
    const critical = said !== null;
    if (critical && said.content[0] === 0) throw new der.NotDer("a default that is written out");
    const value = parts.next(der.OCTET_STRING).content;
    parts.end();
    if (found.has(kind)) throw new der.NotDer("an extension twice");
    found.set(kind, { critical, value });
  }
  return found;
}

/** RFC 5280, 4.1.2.5: always with seconds, always in UTC. */
function readTime(node: der.Node): Moment {
  const text = String.fromCharCode(...node.content);
  const short = node.tag === der.UTC_TIME;
  if (!short) node.expect(der.GENERALIZED_TIME);
  const match = (short ? /^(\d\d)(\d{10})Z$/ : /^(\d{4})(\d{10})Z$/).exec(text);
  if (match === null) throw new der.NotDer("not a time");
  const stated = Number(match[1]);
  const year = short ? stated + (stated < 50 ? 2000 : 1900) : stated;
  const rest = (match[2]?.match(/../g) ?? []).map(Number);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest;
  const at = moment(year, month, day, hour, minute, second);
  if (at === null) throw new der.NotDer("a time that there is not");
  return at;
}

function isWeakKey(spki: der.Node): boolean {
  const parts = new der.Cursor(spki);
  const algorithm = new der.Cursor(parts.next(der.SEQUENCE));
  const key = parts.next(der.BIT_STRING).content;
  const kind = algorithm.next(der.OID).oid;
  if (kind === RSA) {
    const modulus = new der.Cursor(der.parseDer(key.subarray(1))).next(der.INTEGER).integer;
    return modulus.toString(2).length < MIN_RSA_BITS;
  }
  return kind === EC && SMALL_CURVES.includes(algorithm.next(der.OID).oid);
}

/** Whether its key is one that a policy may name: of a known kind, and a point of its curve. */
export async function hasSoundKey({ parsed }: Certificate): Promise<boolean> {
  const { algorithm } = parsed.subjectPublicKeyInfo;
  const kind = algorithm.algorithmId;
  if (kind !== RSA && kind !== EC) return OTHER_KEYS.includes(kind);
  let how: RsaHashedImportParams | EcKeyImportParams = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  if (kind === EC) {
    const { algorithmParams } = algorithm;
    const curve = algorithmParams instanceof ObjectIdentifier ? algorithmParams.getValue() : "";
    const namedCurve = CURVES[curve];
    // What WebCrypto does not know is not checked here, and verifies no timestamp later.
    if (namedCurve === undefined) {
      const size = OTHER_CURVES[curve];
      const point = parsed.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView;
      return size !== undefined && [1 + size, 1 + 2 * size].includes(point.length);
    }
    how = { name: "ECDSA", namedCurve };
  }
  try {
    const spki = parsed.subjectPublicKeyInfo.toSchema().toBER();
    await crypto.subtle.importKey("spki", spki, how, true, ["verify"]);
    return true;
  } catch {
    return false;
  }
}

/** Whether its one extended key usage is timeStamping, and critical (RFC 3161, 2.3). */
export function isForTimeStampingAlone({ extensions }: Certificate): boolean {
  const usage = extensions.get(EXTENDED_KEY_USAGE);
  if (usage === undefined || !usage.critical) return false;
  try {
    return der.parseDer(usage.value).expect(der.SEQUENCE).only().oid === TIME_STAMPING;
  } catch {
    return false;
  }
}

/** Whether it names itself as its issuer; in names, letters of both cases are alike. */
export function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return areAlike(der.parseDer(issuer), der.parseDer(subject));
}

function areAlike(a: der.Node, b: der.Node): boolean {
  if (a.tag !== b.tag) return false;
  if (a.tag === der.SEQUENCE || a.tag === der.SET) {
    const [parts, others] = [a.children(), b.children()];
    if (parts.length !== others.length) return false;
    return parts.every((part, n) => areAlike(part, others[n] ?? part));
  }
  if (a.tag === der.OID) return equal(a.content, b.content);
  const folded = (text: Bytes) => text.map((byte) => byte + (byte >= 0x41 && byte <= 0x5a ? 32 : 0));
  return equal(folded(a.content), folded(b.content));
}

/** Whether nothing in it asks for a check that is not made here. */
export function isUnderstood({ extensions }: Certificate): boolean {
  if (extensions.has(NAME_CONSTRAINTS)) return false;
  return [...extensions].every(([kind, { critical }]) => !critical || UNDERSTOOD.includes(kind));
}

/** Whether its key may sign anything but certificates, where it says what for. */
export function maySign(certificate: Certificate): boolean {
  const bits = keyUsage(certificate);
  return bits === null || (bits & 0xc0) !== 0; // digitalSignature, contentCommitment
}

/** How many authorities may stand below it; null if it is none. */
export function authorityDepth(certificate: Certificate): number | null {
  const constraints = certificate.extensions.get(BASIC_CONSTRAINTS);
  const bits = keyUsage(certificate);
  if (constraints === undefined || (bits !== null && (bits & 0x04) === 0)) return null; // keyCertSign
  try {
    const parts = new der.Cursor(der.parseDer(constraints.value).expect(der.SEQUENCE));
    if ((parts.optional(der.BOOLEAN)?.content[0] ?? 0) === 0) return null;
    const depth = parts.optional(der.INTEGER)?.integer;
    return depth === undefined ? Infinity : Number(depth);
  } catch {
    return null;
  }
}

function keyUsage({ extensions }: Certificate): number | null {
  const usage = extensions.get(KEY_USAGE);
  if (usage === undefined) return null;
  try {
    return der.parseDer(usage.value).expect(der.BIT_STRING).content[1] ?? 0;
  } catch {
    return 0;
  }
}

/** Whether `issuer`'s key signed `certificate`. */
export async function isSignedBy(certificate: Certificate, issuer: Certificate): Promise<boolean> {
  const { signatureAlgorithm, signatureValue, tbsView } = certificate.parsed;
  const hash = SIGNATURES[signatureAlgorithm.algorithmId];
  if (hash === undefined) return false;
  return verify(Uint8Array.from(tbsView), signatureValue, issuer, signatureAlgorithm, hash);
}

/** Whether `signer`'s key made a CMS signature by the algorithm in DER over `message`. */
export async function hasSigned(
  signer: Certificate,
  message: Bytes,
  signature: Bytes,
  algorithm: Bytes,
  hash: Hash,
): Promise<boolean> {
  const how = AlgorithmIdentifier.fromBER(algorithm);
  // rsaEncryption leaves the digest to the signer's other field (RFC 3370, 3.2).
  const implied = how.algorithmId === RSA ? hash : SIGNATURES[how.algorithmId];
  if (implied !== hash) return false;
  const value = new OctetString({ valueHex: signature.slice().buffer });
  return verify(message, value, signer, how, hash);
}

async function verify(
  message: Bytes,
  signature: BitString | OctetString,
  signer: Certificate,
  algorithm: AlgorithmIdentifier,
  hash: Hash,
): Promise<boolean> {
  const engine = new CryptoEngine({ name: "browser", crypto });
  const key = signer.parsed.subjectPublicKeyInfo;
  const byEc = algorithm.algorithmId.startsWith("1.2.840.10045.");
  if (key.algorithm.algorithmId !== (byEc ? EC : RSA)) return false;
  try {
    // The library reads the two numbers of an ECDSA signature from less than DER, too.
    if (byEc && !isPairOfIntegers(signature.valueBlock.valueHexView)) return false;
    return await engine.verifyWithPublicKey(message, signature, key, algorithm, hash);
  } catch {
    return false; // a curve or a form that the browser does not know: nothing was verified
  }
}

function isPairOfIntegers(signature: Uint8Array): boolean {
  const parts = der.parseDer(Uint8Array.from(signature)).expect(der.SEQUENCE).children();
  return parts.length === 2 && parts.every((part) => part.tag === der.INTEGER && part.integer > 0n);
}
