/** Signed notes: text with signature lines below it (C2SP signed-note, tlog-cosignature). */

import { ed25519, type PublicKey } from "./keys.js";
import { logRefused, Refused } from "./refused.js";
import { equal, fromBase64, hex, joined, length, sha256, utf8 } from "./text.js";

type Bytes = Uint8Array<ArrayBuffer>;

const MAX_NOTE = 131_072; // bytes
const MAX_SIGNATURES = 32;
const MAX_NAME = 200; // characters
const LATEST = 2n ** 63n - 1n;
const TYPES = { log: 0x01, witness: 0x04 } as const;
const VKEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/;

/** A key that signs notes. */
export interface VerifierKey {
  readonly name: string;
  readonly id: Bytes;
  readonly kind: keyof typeof TYPES;
  readonly key: PublicKey;
}

interface SignatureLine {
  readonly name: string;
  readonly id: Bytes;
  readonly body: Bytes;
}

/** A text, which ends in a line end, and its signatures. */
export interface Note {
  readonly text: string;
  readonly signatures: readonly SignatureLine[];
}

export function malformed(message: string): Refused {
  return logRefused("E_LOG_PARSE", message);
}

/** Read `name+id+key` of a kind: E_POLICY, E_WEAK_KEY. */
export async function verifierKey(text: string, kind: keyof typeof TYPES): Promise<VerifierKey> {
  const [, name = "", id = "", material = ""] = VKEY.exec(text) ?? [];
  const data = fromBase64(material);
  if (!isName(name) || data === null || data.length !== 33) {
    throw new Refused("E_POLICY", "policy: not a verifier key of the form name+id+key");
  }
  if (data[0] !== TYPES[kind] && !Object.values<number>(TYPES).includes(data[0] ?? 0)) {
    throw new Refused("E_POLICY", "policy: a verifier key of a type that is not supported");
  }
  const key = await ed25519(data.slice(1));
  const computed = (await sha256(joined(utf8(`${name}\n`), data))).slice(0, 4);
  if (hex(computed) !== id) {
    throw new Refused("E_POLICY", "policy: a verifier key whose ID is not that of name and key");
  }
  if (data[0] !== TYPES[kind]) {
    throw new Refused("E_POLICY", `policy: a verifier key that is not a ${kind}'s`);
  }
  return { name, id: computed, kind, key };
}

/** Whether a key may have this name: nothing but what prints, no white space, no plus sign. */
function isName(text: string): boolean {
  return text !== "" && length(text) <= MAX_NAME && !/[\p{C}\p{Z}+]/u.test(text);
}

export function standardBase64(text: string, what: string): Bytes {
  const bytes = /[-_]/.test(text) ? null : fromBase64(text);
  if (bytes === null) throw malformed(`${what}: not standard base64`);
  return bytes;
}

export function readNote(data: string): Note {
  if (utf8(data).length > MAX_NOTE) throw malformed(`a note of more than ${MAX_NOTE} bytes`);
  if (/[\u0000-\u0009\u000b-\u001f]/.test(data)) throw malformed("a note with control characters");
  // The last empty line parts text and signatures: a text may have empty lines, too.
  const gap = data.lastIndexOf("\n\n");
  const below = data.slice(gap + 2);
  if (gap < 0 || !below.endsWith("\n")) throw malformed("a note without signatures");
  const lines = below.slice(0, -1).split("\n");
  if (lines.length > MAX_SIGNATURES) {
    throw malformed(`a note with more than ${MAX_SIGNATURES} signatures`);
  }
  return { text: data.slice(0, gap + 1), signatures: lines.map(signatureLine) };
}

function signatureLine(line: string): SignatureLine {
  const [dash, name, text, ...more] = line.split(" ");
  if (dash !== "—" || !isName(name ?? "") || text === undefined || more.length > 0) {
    throw malformed("a note with a line that is no signature");
  }
  const data = standardBase64(text, "a signature line");
  if (data.length <= 4) throw malformed("a signature line without a signature");
  return { name: name ?? "", id: data.slice(0, 4), body: data.slice(4) };
}

/** Who of `keys` signed, each once, with the earliest of its times in seconds (a log's: 0). */
export async function signersOf(
  note: Note,
  keys: readonly VerifierKey[],
): Promise<Map<VerifierKey, bigint>> {
  const found = new Map<VerifierKey, bigint>();
  for (const line of note.signatures) {
    const key = keys.findLast((each) => each.name === line.name && equal(each.id, line.id));
    if (key === undefined) continue;
    const at = await check(key, note.text, line.body);
    const before = found.get(key);
    found.set(key, before !== undefined && before < at ? before : at);
  }
  return found;
}

async function check(key: VerifierKey, text: string, body: Bytes): Promise<bigint> {
  let at = 0n;
  let message = text;
  let signature = body;
  if (key.kind === "witness") {
    at = BigInt(`0x0${hex(body.subarray(0, 8))}`);
    if (at <= 0n || at > LATEST) {
      throw logRefused("E_LOG_SIG", "a cosignature of no possible time");
    }
    message = `cosignature/v1\ntime ${at}\n${text}`;
    signature = body.slice(8);
  }
  if (!(await key.key.verify(signature, utf8(message)))) {
    throw logRefused("E_LOG_SIG", "a signature said to be a known key's is not");
  }
  return at;
}
