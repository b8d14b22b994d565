/** The page: files in, one report out. Nothing leaves the browser. */

import { LIMITS as ANNEX } from "./annex.js";
import { LIMITS as BUNDLE, type Bytes } from "./bundle.js";
import { LIMITS as DISCLOSURE, type Request } from "./disclosure.js";
import { element } from "./dom.js";
import { byId, Zone, type Chosen } from "./inputs.js";
import { publicKey } from "./keys.js";
import { LIMITS as POLICY } from "./policy.js";
import { check } from "./procedure.js";
import type { Report } from "./report.js";
import { NOTHING, type Supplied } from "./supplied.js";
import { digest, parseTime, type Moment } from "./text.js";
import { spoken, view, type File } from "./view.js";

const zones = {
  bundle: new Zone("bundle", { most: BUNDLE.size }, changed),
  policy: new Zone("policy", { most: POLICY.size }, changed),
  others: new Zone("others", { most: BUNDLE.size, many: true }, changed),
  disclosure: new Zone("disclosure", { most: DISCLOSURE.size }, changed),
  annex: new Zone("annex", { most: ANNEX.size }, changed),
  validation: new Zone("validation", { most: BUNDLE.size }, changed),
};
const seed = byId("seed") as HTMLInputElement;
const sample = byId("sample") as HTMLInputElement;

function clock(): Moment {
  return BigInt(Date.now()) * 1000n;
}

let turn = 0;

/** Take the old verdict away, at once; a turn of its own keeps it from coming back. */
function clear(): number {
  turn += 1;
  byId("report").replaceChildren();
  byId("spoken").textContent = "";
  return turn;
}

function changed(): void {
  byId("request").hidden = zones.disclosure.files.length === 0;
  void judge();
}

async function judge(): Promise<void> {
  const mine = clear();
  const [bundle] = zones.bundle.files;
  const [policy] = zones.policy.files;
  const request = asked();
  const settled = Object.values(zones).every(({ isSettled }) => isSettled);
  if (bundle === undefined || policy === undefined || request === null || !settled) return;
  const place = byId("report");
  place.replaceChildren(element("p", "working", "Checking…"));
  const [disclosure] = zones.disclosure.files;
  const [annex] = zones.annex.files;
  const [validation] = zones.validation.files;
  const others = zones.others.files;
  const supplied: Supplied = {
    others: others.map(({ bytes }) => bytes),
    disclosure: disclosure?.bytes ?? null,
    request,
    annex: annex?.bytes ?? null,
    validation: validation?.bytes ?? null,
  };
  const now = clock();
  const verified = await check(bundle.bytes, policy.bytes, now, supplied);
  const all = [
    ["bundle", bundle],
    ["policy", policy],
    ...others.map((each) => ["another bundle", each] as const),
    ["disclosure", disclosure],
    ["annex", annex],
    ["validation", validation],
  ] as const;
  const files = await Promise.all(all.map(([what, file]) => named(what, file)));
  if (mine !== turn) return;
  const subject = { files: files.filter((each) => each !== null), now };
  place.replaceChildren(view(verified, subject));
  byId("spoken").textContent = spoken(verified.report);
}

async function named(what: string, file: Chosen | undefined): Promise<File | null> {
  if (file === undefined) return null;
  const { name, bytes, tooLong } = file;
  return { what, name, digest: tooLong ? "too long to be read" : await digest(bytes) };
}

/** What was asked of the disclosure; null while it is not a request. */
function asked(): Request | null {
  const sound = sample.validity.valid;
  byId("sample-wrong").hidden = sound;
  sample.setAttribute("aria-invalid", `${!sound}`);
  if (zones.disclosure.files.length === 0) return NOTHING.request;
  if (!sound) return null;
  return {
    seed: seed.value === "" ? null : seed.value,
    sample: sample.value === "" ? null : sample.valueAsNumber,
  };
}

for (const field of [seed, sample]) {
  field.addEventListener("input", clear);
  field.addEventListener("change", () => void judge());
}
// A file dropped beside the zones must not replace the page.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => event.preventDefault());
}

/** What scripts may supply beside the bundle: files in base64. */
interface Beside {
  readonly others?: readonly string[];
  readonly disclosure?: string;
  readonly seed?: string;
  readonly sample?: number;
  readonly annex?: string;
  readonly validation?: string;
}

function bytesOf(text: string): Bytes {
  return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
}

/** The same check for scripts: bytes in base64, the auditor's clock as RFC 3339. */
async function checkBase64(
  bundle: string,
  policy: string,
  now?: string,
  { others = [], disclosure, seed, sample, annex, validation }: Beside = {},
): Promise<Report> {
  const moment = now === undefined ? clock() : parseTime(now);
  if (moment === null) throw new TypeError("a time is written like 2026-10-01T12:00:00Z");
  const supplied: Supplied = {
    others: others.map(bytesOf),
    disclosure: disclosure === undefined ? null : bytesOf(disclosure),
    request: { seed: seed ?? null, sample: sample ?? null },
    annex: annex === undefined ? null : bytesOf(annex),
    validation: validation === undefined ? null : bytesOf(validation),
  };
  return (await check(bytesOf(bundle), bytesOf(policy), moment, supplied)).report;
}

/** Whether the key of a PEM made a signature, as step 6 asks; rejects for a key of step 5. */
async function hasSigned(pem: string, message: string, signature: string): Promise<boolean> {
  const key = await publicKey(pem);
  return key.verify(bytesOf(signature), bytesOf(message));
}

Object.assign(window, { shredderVerifier: Object.freeze({ check: checkBase64, hasSigned }) });
byId("needs-script").remove();
if (!globalThis.crypto?.subtle) {
  byId("no-crypto").hidden = false;
}
