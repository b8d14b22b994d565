import { Refused } from "./refused.js";

/** Objects are Maps: a key named `__proto__` is a key like any other. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = Map<string, Json>;

/** What a document may have at the most. `size` in bytes; `items` counts all values. */
export interface Limits {
  readonly size: number;
  readonly depth: number;
  readonly items: number;
  /** Lets lone surrogates pass: names that are not UTF-8 are written with them. */
  readonly loneSurrogates?: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Parse strictly: the limits first, then UTF-8, then JSON without its traps. */
export function parseJson(data: Uint8Array, limits: Limits, what: string): Json {
  checkLimits(data, limits, what);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new Refused("E_JSON", `${what}: not UTF-8`);
  }
  return new Parser(text, what, limits.loneSurrogates ?? false).document();
}

/** Count brackets and commas outside of strings, so that no parser runs on what is too much. */
function checkLimits(data: Uint8Array, limits: Limits, what: string): void {
  if (data.length > limits.size) {
    throw new Refused("E_LIMIT", `${what}: more than ${limits.size} bytes`);
  }
  let quotes = 0;
  let items = 0;
  let depth = 0;
  let deepest = 0;
  let inside = false;
  for (let n = 0; n < data.length; n++) {
    const byte = data[n];
    if (byte === BACKSLASH) {
      const next = data[n + 1];
      if (next === QUOTE) quotes += 1;
      if (next === QUOTE || next === BACKSLASH) n += 1;
    } else if (byte === QUOTE) {
      quotes += 1;
      inside = !inside;
    } else if (!inside) {
      if (byte === 0x5b || byte === 0x7b) {
        items += 1;
        depth += 1;
        deepest = Math.max(deepest, depth);
      } else if (byte === 0x5d || byte === 0x7d) {
        depth -= 1;
      } else if (byte === 0x2c || byte === 0x3a) {
        items += 1;
      }
    }
  }
  if (quotes > 4 * limits.items) throw new Refused("E_LIMIT", `${what}: too many strings`);
  if (items > limits.items) {
    throw new Refused("E_LIMIT", `${what}: more than ${limits.items} values`);
  }
  if (deepest > limits.depth) {
    throw new Refused("E_LIMIT", `${what}: nested deeper than ${limits.depth}`);
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPED: Readonly<Record<string, string>> = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};
const LONE = /\p{Cs}/u;

/** RFC 8259 by recursive descent; the depth is bounded by the limits. */
class Parser {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly what: string,
    private readonly loneSurrogates: boolean,
  ) {}

  document(): Json {
    const value = this.value();
    if (this.at !== this.text.length) this.fail("not JSON");
    return value;
  }

  private fail(why: string): never {
    throw new Refused("E_JSON", `${this.what}: ${why}`);
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private take(expected: string): boolean {
    if (!this.text.startsWith(expected, this.at)) return false;
    this.at += expected.length;
    return true;
  }

  /** Read a value and the white space around it. */
  private value(): Json {
    this.match(SPACE);
    const value = this.bare();
    this.match(SPACE);
    return value;
  }

  private bare(): Json {
    if (this.take("{")) return this.object();
    if (this.take("[")) return this.array();
    if (this.take('"')) return this.string();
    if (this.take("true")) return true;
    if (this.take("false")) return false;
    if (this.take("null")) return null;
    return this.number();
  }

  private number(): number {
    const digits = this.match(NUMBER);
    if (digits === "") this.fail("not JSON");
    if (/[.eE]/.test(this.text[this.at] ?? "")) this.fail("a number that is not an integer");
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) this.fail("an integer of 2**53 or more");
    return value === 0 ? 0 : value;
  }

  private array(): Json[] {
    const made: Json[] = [];
    this.match(SPACE);
    if (this.take("]")) return made;
    do made.push(this.value());
    while (this.take(","));
    if (!this.take("]")) this.fail("not JSON");
    return made;
  }

  private object(): JsonObject {
    const made: JsonObject = new Map();
    this.match(SPACE);
    if (this.take("}")) return made;
    do {
      this.match(SPACE);
      if (!this.take('"')) this.fail("not JSON");
      const key = this.string();
      this.match(SPACE);
      if (!this.take(":")) this.fail("not JSON");
      if (made.has(key)) this.fail("a duplicate key");
      made.set(key, this.value());
    } while (this.take(","));
    if (!this.take("}")) this.fail("not JSON");
    return made;
  }

  private string(): string {
    const parts: string[] = [];
    for (;;) {
      parts.push(this.match(PLAIN));
      if (this.take('"')) break;
      if (!this.take("\\")) this.fail("not JSON");
      const escape = this.text[this.at++] ?? "";
      const simple = Object.hasOwn(ESCAPED, escape) ? ESCAPED[escape] : undefined;
      if (simple !== undefined) {
        parts.push(simple);
      } else {
        const digits = this.text.slice(this.at, this.at + 4);
        if (escape !== "u" || !/^[0-9A-Fa-f]{4}$/.test(digits)) this.fail("not JSON");
        parts.push(String.fromCharCode(Number.parseInt(digits, 16)));
        this.at += 4;
      }
    }
    const whole = parts.join("");
    if (!this.loneSurrogates && LONE.test(whole)) this.fail("a lone surrogate");
    return whole;
  }
}

/** Whether a value is an object of exactly these fields. */
export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

export function hasExactly(value: JsonObject, keys: readonly string[]): boolean {
  return value.size === keys.length && keys.every((key) => value.has(key));
}
