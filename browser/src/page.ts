/** The page: two files in, one report out. Nothing leaves the browser. */

import { check } from "./procedure.js";
import type { Report } from "./report.js";
import { digest, parseTime, type Moment } from "./text.js";
import { view } from "./view.js";

type Bytes = Uint8Array<ArrayBuffer>;

interface Chosen {
  readonly name: string;
  readonly bytes: Bytes;
  readonly tooLong: boolean;
}

// One byte more than a bundle may have: enough to be refused for it, and no more is read.
const MOST = 16 * 2 ** 20 + 1;

const chosen: { bundle: Chosen | null; policy: Chosen | null } = { bundle: null, policy: null };

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

function clock(): Moment {
  return BigInt(Date.now()) * 1000n;
}

let turn = 0;

async function judge(): Promise<void> {
  const { bundle, policy } = chosen;
  const place = byId("report");
  turn += 1;
  const mine = turn;
  place.replaceChildren();
  if (bundle === null || policy === null) return;
  const now = clock();
  const verified = await check(bundle.bytes, policy.bytes, now);
  const name = async ({ name, bytes, tooLong }: Chosen) => ({
    name,
    digest: tooLong ? "too long to be read" : await digest(bytes),
  });
  const subject = { bundle: await name(bundle), policy: await name(policy), now };
  // A file that was chosen meanwhile has a turn of its own: no old verdict beside a new name.
  if (mine === turn) place.replaceChildren(view(verified, subject));
}

async function choose(which: "bundle" | "policy", file: File): Promise<void> {
  turn += 1;
  chosen[which] = null;
  byId("report").replaceChildren();
  const told = byId(`${which}-name`);
  try {
    const bytes = new Uint8Array(await file.slice(0, MOST).arrayBuffer());
    chosen[which] = { name: file.name, bytes, tooLong: file.size >= MOST };
    told.textContent = file.name;
  } catch {
    told.textContent = "cannot be read";
  }
  await judge();
}

function connect(which: "bundle" | "policy"): void {
  const input = byId(`${which}-file`) as HTMLInputElement;
  const zone = byId(`${which}-zone`);
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) void choose(which, file);
  });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file) void choose(which, file);
  });
}

connect("bundle");
connect("policy");
// A file dropped beside the zones must not replace the page.
for (const kind of ["dragover", "drop"]) {
  window.addEventListener(kind, (event) => event.preventDefault());
}

/** The same check for scripts: bytes in base64, the auditor's clock as RFC 3339. */
async function checkBase64(bundle: string, policy: string, now?: string): Promise<Report> {
  const bytes = (text: string) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const moment = now === undefined ? clock() : parseTime(now);
  if (moment === null) throw new TypeError("a time is written like 2026-10-01T12:00:00Z");
  return (await check(bytes(bundle), bytes(policy), moment)).report;
}

Object.assign(window, { shredderVerifier: Object.freeze({ check: checkBase64 }) });
byId("needs-script").remove();
if (!globalThis.crypto?.subtle) {
  byId("no-crypto").hidden = false;
}
