import { Refused } from "./refused.js";

/** A moment in microseconds since the Epoch: what Number cannot count exactly up to the year 9999. */
export type Moment = bigint;

export const SECOND = 1_000_000n;

const TIME = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{6}))?Z$/;
const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

// General categories that may move the cursor, hide or reorder text.
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** The number of characters, not of UTF-16 units. */
export function length(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, n) => byte === b[n]);
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

/** `sha256:` and 64 lower-case hexadecimal digits. */
export async function digest(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha256:${hex(await sha256(data))}`;
}

/** UTF-8, in which each byte that is part of no character stands as U+DC80 to U+DCFF (PEP 383). */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const character = characterAt(bytes, at);
      text += character ?? String.fromCharCode(0xdc00 + (bytes[at] ?? 0));
      at += character === null ? 1 : utf8(character).length;
    }
    return text;
  }
}

function characterAt(bytes: Uint8Array, at: number): string | null {
  const first = bytes[at] ?? 0;
  const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes.subarray(at, at + size));
  } catch {
    return null;
  }
}

/** Canonical base64 of RFC 4648, section 4 or 5; null for anything else. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  const urlSafe = URL_SAFE.test(text);
  if (text.length % 4 !== 0 || !(urlSafe || STANDARD.test(text))) return null;
  const plain = urlSafe ? text.replaceAll("-", "+").replaceAll("_", "/") : text;
  let binary: string;
  try {
    binary = atob(plain);
  } catch {
    return null;
  }
  // Unused bits that are not zero would give two texts of one meaning: atob lets them pass.
  const tail = plain.slice(-4);
  if (tail.endsWith("=") && btoa(atob(tail)) !== tail) return null;
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < binary.length; n++) bytes[n] = binary.charCodeAt(n);
  return bytes;
}

export function decodeBase64(text: string, what: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64(text);
  if (bytes === null) throw new Refused("E_BASE64", `${what}: not canonical base64`);
  return bytes;
}

/** A moment of the calendar; null if there is none such. `micros` are below a second. */
export function moment(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  micros = 0,
): Moment | null {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const same =
    year >= 1 &&
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return same ? BigInt(date.getTime()) * 1000n + BigInt(micros) : null;
}

/** Read `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`; null for anything else. */
export function parseTime(text: string): Moment | null {
  const match = TIME.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number, number, number, number, number, number,
  ];
  return moment(year, month, day, hour, minute, second, Number(match[7] ?? 0));
}

export function formatTime(at: Moment): string {
  const micros = ((at % SECOND) + SECOND) % SECOND;
  const whole = new Date(Number((at - micros) / 1000n)).toISOString().slice(0, 19);
  return micros ? `${whole}.${micros.toString().padStart(6, "0")}Z` : `${whole}Z`;
}

/** One line of text in which nothing steers, hides or reorders. */
export function shown(text: string, limit = 200): string {
  const characters = Array.from(text);
  const cut = characters.length <= limit ? text : `${characters.slice(0, limit).join("")}…`;
  return cut.replace(UNSHOWABLE, (character) => {
    const short = SHORT[character];
    if (short !== undefined) return short;
    const code = character.codePointAt(0) ?? 0;
    const digits = code.toString(16);
    if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
  });
}
