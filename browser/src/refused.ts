/** What a refusal is about: it decides which of the verdicts becomes `invalid`. */
export type About = "form" | "time" | "log";

/** Something shown is wrong. `code` is a verdict code of the specification. */
export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly about: About = "form",
  ) {
    super(message);
  }
}

/** The same refusal, said about one of several things. */
export function refusedOf(where: string, error: Refused): Refused {
  return new Refused(error.code, `${where}: ${error.message}`, error.about);
}

/** A timestamp by none of the authorities that the policy names. */
export class UnknownAuthority extends Refused {
  constructor(message: string) {
    super("E_TS_CHAIN", message, "time");
  }
}

/** This page cannot check it: neither right nor wrong, and never to be read as right. */
export class NotChecked extends Error {}

export function timeRefused(code: string, message: string): Refused {
  return new Refused(code, message, "time");
}

export function logRefused(code: string, message: string): Refused {
  return new Refused(code, message, "log");
}
