"""`policy new`: whose signatures an auditor asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attestations import Algorithm, KeyFileSigner
from tests.cli.operating import Done, HereOperator


@pytest.fixture
def auditor(tmp_path: Path) -> HereOperator:
    for number, name in enumerate(("operator", "dpo", "head", "token")):
        kind = (Algorithm.ED25519, Algorithm.ECDSA_P256)[number % 2]
        signer = KeyFileSigner.create(tmp_path / f"{name}.key", algorithm=kind)
        (tmp_path / f"{name}.pem").write_text(signer.public_key.pem)
    return HereOperator(tmp_path)


def new(auditor: HereOperator, *words: str) -> Done:
    (auditor.folder / "policy.json").unlink(missing_ok=True)
    return auditor.run("policy", "new", "policy.json", "--key", "operator.pem", "--json", *words)


def thresholds(auditor: HereOperator) -> list[tuple[str, int, str]]:
    policy = json.loads((auditor.folder / "policy.json").read_bytes())
    return [(each["role"], each["count"], each["signs"]) for each in policy["thresholds"]]


def test_an_operator_alone_signs_both(auditor: HereOperator) -> None:
    assert new(auditor).code == 0
    assert thresholds(auditor) == [("operator", 1, "both")]


def test_approvers_sign_the_plan_all_of_them_or_as_many_as_are_asked_for(
    auditor: HereOperator,
) -> None:
    words = ("--approver", "dpo.pem", "--approver", "head.pem")
    done = new(auditor, *words)
    assert done.json["keys"] == [
        {"name": "operator", "role": "operator"},
        {"name": "dpo", "role": "approver"},
        {"name": "head", "role": "approver"},
    ]
    assert thresholds(auditor) == [("operator", 1, "both"), ("approver", 2, "plan")]
    assert new(auditor, *words, "--approvals", "1").code == 0
    assert thresholds(auditor) == [("operator", 1, "both"), ("approver", 1, "plan")]


def test_cosigners_sign_both_in_their_role(auditor: HereOperator) -> None:
    words = ("--cosigner", "security=token.pem", "--cosigner", "security=head.pem")
    assert new(auditor, *words).code == 0
    assert thresholds(auditor) == [("operator", 1, "both"), ("security", 2, "both")]
    policy = json.loads((auditor.folder / "policy.json").read_bytes())
    assert [key["operatorRun"] for key in policy["keys"]] == [True, True, True]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--approvals", "1"], "--approvals goes with --approver"),
        (["--approver", "dpo.pem", "--approvals", "2"], "policy: a role has fewer keys"),
        (["--approver", "operator.pem"], "policy: one key stands there twice"),
        (["--cosigner", "token.pem"], "'token.pem' is not a role and a file: ROLE=FILE"),
        (["--cosigner", "A Role=token.pem"], "role: not a code"),
        (["--cosigner", "approver=dpo.pem"], "has an option of its own: --approver"),
        (["--cosigner", "operator=dpo.pem"], "has an option of its own: --key"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    auditor: HereOperator, words: list[str], error: str
) -> None:
    done = new(auditor, *words)
    assert done.code == 2
    assert error in done.error
    assert not (auditor.folder / "policy.json").exists()
