import type { Bytes } from "./bundle.js";
import type { Request } from "./disclosure.js";

/** What an auditor holds beside the bundle; `request` is what was asked of the disclosure. */
export interface Supplied {
  readonly others: readonly Bytes[];
  readonly disclosure: Bytes | null;
  readonly request: Request;
  readonly annex: Bytes | null;
  readonly validation: Bytes | null;
}

export const NOTHING: Supplied = {
  others: [],
  disclosure: null,
  request: { seed: null, sample: null },
  annex: null,
  validation: null,
};
