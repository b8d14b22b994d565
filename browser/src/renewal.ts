/** Renewals: a new token over an envelope and all of its tokens, before they weaken. */

import type { Bytes, Sealed } from "./bundle.js";
import { timeRefused } from "./refused.js";
import { formatTime, joined, shown, utf8 } from "./text.js";
import type { Stamp, Stamped } from "./timestamp.js";

export const RENEWED_BY = "SHA-512";

/** What a renewal is over, counted from 0. */
export function covered(sealed: Sealed, number: number): Bytes {
  const part = (kind: string, bytes: Bytes) => [utf8(` ${kind} ${bytes.length} `), bytes];
  return joined(
    utf8("shredder-renewal-v1"),
    ...part("envelope", sealed.envelope),
    ...sealed.timestamps.flatMap((token) => part("timestamp", token)),
    ...sealed.renewals.slice(0, number).flatMap((token) => part("renewal", token)),
  );
}

/** Each renewal is no older than what it renews, and in time for it: E_TS_WINDOW. */
export function checkChainOfRenewals(
  timestamps: readonly Stamp[],
  renewals: readonly Stamp[],
  what: string,
): void {
  const before = [...timestamps];
  let last = timestamps;
  for (const renewal of renewals) {
    if (before.some(({ at, accuracy }) => renewal.latest < at - accuracy)) {
      throw timeRefused("E_TS_WINDOW", `${what}: a renewal older than what it renews`);
    }
    if (last.some(({ until }) => renewal.at > until)) {
      throw timeRefused("E_TS_WINDOW", `${what}: a renewal after the end of a certificate it renews`);
    }
    last = [renewal];
    before.push(renewal);
  }
}

/** The timestamps that prove their time, and those that a compromise took it from. */
export function standing(
  timestamps: readonly Stamp[],
  renewals: readonly Stamp[],
): { good: Stamp[]; fallen: Stamp[] } {
  const later: Stamp[] = [];
  for (const renewal of [...renewals].reverse()) {
    const stands = upheld(renewal, later);
    if (stands !== null) later.push(stands);
  }
  const good: Stamp[] = [];
  const fallen: Stamp[] = [];
  for (const stamp of timestamps) {
    const stands = upheld(stamp, later);
    if (stands === null) fallen.push(stamp);
    else good.push(stands);
  }
  return { good, fallen };
}

/** A token as it is worth: after a compromise, by those that saw it before. */
function upheld(stamp: Stamp, later: readonly Stamp[]): Stamp | null {
  const lost = stamp.compromisedAt;
  if (lost === null) return stamp;
  const by = later.filter(({ latest }) => latest < lost);
  if (by.length === 0) return null;
  const operators = by.every(({ operatorRun }) => operatorRun);
  return { ...stamp, operatorRun: stamp.operatorRun || operators };
}

/** The earliest end of what plan's and result's newest tokens rest on. */
export function renewBefore(stamped: readonly Stamped[]): string | null {
  const ends = stamped.flatMap((each) => (each.renewBefore === null ? [] : [each.renewBefore]));
  return ends.length > 0 ? formatTime(ends.reduce((a, b) => (a < b ? a : b))) : null;
}

export function aboutRenewals(what: string, stamped: Stamped): string[] {
  const lines: string[] = [];
  const last = stamped.renewals.at(-1);
  if (last !== undefined) {
    const names = stamped.renewals.map(({ authority }) => shown(authority)).join(", ");
    lines.push(`${what}: its timestamps were renewed, last at ${formatTime(last.at)} (by ${names})`);
  }
  const lost = ({ authority, compromisedAt }: Stamp) =>
    `${what}: ${shown(authority)} is compromised since ${formatTime(compromisedAt ?? 0n)}`;
  for (const stamp of stamped.stamps) {
    if (stamp.compromisedAt === null) continue;
    lines.push(`${lost(stamp)}; a renewal before then upholds its timestamp`);
  }
  for (const stamp of stamped.fallen) {
    lines.push(`${lost(stamp)}, and nobody renewed its timestamp before: not counted`);
  }
  return lines;
}
