import { fromBase64 } from "./text.js";

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,64})-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*?)-----END \1-----/g;

/** The blocks of this label in a text (RFC 7468); text around them explains, and means nothing. */
export function decodePem(text: string, label: string): Uint8Array<ArrayBuffer>[] {
  const found: Uint8Array<ArrayBuffer>[] = [];
  for (const [, kind, body] of text.matchAll(BLOCK)) {
    const bytes = fromBase64((body ?? "").replace(/\s/g, ""));
    if (kind !== label || bytes === null) return [];
    found.push(bytes);
  }
  return found;
}
