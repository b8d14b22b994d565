/** What an auditor learns of a bundle. Authenticity, time, log and outcome are apart. */

import type { Names } from "./annex.js";
import type { Disclosed } from "./disclosure.js";
import type { LogVerdict } from "./log.js";
import type { Destruction, Outcome, Plan } from "./predicates.js";

/** Stands among the codes where this page cannot tell; no verdict code of the specification. */
export const NOT_CHECKED = "NOT_CHECKED_HERE";

export interface SignedBy {
  readonly name: string;
  readonly role: string;
  readonly keyid: string;
  readonly operatorRun: boolean;
  readonly signed: readonly string[];
}

/** What a validation says that was accepted; its time is null where none is proven. */
export interface Validated {
  readonly decision: "accepted" | "rejected";
  readonly by: readonly string[];
  readonly role: string;
  readonly reference: string;
  readonly operatorRun: boolean;
  readonly noLaterThan: string | null;
}

/** A validation that is refused leaves the bundle as it is. */
export type Validation =
  | ({ readonly authentic: "valid" } & Validated)
  | {
      readonly authentic: "invalid" | "not-checked";
      readonly code: string;
      readonly finding: string;
    };

export interface Report {
  /** `not-checked` if the page lacks what it takes to tell: never to be read as valid. */
  readonly authentic: "valid" | "invalid" | "not-checked";
  readonly time: "valid" | "indeterminate" | "invalid";
  readonly log: LogVerdict;
  readonly outcome: Outcome | null;
  readonly obstacles: readonly string[];
  readonly codes: readonly string[];
  readonly noLaterThan: string | null;
  /** When the first certificate behind the newest timestamps ends. */
  readonly renewBefore: string | null;
  readonly planBeforeStart: boolean;
  readonly signers: readonly SignedBy[];
  readonly findings: readonly string[];
  /** Null without a disclosure. */
  readonly disclosed: Disclosed | null;
  /** Null without an annex. */
  readonly names: Names | null;
  /** Null without a validation, and where the bundle it is of is not authentic. */
  readonly validation: Validation | null;
}

/** The report, and what it is about: all null unless authentic. */
export interface Verified {
  readonly report: Report;
  readonly plan: Plan | null;
  readonly result: Destruction | null;
  readonly digests: { readonly plan: string; readonly result: string } | null;
}
