/** Merkle trees (RFC 6962, 2.1; RFC 9162, 2.1): the log's, and those that statements commit to. */

import type { Bytes } from "./bundle.js";
import { joined, sha256 } from "./text.js";

export const MAX_PATH = 64;

export function leafHash(data: Bytes): Promise<Bytes> {
  return sha256(joined(new Uint8Array([0]), data));
}

function nodeHash(left: Bytes, right: Bytes): Promise<Bytes> {
  return sha256(joined(new Uint8Array([1]), left, right));
}

/** The root that a path leads to (RFC 9162, 2.1.3.2); null if it cannot be one. */
export async function rootFromPath(
  leaf: Bytes,
  index: bigint,
  size: bigint,
  path: readonly Bytes[],
): Promise<Bytes | null> {
  if (index >= size || path.length > MAX_PATH) return null;
  if (path.some((each) => each.length !== 32)) return null;
  let first = index;
  let second = size - 1n;
  let root = leaf;
  for (const sibling of path) {
    if (second === 0n) return null;
    if (first & 1n || first === second) {
      root = await nodeHash(sibling, root);
      while (!(first & 1n) && first !== 0n) {
        first >>= 1n;
        second >>= 1n;
      }
    } else {
      root = await nodeHash(root, sibling);
    }
    first >>= 1n;
    second >>= 1n;
  }
  return second === 0n ? root : null;
}
