"""What codes mean, in words.

The codes of backends are explained in docs/codes.md and docs/limits.md; the links in ``meanings``
bring those files along, so that there is one text. A code that nobody explains is shown as it is.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

from attestations import Finding, Method, Obstacle, Outcome, Status, Told, UnitStatus

_ROW = re.compile(r"^\| `(?P<code>[^`]+)` \| (?P<meaning>.+) \|$", re.MULTILINE)

OUTCOMES: Final = {
    Outcome.COMPLETE: "Every holding that was found is destroyed, and was looked for in vain "
    "afterwards. Everything that the stores list was examined again, and no copy was found.",
    Outcome.PARTIAL: "Part of what had to go may still be there. The reasons are below.",
    Outcome.PENDING: "A provider's waiting period runs. Until it ends, the data is still there.",
    Outcome.FAILED: "Something was to be destroyed, and nothing was.",
}

STATUSES: Final = {
    Status.DESTROYED_VERIFIED: "destroyed, and found absent afterwards",
    Status.DESTROYED_UNVERIFIED: "destroyed; whether anything is left could not be told",
    Status.PENDING: "a provider's waiting period runs",
    Status.RETAINED: "left in place by a hold, a lock or a decision",
    Status.FAILED: "left alone, left half-way, or found again afterwards",
}

METHODS: Final = {
    Method.LOGICAL_DELETE: "The store does not show the data any more. "
    "No method of NIST SP 800-88 is claimed.",
    Method.CLEAR: "Clear, of NIST SP 800-88: by logical techniques, in all that users can address.",
    Method.PURGE: "Purge, of NIST SP 800-88: recovery is infeasible in a laboratory, too.",
}

FINDINGS: Final = {
    Finding.ABSENT: "nothing was found",
    Finding.RESIDUE: "something was found",
    Finding.INCONCLUSIVE: "could not be told",
    Finding.NOT_LOOKED: "nobody looked",
}

COVERED: Final = {
    UnitStatus.EXAMINED: "examined",
    UnitStatus.FAILED: "examined in part",
    UnitStatus.UNREACHABLE: "unreachable in part",
    UnitStatus.EXCLUDED: "excluded in part",
}

TOLD: Final = {
    Told.TOLD: "told, and has not answered",
    Told.ANSWERED: "told, and has answered",
    Told.NOT_TOLD: "not told",
}

OBSTACLES: Final = {
    Obstacle.NO_RECORDS_ENROLLED: "The dataset had no records to recognise anything by.",
    Obstacle.RECORDS_UNRECOGNISABLE: "Some records cannot be recognised by their values.",
    Obstacle.NOTHING_EXAMINED_BEFORE: "Nothing was examined before the destruction.",
    Obstacle.NOT_SWEPT_AFTER: "Nothing was examined after the destruction.",
    Obstacle.NOTHING_EXAMINED_AFTER: "The examination after the destruction had nothing in it.",
    Obstacle.UNITS_FAILED_AFTER: "Afterwards, something could not be examined, for a fault.",
    Obstacle.UNITS_UNREACHABLE_AFTER: "Afterwards, something could not be reached.",
    Obstacle.UNITS_EXCLUDED_AFTER: "Afterwards, something was left out of the examination.",
    Obstacle.SCOPES_MISSING_AFTER: "A part of a store was examined before, and not afterwards.",
    Obstacle.FOUND_AFTER: "Afterwards, holdings of the dataset were found.",
    Obstacle.UNDECIDED: "Holdings that look like copies wait for a decision.",
    Obstacle.DESTROYED_UNVERIFIED: "Of holdings that were destroyed, absence could not be shown.",
    Obstacle.PENDING: "For some holdings, a provider's waiting period runs.",
    Obstacle.RETAINED: "Some holdings were left in place by a hold, a lock or a decision.",
    Obstacle.FAILED: "Some holdings could not be destroyed.",
}

TECHNIQUES: Final = {
    "overwrite": "overwritten in place, then unlinked",
    "rewrite-without-records": "replaced by itself without the records",
    "delete-version": "deleted as a version",
    "abort-upload": "aborted as an upload",
    "truncate": "emptied of all rows",
    "delete-rows": "deleted row by row",
    "refresh-view": "computed anew",
    "unlink-large-object": "unlinked as a large object",
    "remove-comments": "removed as comments that quoted records",
    "drop-definitions": "dropped as definitions that held records",
    "forget": "removed from memory",
    "cryptographic-erase": "made unreadable by destroying its keys",
    "recycle-wal": "moved on until nothing old was left in it",
    "rewrite-catalogue": "written anew without dead rows",
    "remove-log": "removed from a server's log, or with it",
    "reset-statistics": "forgotten by the server",
    "compact": "written anew without what was deleted",
    "scrub-free-space": "written over where it was free",
}

# Codes of the run itself: docs/codes.md has those of the backends.
RUN: Final = {
    "absent-before-destruction": "somebody else had taken it away after the plan",
    "backend-defect": "the store's backend answered with what is no answer",
    "fingerprint-kept": "the keyed digests by which records were recognised are kept, so that the "
    "stores can be looked at again",
    "interrupted-then-held": "a destruction broke off, and is now held back",
    "looked-nowhere": "absence was reported without a place that was looked at",
    "more-than-can-be-told": "there are more codes than a statement holds",
    "not-answered": "the store's backend gave no answer",
    "pending-not-known": "what the replaced attestation left pending could not be looked for by "
    "itself, for its manifest was destroyed",
    "not-verified": "what is left was not looked for",
    "purge-not-shown": "purge was reported without the conditions that earn it, and is not claimed",
    "residue": "the examination afterwards found it again",
    "store-not-configured": "the store is not in the configuration any more",
}


@cache
def _meanings() -> dict[str, str]:
    found: dict[str, str] = dict(RUN)
    for document in ("codes.md", "limits.md"):
        text = files("shredder.certificate").joinpath("meanings", document).read_text("utf-8")
        found.update((row["code"], row["meaning"]) for row in _ROW.finditer(text))
    return found


def meaning(code: str) -> str:
    """A code's explanation, as one sentence; empty if there is none."""
    text = _meanings().get(code, "").removeprefix("A limitation: ").replace("`", "")
    text = re.sub(r"\*([^*]+)\*", r"\1", text)
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")
