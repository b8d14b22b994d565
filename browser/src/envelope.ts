import { Refused } from "./refused.js";
import { hasExactly, isObject, parseJson, type Json } from "./strict_json.js";
import { decodeBase64, joined, utf8 } from "./text.js";

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const LIMITS = { size: 6 * 2 ** 20, depth: 4, items: 200 };
const MAX_SIGNATURES = 16;
const MAX_SIGNATURE = 8192; // bytes

type Bytes = Uint8Array<ArrayBuffer>;

export interface Signature {
  readonly keyid: string; // a hint; may be empty, and proves nothing
  readonly sig: Bytes;
}

/** A DSSE envelope; `signed` is the pre-authentication encoding that the signatures are over. */
export interface Envelope {
  readonly payload: Bytes;
  readonly signed: Bytes;
  readonly signatures: readonly Signature[];
}

/** Step 4, with limits, JSON and base64 once more inside. */
export function openEnvelope(raw: Bytes, what: string): Envelope {
  const value = parseJson(raw, LIMITS, what);
  if (!isObject(value) || !hasExactly(value, ["payload", "payloadType", "signatures"])) {
    throw new Refused("E_ENVELOPE", `${what}: not the three fields of a DSSE envelope`);
  }
  const kind = value.get("payloadType");
  const body = value.get("payload");
  const entries = value.get("signatures");
  if (typeof kind !== "string" || typeof body !== "string" || !Array.isArray(entries)) {
    throw new Refused("E_ENVELOPE", `${what}: a field of the wrong type`);
  }
  if (kind !== PAYLOAD_TYPE) {
    throw new Refused("E_PAYLOAD_TYPE", `${what}: the payload is not ${PAYLOAD_TYPE}`);
  }
  if (entries.length === 0) throw new Refused("E_SIG", `${what}: not signed at all`);
  if (entries.length > MAX_SIGNATURES) {
    throw new Refused("E_LIMIT", `${what}: more than ${MAX_SIGNATURES} signatures`);
  }
  const payload = decodeBase64(body, `${what}: payload`);
  return {
    payload,
    signed: encoded(payload),
    signatures: entries.map((entry) => signature(entry, what)),
  };
}

function encoded(payload: Bytes): Bytes {
  const kind = utf8(PAYLOAD_TYPE).length;
  return joined(utf8(`DSSEv1 ${kind} ${PAYLOAD_TYPE} ${payload.length} `), payload);
}

function signature(entry: Json, what: string): Signature {
  const fields = ["sig", "keyid"].slice(0, isObject(entry) && entry.has("keyid") ? 2 : 1);
  if (!isObject(entry) || !hasExactly(entry, fields)) {
    throw new Refused("E_ENVELOPE", `${what}: not the fields of a signature`);
  }
  const text = entry.get("sig");
  const keyid = entry.get("keyid") ?? (entry.has("keyid") ? null : "");
  if (typeof text !== "string" || typeof keyid !== "string") {
    throw new Refused("E_ENVELOPE", `${what}: a signature's field of the wrong type`);
  }
  const sig = decodeBase64(text, `${what}: signature`);
  if (sig.length < 1 || sig.length > MAX_SIGNATURE) {
    throw new Refused("E_ENVELOPE", `${what}: a signature of no possible length`);
  }
  return { keyid, sig };
}
