/** Step 16, disclosures: single holdings and scope names, shown with their proofs. */

import type { Bytes } from "./bundle.js";
import type { Decisions, Destruction, Plan, Tree } from "./predicates.js";
import { Refused } from "./refused.js";
import * as s from "./schema.js";
import { isObject, parseJson, type JsonObject } from "./strict_json.js";
import { decodeBase64, equal, fromUtf8, hex, joined, sha256, utf8 } from "./text.js";
import { leafHash, MAX_PATH, rootFromPath } from "./tree.js";

const MEDIA_TYPE = "application/vnd.shredder.disclosure+json;version=1";
const MAX_HOLDINGS = 1000;
const MAX_SCOPES = 10_000; // of two sweeps
const SALT_SIZE = 32;
const DOMAIN = "shredder sample v1\0";

export const LIMITS = { size: 64 * 2 ** 20, depth: 6, items: 300_000 };
// Names of files that are not UTF-8 stand in a record as lone surrogates.
const RECORD_LIMITS = { size: 2 ** 18, depth: 6, items: 5000, loneSurrogates: true };

const bytes = s.text("base64", 349_528);
const leaf = s.object({ record: bytes, salt: bytes, path: s.list(bytes, { most: MAX_PATH }) });
const holdingOpened = s.object({ index: s.count, inventory: leaf, results: leaf });
const scopeOpened = s.object({ commitment: s.digestText, salt: bytes, parts: bytes });
const disclosure = s.object({
  mediaType: s.text("media type", 100),
  result: s.digestText,
  seed: s.nullable(s.label),
  sample: s.range(0, MAX_HOLDINGS),
  holdings: s.list(holdingOpened, { most: MAX_HOLDINGS, once: (each) => `${each.index}` }),
  scopes: s.list(scopeOpened, { most: MAX_SCOPES, once: (each) => each.commitment }),
});

type Disclosure = s.Decoded<typeof disclosure>;
type Leaf = s.Decoded<typeof leaf>;

/** What the auditor asked for; null asks for nothing beyond what the file says itself. */
export interface Request {
  readonly seed: string | null;
  readonly sample: number | null;
}

/** A holding whose records were opened. All texts are the operator's, and not escaped. */
export interface HoldingShown {
  readonly index: number;
  readonly id: string;
  readonly store: string;
  readonly scope: string;
  readonly kind: string;
  readonly locator: string;
  readonly version: string;
  readonly verdict: string;
  readonly decision: string;
  readonly status: string;
  /** By the seed. */
  readonly demanded: boolean;
}

/** What a good disclosure shows. `asked`: the auditor's own seed was compared. */
export interface Disclosed {
  readonly asked: boolean;
  readonly sample: number;
  readonly holdings: readonly HoldingShown[];
  readonly scopes: readonly { readonly store: string; readonly scope: string }[];
}

/** Hold a disclosure against verified statements; `digest` is of the result's envelope. */
export async function checkDisclosure(
  data: Bytes,
  plan: Plan,
  result: Destruction,
  digest: string,
  request: Request,
): Promise<Disclosed> {
  try {
    const read = disclosure(parseJson(data, LIMITS, "disclosure"), "disclosure");
    must(read.mediaType === MEDIA_TYPE, `its mediaType is not ${MEDIA_TYPE}`);
    return await check(read, plan, result, digest, request);
  } catch (error) {
    if (error instanceof Refused) throw new Refused("E_DISCLOSURE", error.message);
    throw error;
  }
}

function must(right: boolean, otherwise: string): asserts right {
  if (!right) throw new Refused("E_DISCLOSURE", `disclosure: ${otherwise}`);
}

async function check(
  read: Disclosure,
  plan: Plan,
  result: Destruction,
  digest: string,
  { seed, sample }: Request,
): Promise<Disclosed> {
  must(read.result === digest, "it belongs to another attestation");
  must(seed === null || read.seed === seed, "it answers another seed than the auditor's");
  must(sample === null || read.sample >= sample, "it shows a smaller sample than was asked for");
  must(read.seed !== null || read.sample === 0, "a sample without a seed");
  const demanded =
    read.seed === null
      ? new Set<number>()
      : await sampleIndices(read.seed, plan.inventory, result.results, read.sample);
  const opened = new Set(read.holdings.map(({ index }) => index));
  must(
    [...demanded].every((index) => opened.has(index)),
    "a holding that the seed demands is not shown",
  );
  const holdings: HoldingShown[] = [];
  for (const each of read.holdings) {
    const before = await open(each.inventory, each.index, plan.inventory, "inventory");
    const after = await open(each.results, each.index, result.results, "results");
    holdings.push(holding(each.index, before, after, demanded.has(each.index)));
  }
  must(new Set(holdings.map(({ id }) => id)).size === holdings.length, "two holdings of one id");
  checkCounts(holdings, plan, result);
  const scopes = [];
  for (const each of read.scopes) scopes.push(await scope(each, plan, result));
  return { asked: seed !== null, sample: demanded.size, holdings, scopes };
}

/** The leaves that a seed demands: `count` of them, or all if there are fewer. */
async function sampleIndices(
  seed: string,
  inventory: Tree,
  results: Tree,
  count: number,
): Promise<Set<number>> {
  const { size } = inventory;
  if (count >= size) return new Set(Array.from({ length: size }, (_, n) => n));
  const encoded = utf8(seed);
  const length = bigEndian(encoded.length, 4);
  const prefix = joined(utf8(DOMAIN), length, encoded, root(inventory), root(results));
  const drawn = new Set<number>();
  for (let n = 0; drawn.size < count; n++) {
    const number = BigInt(`0x${hex(await sha256(joined(prefix, bigEndian(n, 8))))}`);
    drawn.add(Number(number % BigInt(size)));
  }
  return drawn;
}

function bigEndian(value: number, size: 4 | 8): Uint8Array {
  const out = new DataView(new ArrayBuffer(8));
  out.setBigUint64(0, BigInt(value));
  return new Uint8Array(out.buffer, 8 - size);
}

function root({ root: text }: Tree): Bytes {
  const pairs = text.slice("sha256:".length).match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

/** The record of a leaf, as an object, once it leads to the tree's root. */
async function open(of: Leaf, index: number, tree: Tree, name: string): Promise<JsonObject> {
  const record = decodeBase64(of.record, "disclosure");
  const salt = decodeBase64(of.salt, "disclosure");
  const path = of.path.map((each) => decodeBase64(each, "disclosure"));
  const hash = await leafHash(joined(salt, record));
  const found = await rootFromPath(hash, BigInt(index), BigInt(tree.size), path);
  const holds = salt.length === SALT_SIZE && found !== null && equal(found, root(tree));
  must(holds, `a record that is not in the ${name}`);
  const value = parseJson(record, RECORD_LIMITS, "disclosure: a record");
  must(isObject(value), "a record that is not an object");
  return value;
}

function holding(
  index: number,
  line: JsonObject,
  came: JsonObject,
  demanded: boolean,
): HoldingShown {
  const inside = line.get("holding");
  must(isObject(inside), "a record of the inventory without a holding");
  must(textOf(line, "id") === textOf(came, "id"), "the records of one holding are about two");
  must(
    textOf(inside, "store") === textOf(came, "store"),
    "the records of one holding name two stores",
  );
  return {
    index,
    id: textOf(line, "id"),
    store: textOf(inside, "store"),
    scope: textOf(inside, "scope"),
    kind: textOf(inside, "kind"),
    locator: textOf(inside, "locator"),
    version: textOf(inside, "version"),
    verdict: textOf(inside, "verdict"),
    decision: textOf(line, "decision"),
    status: textOf(came, "status"),
    demanded,
  };
}

function textOf(value: JsonObject, name: string): string {
  const found = value.get(name);
  must(typeof found === "string", `a record without ${name}`);
  return found;
}

/** Refuse more holdings of a sort than the statements count: their sums were made of others. */
function checkCounts(holdings: readonly HoldingShown[], plan: Plan, result: Destruction): void {
  const planned = decided(plan.undecided, plan.dismissed);
  for (const { store, kind, decision, holdings: many } of plan.targets) {
    planned.add([store, kind, decision], many);
  }
  const came = decided(result.undecided, result.dismissed);
  for (const { store, kind, status, holdings: many } of result.targets) {
    came.add([store, kind, status], many);
  }
  for (const { store, kind, verdict, decision, status } of holdings) {
    const left = decision === "undecided" || decision === "dismissed";
    must(!left || status === decision, "a holding's decision and what became of it differ");
    if (left && verdict !== "copy") {
      planned.add([verdict, decision], -1);
      came.add([verdict, decision], -1);
      continue;
    }
    const destroy = decision === "destroy";
    must(
      destroy || !/^(?:destroyed|pending)/.test(status),
      "a holding that was not to be destroyed is said to be",
    );
    planned.add([store, kind, destroy ? "destroy" : "retain"], -1);
    came.add([store, kind, left ? "retained" : status], -1);
  }
  must(
    !planned.isOverdrawn() && !came.isOverdrawn(),
    "more holdings of a sort than the statement counts",
  );
}

class Left {
  private readonly counts = new Map<string, bigint>();

  add(sort: readonly string[], many: number): void {
    const key = JSON.stringify(sort);
    this.counts.set(key, (this.counts.get(key) ?? 0n) + BigInt(many));
  }

  isOverdrawn(): boolean {
    return [...this.counts.values()].some((many) => many < 0n);
  }
}

function decided(undecided: Decisions, dismissed: Decisions): Left {
  const left = new Left();
  for (const [decision, counts] of Object.entries({ undecided, dismissed })) {
    left.add(["likely", decision], counts.likely);
    left.add(["maybe", decision], counts.maybe);
  }
  return left;
}

async function scope(
  opened: Disclosure["scopes"][number],
  plan: Plan,
  result: Destruction,
): Promise<{ store: string; scope: string }> {
  const salt = decodeBase64(opened.salt, "disclosure");
  const parts = decodeBase64(opened.parts, "disclosure");
  const names = twoParts(parts);
  const made = `sha256:${hex(await leafHash(joined(salt, parts)))}`;
  must(
    salt.length === SALT_SIZE && made === opened.commitment && names !== null,
    "a scope's name that its commitment does not hold",
  );
  const [store, name] = names;
  const scopes = [plan.sweep, result.sweep].flatMap((sweep) => sweep?.coverage ?? []);
  must(
    scopes.some((each) => each.store === store && each.scope === opened.commitment),
    "a scope that no sweep names",
  );
  return { store, scope: name };
}

/** Two names, each after its length in 4 bytes; null for anything else. */
function twoParts(bytes: Bytes): [string, string] | null {
  const names: string[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const size = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0);
    if (at + 4 + size > bytes.length) return null;
    names.push(fromUtf8(bytes.subarray(at + 4, at + 4 + size)));
    at += 4 + size;
  }
  const [store, name, ...more] = names;
  if (at !== bytes.length || store === undefined || name === undefined || more.length > 0) {
    return null;
  }
  return [store, name];
}
