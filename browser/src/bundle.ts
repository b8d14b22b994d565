import { Refused } from "./refused.js";
import { hasExactly, isObject, parseJson, type Json } from "./strict_json.js";
import { decodeBase64, length } from "./text.js";

const MEDIA_TYPE = "application/vnd.shredder.bundle+json;version=1";
export const LIMITS = { size: 16 * 2 ** 20, depth: 4, items: 200 };
const MAX_TOKENS = 16;
const MAX_RENEWALS = 16;
const MAX_TOKEN = 65_536; // bytes
const MAX_PROOF = 139_264; // characters

export type Bytes = Uint8Array<ArrayBuffer>;

/** One envelope's exact bytes, its time-stamp responses, their renewals, and its log proof, if any. */
export interface Sealed {
  readonly envelope: Bytes;
  readonly timestamps: readonly Bytes[];
  readonly renewals: readonly Bytes[];
  readonly log: string | null;
}

export interface Bundle {
  readonly plan: Sealed;
  readonly result: Sealed;
}

/** Steps 1 to 3. */
export function openBundle(data: Bytes): Bundle {
  const value = parseJson(data, LIMITS, "bundle");
  if (!isObject(value) || !hasExactly(value, ["mediaType", "plan", "result"])) {
    throw new Refused("E_BUNDLE", "bundle: not the fields of a bundle");
  }
  if (value.get("mediaType") !== MEDIA_TYPE) {
    throw new Refused("E_BUNDLE", `bundle: its mediaType is not ${MEDIA_TYPE}`);
  }
  return {
    plan: readSealed(value.get("plan"), "plan"),
    result: readSealed(value.get("result"), "result"),
  };
}

export function readSealed(value: Json | undefined, what: string): Sealed {
  const given = (field: string) => isObject(value) && value.has(field);
  const fields = ["envelope", "timestamps", ...["renewals", "log"].filter(given)];
  if (!isObject(value) || !hasExactly(value, fields)) {
    throw new Refused("E_BUNDLE", `bundle.${what}: not its fields`);
  }
  const envelope = value.get("envelope");
  const log = value.has("log") ? value.get("log") : "";
  if (typeof envelope !== "string" || typeof log !== "string") {
    throw new Refused("E_BUNDLE", `bundle.${what}: a field of the wrong type`);
  }
  if (length(log) > MAX_PROOF) {
    throw new Refused("E_LIMIT", `bundle.${what}: a log proof of more than ${MAX_PROOF}`);
  }
  const timestamps = tokens(value.get("timestamps"), MAX_TOKENS, `bundle.${what}: timestamp`);
  let renewals: Bytes[] = [];
  if (value.has("renewals")) {
    renewals = tokens(value.get("renewals"), MAX_RENEWALS, `bundle.${what}: renewal`);
    if (renewals.length === 0 || timestamps.length === 0) {
      throw new Refused("E_BUNDLE", `bundle.${what}: renewals of nothing, or none of them`);
    }
  }
  return {
    envelope: decodeBase64(envelope, `bundle.${what}: envelope`),
    timestamps,
    renewals,
    log: value.has("log") ? log : null,
  };
}

function tokens(value: Json | undefined, most: number, what: string): Bytes[] {
  if (!Array.isArray(value)) throw new Refused("E_BUNDLE", `${what}: not a list of them`);
  if (value.length > most) throw new Refused("E_LIMIT", `${what}: more than ${most}`);
  const read = value.map((token) => {
    if (typeof token !== "string") throw new Refused("E_BUNDLE", `${what}: not text`);
    return decodeBase64(token, what);
  });
  if (read.some((token) => token.length > MAX_TOKEN)) {
    throw new Refused("E_LIMIT", `${what}: more than ${MAX_TOKEN} bytes`);
  }
  return read;
}
