/** Steps 6 and 8: signatures, and the validity of the keys behind them. */

import type { Envelope } from "./envelope.js";
import type { PublicKey } from "./keys.js";
import { counts, type RoleThreshold, type Trust, type TrustedKey } from "./policy.js";
import { Refused } from "./refused.js";
import type { Stamped } from "./timestamp.js";
import type { Moment } from "./text.js";

export interface Trusted {
  readonly entry: TrustedKey;
  readonly key: PublicKey;
}

/** Who signed one envelope: trusted keys, each once, and how many strangers. */
export interface Signed {
  readonly by: readonly Trusted[];
  readonly strangers: number;
}

/** A keyid only hints: every trusted key is tried. E_SIG, E_THRESHOLD, E_ROLE. */
export async function checkSignatures(
  envelope: Envelope,
  trust: Trust,
  thresholds: readonly RoleThreshold[],
  what: string,
): Promise<Signed> {
  const found = new Set<Trusted>();
  let strangers = 0;
  for (const { keyid, sig } of envelope.signatures) {
    const hinted = trust.keys.find(({ key }) => key.keyid === keyid);
    const order = hinted ? [hinted, ...trust.keys.filter((each) => each !== hinted)] : trust.keys;
    let signer: Trusted | null = null;
    for (const trusted of order) {
      if (await trusted.key.verify(sig, envelope.signed)) {
        signer = trusted;
        break;
      }
    }
    if (signer !== null) found.add(signer);
    else if (hinted) {
      throw new Refused("E_SIG", `${what}: a signature said to be a trusted key's is not`);
    } else strangers += 1;
  }
  const by = [...found];
  if (by.length === 0) throw new Refused("E_SIG", `${what}: no signature is a trusted key's`);
  if (by.length < thresholds.reduce((sum, { count }) => sum + count, 0)) {
    throw new Refused("E_THRESHOLD", `${what}: fewer trusted keys signed than are asked for`);
  }
  for (const threshold of thresholds) {
    if (by.filter(({ entry }) => counts(threshold, entry)).length < threshold.count) {
      throw new Refused("E_ROLE", `${what}: a role that is asked for has not signed`);
    }
  }
  return { by, strangers };
}

/** Each key at the proven time; without one, now. E_KEY_TIME, E_KEY_COMPROMISED. */
export function checkKeyTimes(signed: Signed, stamped: Stamped, now: Moment, what: string): void {
  const proven = stamped.latest;
  const when = proven ?? now;
  for (const { entry } of signed.by) {
    const { validFrom, validUntil, compromisedAt } = entry;
    if ((validFrom !== null && when < validFrom) || (validUntil !== null && when > validUntil)) {
      throw new Refused("E_KEY_TIME", `${what}: signed by a key outside of its validity`);
    }
    // Without a proven time, whoever has the key may have signed yesterday, or today.
    if (compromisedAt !== null && (proven === null || proven >= compromisedAt)) {
      throw new Refused(
        "E_KEY_COMPROMISED",
        `${what}: not proven to be older than a key's compromise`,
      );
    }
  }
}
