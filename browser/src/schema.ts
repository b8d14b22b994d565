import { Refused } from "./refused.js";
import { isObject, type Json } from "./strict_json.js";
import { length, parseTime, shown, type Moment } from "./text.js";

/** Reads one value, or refuses: E_SCHEMA, E_UNKNOWN_FIELD. */
export type Decoder<T> = (value: Json, where: string) => T;
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

const BIGGEST = Number.MAX_SAFE_INTEGER;

function wrong(where: string, wanted: string): Refused {
  return new Refused("E_SCHEMA", `${where}: not ${wanted}`);
}

export function text(name: string, longest: number, pattern?: RegExp): Decoder<string> {
  return (value, where) => {
    if (typeof value !== "string") throw wrong(where, "text");
    const size = length(value);
    if (size < 1 || size > longest || (pattern && !pattern.test(value))) {
      throw wrong(where, `a ${name} of 1 to ${longest} characters`);
    }
    return value;
  };
}

export function range(low: number, high: number): Decoder<number> {
  return (value, where) => {
    if (typeof value !== "number") throw wrong(where, "a whole number");
    if (value < low || value > high) throw wrong(where, `a number of ${low} to ${high}`);
    return value;
  };
}

export function oneOf<const T extends string>(...members: T[]): Decoder<T> {
  return (value, where) => {
    const found = members.find((member) => member === value);
    if (found === undefined) throw wrong(where, `one of ${members.join(", ")}`);
    return found;
  };
}

export function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  return (value, where) => (value === null ? null : inner(value, where));
}

export interface Many<T> {
  readonly most: number;
  readonly least?: number;
  /** What must not occur twice: of an item, the text that stands for it. */
  readonly once?: (item: T) => string;
}

export function list<T>(inner: Decoder<T>, rule: Many<T>): Decoder<readonly T[]> {
  const least = rule.least ?? 0;
  return (value, where) => {
    if (!Array.isArray(value)) throw wrong(where, "a list");
    if (value.length < least || value.length > rule.most) {
      throw wrong(where, `a list of ${least} to ${rule.most}`);
    }
    const made = value.map((each, n) => inner(each, `${where}[${n}]`));
    if (rule.once && new Set(made.map(rule.once)).size !== made.length) {
      throw wrong(where, "a list without duplicates");
    }
    return made;
  };
}

type Shape = Readonly<Record<string, Decoder<unknown>>>;

/** An object of exactly these fields. */
export function object<S extends Shape>(
  shape: S,
): Decoder<{ readonly [K in keyof S]: Decoded<S[K]> }> {
  const fields = Object.entries(shape);
  return (value, where) => {
    if (!isObject(value)) throw wrong(where, "an object");
    for (const key of value.keys()) {
      if (!Object.hasOwn(shape, key)) {
        throw new Refused("E_UNKNOWN_FIELD", `${where}: the field '${shown(key, 40)}' is not known`);
      }
    }
    const made: Record<string, unknown> = {};
    for (const [key, decoder] of fields) {
      const each = value.get(key);
      if (each === undefined) throw wrong(where, `complete: ${key} is missing`);
      made[key] = decoder(each, `${where}.${key}`);
    }
    return made as { readonly [K in keyof S]: Decoded<S[K]> };
  };
}

/** A text that two decoded values share exactly if they are equal. */
export function same(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "bigint" ? `time ${each}` : each,
  );
}

export const boolean: Decoder<boolean> = (value, where) => {
  if (typeof value !== "boolean") throw wrong(where, "true or false");
  return value;
};

export const time: Decoder<Moment> = (value, where) => {
  const at = typeof value === "string" ? parseTime(value) : null;
  if (at === null) throw wrong(where, "a time in UTC like 2026-10-01T12:00:00Z");
  return at;
};

export const label = text("label", 200);
export const code = text("code", 64, /^[a-z0-9]+(-[a-z0-9]+)*$/);
export const identifier = text("identifier", 64, /^[0-9A-Za-z][0-9A-Za-z._-]*$/);
export const digestText = text("digest", 71, /^sha256:[0-9a-f]{64}$/);
export const count = range(0, BIGGEST);

