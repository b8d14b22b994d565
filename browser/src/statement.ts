/** Step 10: the verified bytes, parsed: type, schema, subjects. */

import type { Destruction, Plan } from "./predicates.js";
import { Refused } from "./refused.js";
import type { Decoder } from "./schema.js";
import { hasExactly, isObject, parseJson, type Json } from "./strict_json.js";
import { shown } from "./text.js";

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const BASE = "https://shredder.invalid/attestation/";
const LIMITS = { size: 4 * 2 ** 20, depth: 12, items: 200_000 };
const FIELDS = ["_type", "subject", "predicateType", "predicate"];

export const PLAN_TYPE = `${BASE}destruction-plan/v1`;
export const DESTRUCTION_TYPE = `${BASE}destruction/v1`;

/** A predicate as it was decoded, and as it was written. */
export interface Statement<P> {
  readonly predicate: P;
  readonly written: Json;
}

export function readStatement<P extends Plan | Destruction>(
  payload: Uint8Array,
  type: string,
  decode: Decoder<P>,
): Statement<P> {
  const value = parseJson(payload, LIMITS, "statement");
  if (!isObject(value)) throw new Refused("E_SCHEMA", "statement: not an object");
  for (const name of FIELDS) {
    if (!value.has(name)) throw new Refused("E_SCHEMA", `statement: ${name} is missing`);
  }
  for (const key of value.keys()) {
    if (!FIELDS.includes(key)) {
      throw new Refused(
        "E_UNKNOWN_FIELD",
        `statement: the field '${shown(key, 40)}' is not known`,
      );
    }
  }
  if (value.get("_type") !== STATEMENT_TYPE) {
    throw new Refused("E_TYPE", "statement: not an in-toto Statement v1");
  }
  if (value.get("predicateType") !== type) {
    throw new Refused("E_TYPE", `statement: its predicate is not ${type}`);
  }
  const written = value.get("predicate") ?? null;
  const predicate = decode(written, "predicate");
  if (!areSubjects(value.get("subject"), subjects(predicate))) {
    throw new Refused("E_REF", "statement: its subjects are not those of its predicate");
  }
  return { predicate, written };
}

/** What the statement is about, by name and digest; derived, so that it cannot disagree. */
function subjects(predicate: Plan | Destruction): [string, string][] {
  const named: [string, string][] =
    "plan" in predicate
      ? [
          ["destruction-plan", predicate.plan],
          ["results", predicate.results.root],
        ]
      : [["inventory", predicate.inventory.root]];
  if (predicate.manifest !== null) named.push(["private-manifest", predicate.manifest]);
  return named;
}

function areSubjects(value: Json | undefined, wanted: readonly [string, string][]): boolean {
  if (!Array.isArray(value) || value.length !== wanted.length) return false;
  return wanted.every(([name, digest], n) => {
    const subject = value[n];
    if (!isObject(subject) || !hasExactly(subject, ["name", "digest"])) return false;
    const digests = subject.get("digest");
    return (
      subject.get("name") === name &&
      isObject(digests) &&
      hasExactly(digests, ["sha256"]) &&
      digests.get("sha256") === digest.slice("sha256:".length)
    );
  });
}
