"""Keys and policies, good and spoilt: steps 5 and 8."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attestations import Policy, trusted_key
from tests.attestations import made
from tests.attestations.made import OPERATOR, at
from tests.browser.given import FORGE, GOOD, TIMED, Case, given


def trust() -> Iterator[Case]:
    """All of them."""
    yield from _keys()
    yield from _policies()


def _keys() -> Iterator[Case]:
    def one(**changes: Any) -> Policy:
        return made.policy(keys=[replace(trusted_key(OPERATOR.public_key, name="k"), **changes)])

    def aged(**changes: Any) -> Policy:
        return replace(TIMED, keys=one(**changes).keys)

    for name, changes in {
        "not yet valid": {"valid_from": at(31)},
        "no longer valid": {"valid_until": at(29)},
        "just valid": {"valid_from": at(0), "valid_until": at(40)},
        "lost before": {"compromised_at": at(20)},
        "lost since": {"compromised_at": at(50)},
    }.items():
        yield given(f"key: {name}, by a timestamp", GOOD, aged(**changes))
        yield given(f"key: {name}, by the clock", made.bundle(), one(**changes))


def _policies() -> Iterator[Case]:
    good = json.loads(TIMED.to_bytes())
    weak = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + b"\1" + bytes(31)).decode()
    wide = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + b"\xff" * 32).decode()
    off = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + b"\2" + bytes(31)).decode()
    spki = OPERATOR.public_key.pem

    def pem(body: str) -> str:
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    edits: dict[str, Callable[[dict[str, Any]], object]] = {
        "no keys": lambda v: v.update(keys=[]),
        "a field more": lambda v: v.update(more=1),
        "a field less": lambda v: v.pop("stores"),
        "another media type": lambda v: v.update(mediaType="x"),
        "a key twice": lambda v: v["keys"].append({**v["keys"][0], "name": "other"}),
        "a key of low order": lambda v: v["keys"][0].update(publicKey=pem(weak)),
        "a key not canonical": lambda v: v["keys"][0].update(publicKey=pem(wide)),
        "a key that is no point": lambda v: v["keys"][0].update(publicKey=pem(off)),
        "a key that is no PEM": lambda v: v["keys"][0].update(publicKey="x"),
        "a private key": lambda v: v["keys"][0].update(publicKey=spki.replace("PUBLIC", "PRIVATE")),
        "a key of another algorithm": lambda v: v["keys"][0].update(algorithm="ecdsa-p256-sha256"),
        "an unknown algorithm": lambda v: v["keys"][0].update(algorithm="none"),
        "a threshold of 2": lambda v: v["thresholds"][0].update(count=2),
        "a threshold of 0": lambda v: v["thresholds"][0].update(count=0),
        "a role of nobody": lambda v: v["thresholds"][0].update(role="nobody"),
        "a role twice": lambda v: v["thresholds"].append(v["thresholds"][0]),
        "a role twice for a plan": lambda v: v["thresholds"].append({**v["thresholds"][0], "signs": "plan"}),
        "nobody for a result": lambda v: v["thresholds"][0].update(signs="plan"),
        "nobody for a plan": lambda v: v["thresholds"][0].update(signs="result"),
        "an unknown envelope": lambda v: v["thresholds"][0].update(signs="neither"),
        "no roots": lambda v: v["timestamps"]["authorities"][0].update(roots=[]),
        "a root that is none": lambda v: v["timestamps"]["authorities"][0].update(roots=["x"]),
        "a root of an unknown curve": lambda v: _root(v, "06082a8648ce3d030107", "06082a8648ce3d03017f"),
        "a root of an unknown version": lambda v: _root(v, "a003020102", "a00302013c"),
        "a root whose key is no point": lambda v: _root(v, "03420004", "034200045a"),
        "a root of another's making": lambda v: _root(v, "0c04526f6f74301e", "0c04526f6f75301e"),
        "a block that is cut before a root": lambda v: v["timestamps"]["authorities"][0].update(roots=[FORGE.root.pem[:300] + FORGE.root.pem]),
        "a hyphen too many": lambda v: v["timestamps"]["authorities"][0].update(roots=["-" + FORGE.root.pem]),
        "two roots in one": lambda v: v["timestamps"]["authorities"][0].update(roots=[FORGE.root.pem * 2]),
        "nothing pinned": lambda v: v["timestamps"]["authorities"][0].update(leaves=[], policies=[]),
        "a compromise without a zone": lambda v: v["timestamps"]["authorities"][0].update(compromisedAt="2026-01-01T00:00:00"),
        "no word of a compromise": lambda v: v["timestamps"]["authorities"][0].pop("compromisedAt"),
        "an authority twice": lambda v: v["timestamps"]["authorities"].append(v["timestamps"]["authorities"][0]),
        "authorities without a threshold": lambda v: v["timestamps"].update(threshold=0),
        "more authorities asked for": lambda v: v["timestamps"].update(threshold=2),
        "a quorum of nobody": lambda v: v["log"].update(quorum=1),
        "a validity that ends first": lambda v: v["keys"][0].update(validFrom="2027-01-01T00:00:00Z", validUntil="2026-01-01T00:00:00Z"),
        "a time with an offset": lambda v: v["keys"][0].update(validFrom="2026-01-01T00:00:00+00:00"),
        "text around a PEM": lambda v: v["keys"][0].update(publicKey="a key:\n" + spki),
    }  # fmt: skip
    for name, edit in edits.items():
        value = json.loads(json.dumps(good))
        edit(value)
        yield given(f"policy: {name}", GOOD, json.dumps(value).encode())
    for name, data in {
        "empty": b"",
        "a float": b'{"keys":1.5}',
        "a bundle": GOOD.to_bytes(),
    }.items():
        yield given(f"policy: {name}", GOOD, data)


def _root(value: dict[str, Any], old: str, new: str) -> None:
    """The authority's root with bytes replaced, as long as it was."""
    der = ssl.PEM_cert_to_DER_cert(FORGE.root.pem)
    at = der.index(bytes.fromhex(old))
    spoilt = der[:at] + bytes.fromhex(new) + der[at + len(new) // 2 :]
    value["timestamps"]["authorities"][0]["roots"] = [ssl.DER_cert_to_PEM_cert(spoilt)]
