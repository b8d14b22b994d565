/** Another person's word on a result, in a file of its own. */

import { LIMITS, readSealed, type Bytes, type Sealed } from "./bundle.js";
import { checkPersonalData } from "./consistency.js";
import { openEnvelope } from "./envelope.js";
import type { Trust } from "./policy.js";
import type { Destruction } from "./predicates.js";
import { Refused, timeRefused } from "./refused.js";
import type { SignedBy, Validated } from "./report.js";
import { checkKeyTimes, checkSignatures } from "./signatures.js";
import { readStatement, VALIDATION } from "./statement.js";
import { hasExactly, isObject, parseJson } from "./strict_json.js";
import { formatTime, shown, type Moment } from "./text.js";
import { checkTimestamps } from "./timestamp.js";

const MEDIA_TYPE = "application/vnd.shredder.validation+json;version=1";
const ROLE = "validator";

/** A verified result, by whom it was signed, and the digest of its envelope. */
export interface Judged {
  readonly result: Destruction;
  readonly digest: string;
  readonly signers: readonly SignedBy[];
}

/** Steps 1 to 8, 10, 12 and 13 on a validation; it is the word of a key that signed nothing else. */
export async function checkValidation(
  data: Bytes,
  of: Judged,
  trust: Trust,
  now: Moment,
): Promise<Validated> {
  const sealed = readFile(data);
  const envelope = openEnvelope(sealed.envelope, "validation");
  const one = { role: ROLE, count: 1, algorithm: null, signs: "both" } as const;
  const signed = await checkSignatures(envelope, trust, [one], "validation");
  const own = new Set(of.signers.map(({ keyid }) => keyid));
  if (signed.by.some(({ key }) => own.has(key.keyid))) {
    throw new Refused("E_ROLE", "validation: signed by a key that signed plan or result");
  }
  const stamped = await checkTimestamps(sealed, trust, now, "validation");
  checkKeyTimes(signed, stamped, now, "validation");
  const { predicate, written } = readStatement(envelope.payload, VALIDATION);
  if (predicate.issuedAt > (stamped.latest ?? now) + trust.skew) {
    throw timeRefused("E_TIME_ORDER", "validation: issued later than its timestamp, or now");
  }
  if (predicate.issuedAt + trust.skew < of.result.issuedAt) {
    throw timeRefused("E_TIME_ORDER", "validation: issued before the result");
  }
  checkPersonalData(written, "validation");
  if (predicate.result !== of.digest || predicate.attestationId !== of.result.attestationId) {
    throw new Refused("E_REF", "validation: of another result");
  }
  return {
    decision: predicate.decision,
    by: signed.by.map(({ entry }) => shown(entry.name)),
    role: predicate.validator.role,
    reference: predicate.validator.reference,
    operatorRun: signed.by.some(({ entry }) => entry.operatorRun),
    noLaterThan: stamped.latest === null ? null : formatTime(stamped.latest),
  };
}

function readFile(data: Bytes): Sealed {
  const value = parseJson(data, LIMITS, "validation");
  if (!isObject(value) || !hasExactly(value, ["mediaType", "validation"])) {
    throw new Refused("E_BUNDLE", "validation: not the fields of a validation");
  }
  if (value.get("mediaType") !== MEDIA_TYPE) {
    throw new Refused("E_BUNDLE", `validation: its mediaType is not ${MEDIA_TYPE}`);
  }
  const sealed = readSealed(value.get("validation"), "validation");
  if (sealed.log !== null) {
    throw new Refused("E_BUNDLE", "validation: a log proof has no place in it");
  }
  return sealed;
}
