/** Step 10: the verified bytes, parsed: type, schema, subjects. */

import {
  destruction,
  plan,
  validation,
  type Destruction,
  type Plan,
  type Validation,
} from "./predicates.js";
import { Refused } from "./refused.js";
import type { Decoder } from "./schema.js";
import { hasExactly, isObject, parseJson, type Json } from "./strict_json.js";
import { shown } from "./text.js";

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const BASE = "https://shredder.invalid/attestation/";
const LIMITS = { size: 4 * 2 ** 20, depth: 12, items: 200_000 };
const FIELDS = ["_type", "subject", "predicateType", "predicate"];

type Subject = readonly [name: string, digest: string];

/** A predicate's type, its table, and what a statement of it is about. */
interface Kind<P> {
  readonly type: string;
  readonly decode: Decoder<P>;
  readonly subjects: (predicate: P) => readonly Subject[];
}

const manifest = (digest: string | null): Subject[] =>
  digest === null ? [] : [["private-manifest", digest]];

export const PLAN: Kind<Plan> = {
  type: `${BASE}destruction-plan/v1`,
  decode: plan,
  subjects: (of) => [["inventory", of.inventory.root], ...manifest(of.manifest)],
};
export const DESTRUCTION: Kind<Destruction> = {
  type: `${BASE}destruction/v1`,
  decode: destruction,
  subjects: (of) => [
    ["destruction-plan", of.plan],
    ["results", of.results.root],
    ...manifest(of.manifest),
  ],
};
export const VALIDATION: Kind<Validation> = {
  type: `${BASE}validation/v1`,
  decode: validation,
  subjects: (of) => [["destruction", of.result]],
};

/** A predicate as it was decoded, and as it was written. */
export interface Statement<P> {
  readonly predicate: P;
  readonly written: Json;
}

export function readStatement<P>(payload: Uint8Array, kind: Kind<P>): Statement<P> {
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
  if (value.get("predicateType") !== kind.type) {
    throw new Refused("E_TYPE", `statement: its predicate is not ${kind.type}`);
  }
  const written = value.get("predicate") ?? null;
  const predicate = kind.decode(written, "predicate");
  if (!areSubjects(value.get("subject"), kind.subjects(predicate))) {
    throw new Refused("E_REF", "statement: its subjects are not those of its predicate");
  }
  return { predicate, written };
}

function areSubjects(value: Json | undefined, wanted: readonly Subject[]): boolean {
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
