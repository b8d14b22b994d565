"""in-toto Statements v1 with our predicates (in-toto/attestation, spec/v1/statement.md).

The framework lets a predicate reject unknown fields; ours do, and so does the statement.
"""

from __future__ import annotations

from typing import Final, TypeAlias, TypeVar

from attestations.destruction import Destruction
from attestations.errors import Code, Contradiction, Malformed
from attestations.plan import Plan
from attestations.schema import decode, encode
from attestations.strict_json import Json, Limits, dumps, loads
from attestations.text import shown
from attestations.validation import Validation

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"

# Names, not addresses: ".invalid" can never be registered (RFC 6761, 6.4), so that nobody can
# serve another meaning from there.
PREDICATE_BASE: Final = "https://shredder.invalid/attestation/"
PLAN_TYPE: Final = PREDICATE_BASE + "destruction-plan/v1"
DESTRUCTION_TYPE: Final = PREDICATE_BASE + "destruction/v1"
VALIDATION_TYPE: Final = PREDICATE_BASE + "validation/v1"

LIMITS = Limits(size=4 * 2**20, depth=12)

TYPES: Final[dict[type, str]] = {
    Plan: PLAN_TYPE,
    Destruction: DESTRUCTION_TYPE,
    Validation: VALIDATION_TYPE,
}

Predicate: TypeAlias = Plan | Destruction | Validation
P = TypeVar("P", Plan, Destruction, Validation)


def to_payload(predicate: Predicate) -> bytes:
    """Write the statement of a predicate, and read it back as an auditor will.

    Raises :class:`attestations.errors.Malformed` for what no auditor would accept.
    """
    value = {
        "_type": STATEMENT_TYPE,
        "subject": subjects(predicate),
        "predicateType": TYPES[type(predicate)],
        "predicate": encode(predicate),
    }
    try:
        payload = dumps(value)
    except ValueError:
        raise Malformed(Code.E_SCHEMA, "statement: text that is not Unicode") from None
    again: Predicate
    if isinstance(predicate, Plan):
        again = from_payload(payload, Plan)
    elif isinstance(predicate, Validation):
        again = from_payload(payload, Validation)
    else:
        again = from_payload(payload, Destruction)
    if again != predicate:
        raise Malformed(Code.E_SCHEMA, "statement: it does not read as it was written")
    return payload


def from_payload(payload: bytes, kind: type[P]) -> P:
    """Read a statement whose predicate is of `kind`. Raises Malformed, Contradiction."""
    wanted = TYPES[kind]
    value = loads(payload, LIMITS, "statement")
    if not isinstance(value, dict):
        raise Malformed(Code.E_SCHEMA, "statement: not an object")
    names = ("_type", "subject", "predicateType", "predicate")
    for name in names:
        if name not in value:
            raise Malformed(Code.E_SCHEMA, f"statement: {name} is missing")
    for key in value:
        if key not in names:
            raise Malformed(
                Code.E_UNKNOWN_FIELD, f"statement: the field '{shown(key, 40)}' is not known"
            )
    if value["_type"] != STATEMENT_TYPE:
        raise Malformed(Code.E_TYPE, "statement: not an in-toto Statement v1")
    if value["predicateType"] != wanted:
        raise Malformed(Code.E_TYPE, f"statement: its predicate is not {wanted}")
    predicate = decode(kind, value["predicate"], "predicate")
    if value["subject"] != subjects(predicate):
        raise Contradiction(Code.E_REF, "statement: its subjects are not those of its predicate")
    return predicate


def subjects(predicate: Predicate) -> Json:
    """Return what the statement is about, by digest; derived, so that it cannot disagree."""
    if isinstance(predicate, Validation):
        named = [("destruction", predicate.result)]
    elif isinstance(predicate, Plan):
        named = [("inventory", predicate.inventory.root)]
    else:
        named = [("destruction-plan", predicate.plan), ("results", predicate.results.root)]
    if not isinstance(predicate, Validation) and predicate.manifest is not None:
        named.append(("private-manifest", predicate.manifest))
    return [
        {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
        for name, digest in named
    ]
