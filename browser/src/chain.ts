/** Step 15: how a result stands among the issuer's other results that the auditor holds. */

import { groupsOf } from "./consistency.js";
import type { Destruction, Target } from "./predicates.js";
import { Refused } from "./refused.js";
import { same } from "./schema.js";

export const MAX_OTHERS = 256;

/** A verified result: the digest of its envelope, and the keys that were counted on it. */
export interface Link {
  readonly digest: string;
  readonly result: Destruction;
  readonly keyids: ReadonlySet<string>;
}

/** Findings for people; E_REPLAY, E_FORK, E_SUPERSEDED. One given twice counts once. */
export function checkChain(first: Link, others: readonly Link[]): string[] {
  const known = new Map([first, ...others].map((link) => [link.digest, link]));
  const links = [...known.values()];
  links.forEach((one, n) => {
    for (const two of links.slice(n + 1)) {
      checkReplay(one.result, two.result);
      checkFork(one, two);
    }
  });
  for (const { result } of links) checkReplaced(result, known);
  if (links.some(({ result }) => result.supersedes === first.digest)) {
    throw new Refused("E_SUPERSEDED", "a later attestation that was supplied replaces it");
  }
  return findings(first, links);
}

function checkReplay(one: Destruction, two: Destruction): void {
  if (one.attestationId === two.attestationId || one.plan === two.plan) {
    throw new Refused("E_REPLAY", "one run was attested twice, differently");
  }
  // Leaves are salted by a secret of the run's own: two runs never have a root in common.
  for (const tree of ["inventory", "results"] as const) {
    if (one[tree].size > 0 && one[tree].root === two[tree].root) {
      throw new Refused("E_REPLAY", `two attestations are over the same ${tree}`);
    }
  }
}

function checkFork(one: Link, two: Link): void {
  if (one.result.previous !== two.result.previous) return;
  if (one.result.previous !== null) {
    throw new Refused("E_FORK", "two attestations name the same one as the one before them");
  }
  if (one.keyids.size === two.keyids.size && [...one.keyids].every((id) => two.keyids.has(id))) {
    throw new Refused("E_FORK", "two attestations by the same keys say to be the first");
  }
}

function checkReplaced(result: Destruction, known: ReadonlyMap<string, Link>): void {
  const replaced = result.supersedes === null ? undefined : known.get(result.supersedes)?.result;
  if (replaced === undefined) return;
  if (replaced.outcome !== "pending") {
    throw new Refused("E_SUPERSEDED", "an attestation replaces one that is not pending");
  }
  const about = ({ controller, dataset }: Destruction) => same([controller, dataset.label]);
  if (about(replaced) !== about(result)) {
    throw new Refused("E_SUPERSEDED", "an attestation replaces one about something else");
  }
  const pending = counted(groupsOf(replaced).filter(({ status }) => status === "pending"));
  for (const [what, holdings] of counted(result.settled)) {
    if (holdings > (pending.get(what) ?? 0n)) {
      throw new Refused("E_SUPERSEDED", "an attestation settles what had not been pending");
    }
  }
}

/** Holdings by what cannot change until they are settled. */
function counted(groups: readonly Target[]): Map<string, bigint> {
  const counts = new Map<string, bigint>();
  for (const { store, kind, technique, whole, holdings } of groups) {
    const what = same([store, kind, technique, whole]);
    counts.set(what, (counts.get(what) ?? 0n) + BigInt(holdings));
  }
  return counts;
}

function findings({ result }: Link, links: readonly Link[]): string[] {
  if (links.length === 1) return ["chain of attestations: not asked"];
  const digests = new Set(links.map(({ digest }) => digest));
  const missing = new Set(
    links.flatMap(({ result: { previous } }) =>
      previous === null || digests.has(previous) ? [] : [previous],
    ),
  );
  const lines = [`chain: held against ${links.length - 1} other attestations; no fork, no replay`];
  if (result.previous === null) lines.push("chain: it says to be the issuer's first");
  else if (digests.has(result.previous)) lines.push("chain: the one before it is among them");
  if (missing.size > 0) {
    lines.push(`chain: ${missing.size} that are named as the one before were not supplied`);
  }
  return lines;
}
