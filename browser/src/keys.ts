import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";

import { NotDer, parseDer, SEQUENCE, type Node } from "./der.js";
import { isEd25519Point, uncompressedP256 } from "./curves.js";
import { NotChecked, Refused } from "./refused.js";
import { decodePem } from "./pem.js";
import { digest, equal, joined } from "./text.js";

export const ALGORITHMS = ["ed25519", "ecdsa-p256-sha256", "ml-dsa-65"] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
type Bytes = Uint8Array<ArrayBuffer>;

// Everything of a SubjectPublicKeyInfo before the key's own bytes (RFC 8410; RFC 5480; RFC 9881).
const ED25519 = fromHex("302a300506032b6570032100");
const P256 = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const P256_COMPRESSED = fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200");
const ML_DSA_65 = fromHex("308207b2300b0609608648016503040312038207a100");
const ML_DSA_65_BYTES = 1952;
const ML_DSA_65_SIGNATURE = 3309; // bytes
const RHO_BYTES = 32;

/** A key that can verify; its algorithm is never the message's to choose. */
export interface PublicKey {
  readonly algorithm: Algorithm;
  readonly keyid: string;
  readonly raw: Bytes;
  verify(signature: Bytes, message: Bytes): Promise<boolean>;
}

/** Read a `PUBLIC KEY` PEM: E_POLICY, E_WEAK_KEY. */
export async function publicKey(pem: string): Promise<PublicKey> {
  const [spki, ...more] = decodePem(pem, "PUBLIC KEY");
  if (spki === undefined || more.length > 0) {
    throw new Refused("E_POLICY", "a key that is not a PEM public key");
  }
  if (startsWith(spki, ED25519, 32)) return ed25519(spki.slice(ED25519.length));
  if (startsWith(spki, P256, 65)) return p256(spki);
  if (startsWith(spki, P256_COMPRESSED, 33)) {
    const point = uncompressedP256(spki.subarray(P256_COMPRESSED.length));
    if (point !== null) return p256(joined(P256, point));
  }
  if (startsWith(spki, ML_DSA_65, ML_DSA_65_BYTES)) {
    const raw = spki.slice(ML_DSA_65.length);
    if (!raw.subarray(RHO_BYTES).some((byte) => byte !== 0)) {
      throw new Refused("E_WEAK_KEY", "an ML-DSA key that anyone can sign for");
    }
    return mlDsa65(spki, raw);
  }
  throw new Refused("E_POLICY", "a key of an algorithm that is not supported");
}

/** A key of 32 bytes: E_WEAK_KEY. */
export async function ed25519(raw: Bytes): Promise<PublicKey> {
  if (!isEd25519Point(raw)) {
    throw new Refused("E_WEAK_KEY", "an Ed25519 key of low order, not canonical, or no point");
  }
  const key = await imported("raw", raw, { name: "Ed25519" });
  return {
    algorithm: "ed25519",
    keyid: await digest(joined(ED25519, raw)),
    raw,
    verify: async (signature, message) =>
      signature.length === 64 && crypto.subtle.verify("Ed25519", key, signature, message),
  };
}

async function p256(spki: Bytes): Promise<PublicKey> {
  const raw = spki.slice(P256.length);
  if (raw[0] !== 4 || !isOnP256(raw)) throw new Refused("E_POLICY", "a key that is not a point");
  const key = await imported("spki", spki, { name: "ECDSA", namedCurve: "P-256" });
  return {
    algorithm: "ecdsa-p256-sha256",
    keyid: await digest(spki),
    raw,
    verify: async (signature, message) => {
      const both = rawSignature(signature);
      const how = { name: "ECDSA", hash: "SHA-256" };
      return both !== null && crypto.subtle.verify(how, key, both, message);
    },
  };
}

/** Pure ML-DSA with the empty context (FIPS 204, 5.2): by a library, for no WebCrypto has it. */
async function mlDsa65(spki: Bytes, raw: Bytes): Promise<PublicKey> {
  return {
    algorithm: "ml-dsa-65",
    keyid: await digest(spki),
    raw,
    verify: async (signature, message) =>
      signature.length === ML_DSA_65_SIGNATURE && ml_dsa65.verify(signature, message, raw),
  };
}

function isOnP256(raw: Bytes): boolean {
  const compressed = joined(new Uint8Array([2 + ((raw[64] ?? 0) & 1)]), raw.subarray(1, 33));
  const again = uncompressedP256(compressed);
  return again !== null && equal(again, raw);
}

/** ECDSA-Sig-Value in DER to r next to s, 32 bytes each; null for any other form. */
function rawSignature(signature: Bytes): Bytes | null {
  let parts: Node[];
  try {
    parts = parseDer(signature).expect(SEQUENCE).children();
    const [r, s] = parts.map((part) => part.integer);
    if (parts.length !== 2 || r === undefined || s === undefined) return null;
    if (r <= 0n || s <= 0n || r >> 256n || s >> 256n) return null;
    return fromHex(r.toString(16).padStart(64, "0") + s.toString(16).padStart(64, "0"));
  } catch (error) {
    if (error instanceof NotDer) return null;
    throw error;
  }
}

async function imported(
  format: "raw" | "spki",
  bytes: Bytes,
  algorithm: { name: string; namedCurve?: string },
): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey(format, bytes, algorithm, true, ["verify"]);
  } catch {
    // The key was found sound before: it is the browser that lacks the algorithm.
    throw new NotChecked("this browser cannot check signatures of an algorithm of the policy");
  }
}

function startsWith(bytes: Bytes, head: Bytes, more: number): boolean {
  return bytes.length === head.length + more && equal(bytes.subarray(0, head.length), head);
}

function fromHex(text: string): Bytes {
  return new Uint8Array((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)));
}

