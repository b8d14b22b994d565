"""The auditor's own file: strict, and failing closed."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestations import (
    Code,
    Policy,
    PolicyRefused,
    RoleThreshold,
    TimestampRules,
    Unreadable,
    trusted_key,
)
from attestations.policy import prepare
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.test_schema import put

FORGE = Forge()
GOOD: dict[str, Any] = json.loads(
    made.policy(
        made.OPERATOR,
        made.WITNESS,
        timestamps=TimestampRules(threshold=1, authorities=(FORGE.trusted(),)),
    ).to_bytes()
)


def code_of(value: Any) -> Code:
    with pytest.raises(PolicyRefused) as caught:
        Policy.from_bytes(json.dumps(value).encode())
    return caught.value.verdict


LOW_ORDER = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "-----END PUBLIC KEY-----\n"
)


def _recoded(pem: str, old: str, new: str) -> str:
    der = bytes(ssl.PEM_cert_to_DER_cert(pem)).replace(bytes.fromhex(old), bytes.fromhex(new))
    return ssl.DER_cert_to_PEM_cert(der)


# P-256's identifier made one that no library knows.
UNKNOWN_CURVE = _recoded(FORGE.root.pem, "06082a8648ce3d030107", "06082a8648ce3d03017f")
UNKNOWN_VERSION = _recoded(FORGE.root.pem, "a003020102", "a00302013c")


@pytest.mark.parametrize(
    ("path", "new", "code"),
    [
        (("keys",), [], Code.E_POLICY),
        (("thresholds",), [], Code.E_POLICY),
        (("thresholds", 0, "count"), 0, Code.E_POLICY),
        (("thresholds", 0, "count"), 3, Code.E_POLICY),
        (("thresholds", 0, "role"), "witness", Code.E_POLICY),
        (("thresholds",), GOOD["thresholds"] * 2, Code.E_POLICY),
        (("thresholds", 0, "signs"), "neither", Code.E_POLICY),
        (("thresholds", 0, "signs"), ..., Code.E_POLICY),
        (("thresholds", 0, "signs"), "plan", Code.E_POLICY),
        (("thresholds", 0, "signs"), "result", Code.E_POLICY),
        (("keys", 0, "publicKey"), LOW_ORDER, Code.E_WEAK_KEY),
        (("keys", 0, "publicKey"), "nonsense", Code.E_POLICY),
        (("keys", 0, "publicKey"), made.WITNESS.public_key.pem, Code.E_POLICY),
        (("keys", 0, "algorithm"), "rsa", Code.E_POLICY),
        (("keys", 0, "algorithm"), "ecdsa-p256-sha256", Code.E_POLICY),
        (("keys", 1), dict(GOOD["keys"][0], name="a second name"), Code.E_DUP_KEY),
        (("keys", 0, "validFrom"), "2026-10-01", Code.E_POLICY),
        (("keys", 0, "trusted"), True, Code.E_POLICY),
        (("keys", 0, "validUntil"), ..., Code.E_POLICY),
        (("timestamps", "threshold"), 0, Code.E_POLICY),
        (("timestamps", "threshold"), 2, Code.E_POLICY),
        (("timestamps", "authorities"), [], Code.E_POLICY),
        (("timestamps", "authorities", 0, "roots"), [], Code.E_POLICY),
        (("timestamps", "authorities", 0, "roots", 0), "nonsense", Code.E_POLICY),
        (("timestamps", "authorities", 0, "roots", 0), FORGE.root.pem * 2, Code.E_POLICY),
        (("timestamps", "authorities", 0, "roots", 0), UNKNOWN_CURVE, Code.E_POLICY),
        (("timestamps", "authorities", 0, "roots", 0), UNKNOWN_VERSION, Code.E_POLICY),
        (("timestamps", "authorities", 0, "leaves"), [], Code.E_POLICY),
        (("timestamps", "authorities", 0, "policies"), ["1.2.x"], Code.E_POLICY),
        (("timestamps", "clockSkewSeconds"), -1, Code.E_POLICY),
        (("mediaType",), "application/json", Code.E_POLICY),
        (("note",), "x", Code.E_POLICY),
        (("lowestMethod",), "destroy", Code.E_POLICY),
        (("stores",), ["a", "a"], Code.E_POLICY),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused(path: Any, new: Any, code: Code) -> None:
    assert code_of(put(GOOD, path, new)) == code


def test_validity_cannot_end_before_it_begins() -> None:
    spoilt = put(GOOD, ("keys", 0, "validFrom"), "2026-10-02T00:00:00Z")
    spoilt = put(spoilt, ("keys", 0, "validUntil"), "2026-10-01T00:00:00Z")
    assert code_of(spoilt) == Code.E_POLICY


def test_two_authorities_of_one_name_are_refused() -> None:
    twice = [GOOD["timestamps"]["authorities"][0]] * 2
    assert code_of(put(GOOD, ("timestamps", "authorities"), twice)) == Code.E_POLICY


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"a":1,"a":1}', b"[" * 100_000])
def test_what_is_no_policy_is_refused(data: bytes) -> None:
    with pytest.raises(PolicyRefused) as caught:
        Policy.from_bytes(data)
    assert (caught.value.verdict, caught.value.exit_code) == (Code.E_POLICY, 2)


def test_a_policy_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    policy = Policy.from_bytes(json.dumps(GOOD).encode())
    policy.write(path)
    assert policy == Policy.load(path)
    with pytest.raises(Unreadable):
        Policy.load(tmp_path / "absent")
    with path.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(PolicyRefused):
        Policy.load(path)


def test_the_smallest_policy_needs_one_key_only() -> None:
    policy = Policy.new(keys=[trusted_key(made.OPERATOR.public_key, name="operator")])
    assert policy.thresholds == (RoleThreshold("operator", 1),)
    (entry, key), *_ = prepare(policy).keys
    assert (entry.name, key) == ("operator", made.OPERATOR.public_key)


def test_a_policy_built_in_memory_is_checked_as_one_that_was_read() -> None:
    """Step 5 runs in every verification: a policy need not come from a file."""
    policy = made.policy()
    with pytest.raises(PolicyRefused):
        prepare(replace(policy, thresholds=(RoleThreshold("operator", 2),)))
