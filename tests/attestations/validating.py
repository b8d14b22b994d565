"""Validations for the tests: another person's word on a result, and one edited and signed again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from attestations import Actor, Bundle, Code, Policy, Sealed, seal, trusted_key
from attestations.acceptance import issue_validation, to_file
from attestations.policy import VALIDATOR
from attestations.signers import Signer
from attestations.validation import Acceptance
from tests.attestations import made
from tests.attestations.made import OPERATOR, at, bundle

OFFICER = made.p256_signer(21)
STRANGER = made.ed25519_signer(22)
OF = bundle()
OFFICERS = Actor(role="data-protection-officer", reference="staff-3")


def policy(**changes: Any) -> Policy:
    officer = trusted_key(OFFICER.public_key, name="officer", role=VALIDATOR, operator_run=False)
    return Policy.new(
        keys=[trusted_key(OPERATOR.public_key, name="operator"), replace(officer, **changes)]
    )


def issued(
    of: Bundle = OF,
    signer: Signer = OFFICER,
    decision: Acceptance = Acceptance.ACCEPTED,
    when: datetime = at(40),  # noqa: B008 - a constant
    **changes: Any,
) -> Sealed:
    wanted = {"attestation_id": made.plan().attestation_id, "validator": OFFICERS, **changes}
    return issue_validation(of.result, decision, signers=[signer], now=when, **wanted)


def edited(**changes: Any) -> bytes:
    """The predicate edited and signed again, by the officer."""
    envelope = json.loads(issued().envelope)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"].update(changes)
    return to_file(Sealed(seal(json.dumps(statement).encode(), [OFFICER]).raw))


# Edits of the predicate that a good key signed, and what refuses them.
EDITS: list[tuple[dict[str, Any], Code]] = [
    ({"decision": "maybe"}, Code.E_SCHEMA),
    ({"decision": None}, Code.E_SCHEMA),
    ({"note": "fine"}, Code.E_UNKNOWN_FIELD),
    ({"issuedAt": "2026-10-01T12:00:00+05:30"}, Code.E_SCHEMA),
    ({"result": made.NONE}, Code.E_REF),  # the subject is another
    ({"validator": {"role": "officer", "reference": "a@example.org"}}, Code.E_SCHEMA),
]

FORMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "a field more": lambda value: value.update(more=1),
    "another type": lambda value: value.update(mediaType="application/json"),
    "no type": lambda value: value.pop("mediaType"),
    "a key": lambda value: value["validation"].update(key=OFFICER.public_key.pem),
    "a log proof": lambda value: value["validation"].update(log="c2sp.org/tlog-proof@v1\n"),
    "no timestamps": lambda value: value["validation"].pop("timestamps"),
}
