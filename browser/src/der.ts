/** A reader for DER (X.690, 10) that refuses what DER refuses. */

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OID = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;

const UTF8_STRING = 0x0c;
const UNIVERSAL_STRING = 0x1c;
const BMP_STRING = 0x1e;
const CONSTRUCTED = 0x20;
const DEEPEST = 40;

export class NotDer extends Error {}

type Bytes = Uint8Array<ArrayBuffer>;

/** One value: its tag byte, its content, and all of its bytes. */
export class Node {
  constructor(
    readonly tag: number,
    readonly content: Bytes,
    readonly raw: Bytes,
  ) {}

  children(): Node[] {
    const found: Node[] = [];
    let rest = this.content;
    while (rest.length > 0) {
      const node = take(rest);
      found.push(node);
      rest = rest.subarray(node.raw.length);
    }
    return found;
  }

  expect(tag: number): Node {
    if (this.tag !== tag) throw new NotDer("another tag is expected");
    return this;
  }

  /** The only child. */
  only(): Node {
    const [node, ...more] = this.children();
    if (node === undefined || more.length > 0) throw new NotDer("exactly one value is expected");
    return node;
  }

  get oid(): string {
    this.expect(OID);
    const arcs: bigint[] = [];
    let value = 0n;
    for (const byte of this.content) {
      value = (value << 7n) | BigInt(byte & 0x7f);
      if (!(byte & 0x80)) {
        arcs.push(value);
        value = 0n;
      }
    }
    const [head, ...rest] = arcs;
    if (head === undefined || (this.content[this.content.length - 1] ?? 0) & 0x80) {
      throw new NotDer("an object identifier cut short");
    }
    const top = head < 80n ? head / 40n : 2n;
    return [top, head - 40n * top, ...rest].join(".");
  }

  get integer(): bigint {
    return signed(this.expect(INTEGER).content);
  }
}

/** A two's complement number (X.690, 8.3). */
export function signed(content: Uint8Array): bigint {
  let value = 0n;
  for (const byte of content) value = (value << 8n) | BigInt(byte);
  const negative = ((content[0] ?? 0) & 0x80) !== 0;
  return negative ? value - (1n << BigInt(8 * content.length)) : value;
}

/** Hands out the children of a node in order. */
export class Cursor {
  private readonly nodes: Node[];
  private at = 0;

  constructor(node: Node) {
    this.nodes = node.children();
  }

  next(tag: number): Node {
    const node = this.nodes[this.at++];
    if (node === undefined) throw new NotDer("a value is missing");
    return node.expect(tag);
  }

  optional(tag: number): Node | null {
    return this.nodes[this.at]?.tag === tag ? this.next(tag) : null;
  }

  end(): void {
    if (this.at !== this.nodes.length) throw new NotDer("a value too many");
  }
}

/** Read one value that fills all of `data`, and check all within it. */
export function parseDer(data: Bytes): Node {
  const node = take(data);
  if (node.raw.length !== data.length) throw new NotDer("bytes after the end");
  check(node, 0);
  return node;
}

function check(node: Node, depth: number): void {
  if (depth > DEEPEST) throw new NotDer("nested too deep");
  if (node.tag & CONSTRUCTED) for (const child of node.children()) check(child, depth + 1);
  const [first, second] = node.content;
  if (node.tag === INTEGER) {
    const spare = (first === 0 && (second ?? 0) < 0x80) || (first === 0xff && (second ?? 0) >= 0x80);
    if (first === undefined || (second !== undefined && spare)) throw new NotDer("not an integer");
  }
  if (node.tag === BOOLEAN && (node.content.length !== 1 || (first !== 0 && first !== 0xff))) {
    throw new NotDer("not a boolean");
  }
  if (node.tag === NULL && node.content.length > 0) throw new NotDer("not a null");
  if (node.tag === BIT_STRING) checkBits(node.content);
  if (!isText(node)) throw new NotDer("not text");
}

/** X.690, 11.2: the unused bits at the end are zero; their number comes first. */
function checkBits(content: Bytes): void {
  const [unused] = content;
  const last = content.length > 1 ? (content.at(-1) ?? 0) : 0;
  const most = content.length > 1 ? 7 : 0;
  if (unused === undefined || unused > most || last & ((1 << unused) - 1)) {
    throw new NotDer("not a string of bits");
  }
}

/** Whether a string is one of its kind; of kinds that are checked nowhere, true. */
function isText({ tag, content }: Node): boolean {
  if (tag === UNIVERSAL_STRING) {
    if (content.length % 4 > 0) return false;
    const view = new DataView(content.buffer, content.byteOffset, content.length);
    for (let at = 0; at < content.length; at += 4) {
      const code = view.getUint32(at);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    }
    return true;
  }
  const encoding = tag === UTF8_STRING ? "utf-8" : tag === BMP_STRING ? "utf-16be" : null;
  if (encoding === null) return true;
  try {
    new TextDecoder(encoding, { fatal: true }).decode(content);
    return true;
  } catch {
    return false;
  }
}

function take(data: Bytes): Node {
  const tag = data[0];
  const head = data[1];
  if (tag === undefined || head === undefined || (tag & 0x1f) === 0x1f) {
    throw new NotDer("not a value, or a tag of many bytes");
  }
  if (head === 0x80 || head > 0x84) throw new NotDer("an indefinite or enormous length");
  let size = head;
  let start = 2;
  if (head > 0x80) {
    size = 0;
    start = 2 + head - 0x80;
    for (const byte of data.subarray(2, start)) size = size * 256 + byte;
    if (size < 0x80 || data[2] === 0 || data.length < start) {
      throw new NotDer("a length that is not the shortest");
    }
  }
  if (start + size > data.length) throw new NotDer("a value cut short");
  return new Node(tag, data.subarray(start, start + size), data.subarray(0, start + size));
}
