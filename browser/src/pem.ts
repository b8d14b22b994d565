import { fromBase64 } from "./text.js";

const BLOCK =
  /(?<!-)-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n([A-Za-z0-9+/= \t-\r]*?)-----END \1-----(?!-)/g;

/** The blocks of this label (RFC 7468), none if one is spoilt; text around explains, and means nothing. */
export function decodePem(text: string, label: string): Uint8Array<ArrayBuffer>[] {
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (const [, kind, body] of text.matchAll(BLOCK)) {
    const bytes = fromBase64((body ?? "").replace(/[ \t-\r]/g, ""));
    if (kind !== label || bytes === null) return [];
    found.push(bytes);
  }
  // Hyphens that belong to no block are no text around one: what is spoilt is not passed over.
  return text.split("-----").length - 1 === 4 * found.length ? found : [];
}
