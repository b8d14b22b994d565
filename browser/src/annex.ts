/** Step 16, the annex: the names behind staff references, in a private file of the operator's. */

import type { Bytes } from "./bundle.js";
import type { Destruction, Plan } from "./predicates.js";
import { Refused } from "./refused.js";
import * as s from "./schema.js";
import { parseJson } from "./strict_json.js";
import { decodeBase64, digest } from "./text.js";

const MEDIA_TYPE = "application/vnd.shredder.annex+json;version=1";
const SALT_SIZE = 32; // bytes

export const LIMITS = { size: 2 ** 16, depth: 4, items: 400 };

const named = s.object({ reference: s.identifier, name: s.label });
const annex = s.object({
  mediaType: s.text("media type", 100),
  attestationId: s.identifier,
  salt: s.text("base64", 44),
  names: s.list(named, { most: 64, least: 1, once: (each) => each.reference }),
});

/** Names by staff reference; the operator's texts, and not escaped. */
export type Names = Readonly<Record<string, string>>;

/** Hold an annex against verified statements: E_DISCLOSURE. */
export async function checkAnnex(data: Bytes, plan: Plan, result: Destruction): Promise<Names> {
  const found = await digest(data);
  if (found !== plan.annex && found !== result.annex) wrong("not the one that was committed to");
  const read = readAnnex(data);
  if (read.attestationId !== result.attestationId) wrong("of another attestation");
  return Object.fromEntries(read.names.map(({ reference, name }) => [reference, name]));
}

function readAnnex(data: Bytes): s.Decoded<typeof annex> {
  try {
    const read = annex(parseJson(data, LIMITS, "annex"), "annex");
    if (read.mediaType !== MEDIA_TYPE) wrong(`its mediaType is not ${MEDIA_TYPE}`);
    const salt = decodeBase64(read.salt, "annex: salt");
    if (salt.length !== SALT_SIZE) wrong(`a salt that is not of ${SALT_SIZE} bytes`);
    return read;
  } catch (error) {
    if (error instanceof Refused) throw new Refused("E_DISCLOSURE", error.message);
    throw error;
  }
}

function wrong(why: string): never {
  throw new Refused("E_DISCLOSURE", `annex: ${why}`);
}

/** The name behind a reference after it, where there is one. */
export function withName(reference: string, names: Names | null): string {
  const name = names !== null && Object.hasOwn(names, reference) ? names[reference] : undefined;
  return name === undefined ? reference : `${reference} (${name})`;
}
