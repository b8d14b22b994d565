/** Step 9: whether both envelopes are in a log that the policy names, under a witnessed head. */

import type { Bundle, Sealed } from "./bundle.js";
import { malformed, readNote, signersOf, standardBase64, type Note } from "./note.js";
import type { Trust, Witness } from "./policy.js";
import { logRefused } from "./refused.js";
import { equal, SECOND, sha256, shown, type Moment } from "./text.js";
import { leafHash, MAX_PATH, rootFromPath } from "./tree.js";

type Bytes = Uint8Array<ArrayBuffer>;

const HEADER = "c2sp.org/tlog-proof@v1";
const LARGEST = 2n ** 63n - 1n;

interface Proof {
  readonly index: bigint;
  readonly path: readonly Bytes[];
  readonly note: Note;
  readonly head: Head;
}

interface Head {
  readonly origin: string;
  readonly size: bigint;
  readonly root: Bytes;
}

interface Entry {
  readonly index: bigint;
  readonly head: Head;
  readonly witnesses: readonly Witness[];
}

export type LogVerdict = "not-asked" | "logged" | "witnessed" | "indeterminate" | "invalid";

/** A proof is read strictly even where the policy names no log. */
export async function checkLog(
  bundle: Bundle,
  trust: Trust,
  now: Moment,
): Promise<{ verdict: LogVerdict; findings: string[] }> {
  const plan = bundle.plan.log === null ? null : await readProof(bundle.plan.log);
  const result = bundle.result.log === null ? null : await readProof(bundle.result.log);
  if (trust.logs.length === 0) return { verdict: "not-asked", findings: ["log: not asked"] };
  const first = await check(bundle.plan, plan, trust, now, "plan");
  const last = await check(bundle.result, result, trust, now, "result");
  if (first.head.origin === last.head.origin) {
    if (first.index >= last.index) {
      throw logRefused("E_LOG_INCLUSION", "the plan was logged after the result");
    }
    if (first.head.size === last.head.size && !equal(first.head.root, last.head.root)) {
      throw logRefused("E_LOG_INCLUSION", "the log shows two histories of one length");
    }
  }
  const { quorum } = trust.policy.log;
  const independent = (entry: Entry) =>
    entry.witnesses.filter((each) => !each.entry.operatorRun).length;
  const witnessed = quorum > 0 && [first, last].every((entry) => independent(entry) >= quorum);
  const findings = [finding("plan", first), finding("result", last)];
  if (!witnessed) {
    findings.push("log: nobody but the operator vouches that all were shown the same log");
  }
  return { verdict: witnessed ? "witnessed" : "logged", findings };
}

async function check(
  sealed: Sealed,
  proof: Proof | null,
  trust: Trust,
  now: Moment,
  what: string,
): Promise<Entry> {
  if (proof === null) {
    throw logRefused(
      "E_LOG_INCLUSION",
      `${what}: the policy asks for a log, the bundle has no proof`,
    );
  }
  const { head } = proof;
  const log = trust.logs.find((each) => each.origin === head.origin);
  if (log === undefined) {
    throw logRefused("E_LOG_ORIGIN", `${what}: logged by a log that the policy does not name`);
  }
  const byKey = trust.witnesses.map(({ key }) => key);
  const signed = await signersOf(proof.note, [...log.keys, ...byKey]);
  if (!log.keys.some((key) => signed.has(key))) {
    throw logRefused("E_LOG_SIG", "a checkpoint that no key of its log signed");
  }
  const witnesses = [...signed.keys()].flatMap((by) =>
    trust.witnesses.filter(({ key }) => key === by),
  );
  if (witnesses.some(({ key }) => (signed.get(key) ?? 0n) * SECOND > now + trust.skew)) {
    throw logRefused("E_LOG_SIG", `${what}: a cosignature of the future`);
  }
  const entry = await sha256(sealed.envelope);
  const leaf = await leafHash(entry);
  const root = await rootFromPath(leaf, proof.index, head.size, proof.path);
  if (root === null || !equal(root, head.root)) {
    throw logRefused("E_LOG_INCLUSION", `${what}: the proof does not lead to the log's head`);
  }
  if (witnesses.length < trust.policy.log.quorum) {
    throw logRefused("E_LOG_QUORUM", `${what}: fewer witnesses than are asked for`);
  }
  return { index: proof.index, head, witnesses };
}

function finding(what: string, { index, head, witnesses }: Entry): string {
  const names = witnesses.map(({ entry }) => shown(entry.name)).join(", ") || "nobody";
  const where = `entry ${index} of ${head.size} in the log ${shown(head.origin)}`;
  return `${what}: ${where}, witnessed by ${names}`;
}

async function readProof(text: string): Promise<Proof> {
  const gap = text.indexOf("\n\n");
  const [header, index = "", ...path] = text.slice(0, Math.max(gap, 0)).split("\n");
  if (gap < 0 || header !== HEADER) throw malformed(`a log proof does not begin with ${HEADER}`);
  if (index !== "index" && !index.startsWith("index ")) {
    throw malformed("a log proof without the index in its second line");
  }
  if (path.length > MAX_PATH) throw malformed(`a log proof with more than ${MAX_PATH} hashes`);
  const note = readNote(text.slice(gap + 2));
  return {
    index: decimal(index.slice("index ".length), "a log proof's index"),
    path: path.map((line) => hash(line, "a log proof's hash")),
    note,
    head: await readHead(note.text),
  };
}

async function readHead(text: string): Promise<Head> {
  const lines = text.split("\n");
  if (lines.length < 4 || lines.pop() !== "" || lines.includes("")) {
    throw malformed("a checkpoint has three lines at the least, and none is empty");
  }
  const [origin = "", size = "", root = ""] = lines;
  const head = {
    origin,
    root: hash(root, "a checkpoint's root"),
    size: decimal(size, "a checkpoint's size"),
  };
  if (head.size === 0n && !equal(head.root, await sha256(new Uint8Array()))) {
    throw malformed("a checkpoint of nothing with a root of something");
  }
  return head;
}

function decimal(text: string, what: string): bigint {
  const value = /^(0|[1-9][0-9]{0,18})$/.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > LARGEST) throw malformed(`${what} is not a decimal number`);
  return value;
}

function hash(text: string, what: string): Bytes {
  const bytes = standardBase64(text, what);
  if (bytes.length !== 32) throw malformed(`${what} is not of 32 bytes`);
  return bytes;
}
