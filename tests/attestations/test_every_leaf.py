"""Every place of a bundle, one by one: taken out, moved or edited, it is missed.

The bundle has all that a bundle can have: two signers, timestamps with two renewals that they
stand by, and proofs of a log with two witnesses. Nothing is sampled. What a change leads to is a
refusal, or a report that proves less.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from attestations import Code, Envelope, LogVerdict, Report, Sealed, TimeVerdict, Verdict, check
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.kinds import issued, kinds, upheld_by_renewals
from tests.attestations.log.making import logged, rules
from tests.attestations.made import NOW
from tests.attestations.test_schema import put

FORGE = Forge()
TWO = (made.OPERATOR, made.WITNESS)
BUNDLE, UPHELD = upheld_by_renewals(logged(issued(signers=TWO, stamp=FORGE.plain)), FORGE)
POLICY = replace(kinds(FORGE)["two-signers"].policy, log=rules(), timestamps=UPHELD)
DATA = BUNDLE.to_bytes()
GOOD = check(DATA, POLICY, now=NOW)
PARTS = ("plan", "result")

Place = tuple[str | int, ...]


def judged(data: bytes) -> Report:
    return check(data, POLICY, now=NOW)


def refused_or_lower(data: bytes) -> bool:
    report = judged(data)
    if report.result is None:
        return report.authentic is Verdict.INVALID and report.codes[0] in set(Code)
    return report.time is TimeVerdict.INDETERMINATE


def with_part(which: str, sealed: Sealed) -> bytes:
    return replace(BUNDLE, **{which: sealed}).to_bytes()


def places(value: Any, path: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every place of a JSON value below the whole, leaf or not."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inside:
        yield (*path, key), each
        if isinstance(each, dict | list):
            yield from places(each, (*path, key))


def others(old: Any) -> Iterator[Any]:
    """What might stand in a value's place: of its own type and near it, and of every other."""
    if isinstance(old, bool):
        yield not old
    elif isinstance(old, int):
        yield from (old + 1, old - 1, 0, 2**53)
    elif isinstance(old, str) and old:
        middle = len(old) // 2
        for at in {0, middle, len(old) - 1}:
            yield old[:at] + ("A" if old[at] != "A" else "B") + old[at + 1 :]
        yield from (old[1:], old[:-1], old + old[-1], old + " ", old.swapcase(), "")
    elif isinstance(old, list) and len(old) > 1:
        yield from (old[::-1], old[1:], old[:-1], [*old, old[0]])
    elif isinstance(old, dict):
        yield {**old, "note": 1}
    yield from (..., None, 0, 1, True, "", "x", [], {}, [old], {"a": old})


def spoilt(value: Any) -> Iterator[tuple[Place, Any]]:
    """Every edit of every place, as a whole value."""
    for path, old in places(value):
        for new in others(old):
            if new is not ... and type(new) is type(old) and new == old:
                continue
            yield path, put(value, path, new)


def reordered(value: Any, path: Place = ()) -> Iterator[Any]:
    """The value with each of its objects turned round, one at a time."""
    if isinstance(value, dict):
        if len(value) > 1:
            yield dict(reversed(value.items()))
        for key, each in value.items():
            for turned in reordered(each):
                yield {**value, key: turned}
    elif isinstance(value, list):
        for n, each in enumerate(value):
            for turned in reordered(each):
                yield [*value[:n], turned, *value[n + 1 :]]


def test_the_original_has_all_that_can_be_had() -> None:
    assert (GOOD.authentic, GOOD.time) == (Verdict.VALID, TimeVerdict.VALID)
    assert (GOOD.log, GOOD.codes, len(GOOD.signers)) == (LogVerdict.WITNESSED, (), 2)
    assert not refused_or_lower(DATA)


def test_every_place_of_the_bundle() -> None:
    value, count = json.loads(DATA), 0
    for path, other in spoilt(value):
        count += 1
        assert refused_or_lower(json.dumps(other).encode()), path
    assert count > 100


def test_the_order_of_the_bundles_own_fields_says_nothing() -> None:
    """The one thing that may be moved: they are signed by nobody, and read by name."""
    for turned in reordered(json.loads(DATA)):
        assert judged(json.dumps(turned).encode()) == GOOD


@pytest.mark.parametrize("which", PARTS)
def test_every_place_of_an_envelope(which: str) -> None:
    sealed: Sealed = getattr(BUNDLE, which)
    value, count = json.loads(sealed.envelope), 0
    edits = [*spoilt(value), *((("order",), turned) for turned in reordered(value))]
    for path, other in edits:
        raw = json.dumps(other, separators=(",", ":")).encode()
        count += 1
        assert raw != sealed.envelope
        assert judged(with_part(which, replace(sealed, envelope=raw))).result is None, path
    assert count > 100


@pytest.mark.parametrize("which", PARTS)
def test_every_place_of_a_statement(which: str) -> None:
    """Under the old signatures: not one byte of it can be other."""
    sealed: Sealed = getattr(BUNDLE, which)
    envelope = json.loads(sealed.envelope)
    value, count = json.loads(base64.b64decode(envelope["payload"])), 0
    edits = [*spoilt(value), *((("order",), turned) for turned in reordered(value))]
    for path, other in edits:
        payload = json.dumps(other, separators=(",", ":"), ensure_ascii=False).encode()
        envelope["payload"] = base64.b64encode(payload).decode()
        raw = json.dumps(envelope, separators=(",", ":")).encode()
        count += 1
        assert judged(with_part(which, replace(sealed, envelope=raw))).codes == (Code.E_SIG,), path
    assert count > 1000


@pytest.mark.parametrize("which", PARTS)
def test_every_place_of_a_statement_that_is_otherwise_bare(which: str) -> None:
    """Without timestamps and log, the signatures alone must do."""
    bare = issued(signers=TWO)
    policy = made.policy()
    sealed: Sealed = getattr(bare, which)
    envelope = json.loads(sealed.envelope)
    value = json.loads(Envelope.from_bytes(sealed.envelope).payload)
    for path, _ in places(value):
        if isinstance(path[-1], str):
            envelope["payload"] = base64.b64encode(
                json.dumps(put(value, path, ...)).encode()
            ).decode()
            other = replace(sealed, envelope=json.dumps(envelope).encode())
            report = check(replace(bare, **{which: other}).to_bytes(), policy, now=NOW)
            assert report.codes == (Code.E_SIG,), path


def unsigned(token: bytes) -> set[int]:
    """Where a response has what no signature covers and no reader uses (RFC 5652, 5.1 and 5.3).

    The versions of SignedData and SignerInfo, and the algorithm of the signature, which is the
    key's and the digest's.
    """
    signed_data, signer = bytes.fromhex("02010331"), bytes.fromhex("0201013027")
    ecdsa = bytes.fromhex("06082a8648ce3d040302")
    algorithm = token.rindex(ecdsa) + 2
    assert (token.count(signed_data), token.count(signer)) == (1, 1)
    versions = {token.index(signed_data) + 2, token.index(signer) + 2}
    return versions | set(range(algorithm, algorithm + 8))


def flipped(token: bytes) -> Iterator[tuple[int, bytes]]:
    for place in range(len(token)):
        yield place, token[:place] + bytes([token[place] ^ 1]) + token[place + 1 :]


@pytest.mark.slow
@pytest.mark.parametrize("which", PARTS)
def test_every_byte_of_a_token(which: str) -> None:
    """The newest one, for those that it renewed have no free places any more."""
    sealed: Sealed = getattr(BUNDLE, which)
    *older, token = sealed.renewals
    free = unsigned(token)
    for place, other in flipped(token):
        report = judged(with_part(which, replace(sealed, renewals=(*older, other))))
        assert report == GOOD if place in free else report.result is None, place


@pytest.mark.slow
@pytest.mark.parametrize("which", PARTS)
def test_every_byte_of_a_renewed_token(which: str) -> None:
    sealed: Sealed = getattr(BUNDLE, which)
    (token,), (older, newest) = sealed.timestamps, sealed.renewals
    for place, other in flipped(token):
        report = judged(with_part(which, replace(sealed, timestamps=(other,))))
        assert report.result is None, place
    for place, other in flipped(older):
        report = judged(with_part(which, replace(sealed, renewals=(other, newest))))
        assert report.result is None, place


@pytest.mark.parametrize("which", PARTS)
def test_a_token_twice_proves_no_more(which: str) -> None:
    sealed: Sealed = getattr(BUNDLE, which)
    bare = replace(sealed, renewals=())
    twice = replace(bare, timestamps=sealed.timestamps * 2)
    assert judged(with_part(which, twice)) == judged(with_part(which, bare))
    report = judged(with_part(which, replace(twice, renewals=sealed.renewals)))
    assert report.codes == (Code.E_TS_IMPRINT,)


@pytest.mark.parametrize("which", PARTS)
def test_every_renewal_is_missed(which: str) -> None:
    sealed: Sealed = getattr(BUNDLE, which)
    for kept in ((), sealed.renewals[:1]):
        report = judged(with_part(which, replace(sealed, renewals=kept)))
        assert (report.time, report.codes) == (TimeVerdict.INDETERMINATE, (Code.E_TS_THRESHOLD,))
    for kept in (sealed.renewals[1:], sealed.renewals[::-1], sealed.renewals * 2):
        report = judged(with_part(which, replace(sealed, renewals=kept)))
        assert report.codes == (Code.E_TS_IMPRINT,)


@pytest.mark.slow
@pytest.mark.parametrize("which", PARTS)
def test_every_line_of_a_log_proof(which: str) -> None:
    """Taken out, doubled, moved and edited in every character.

    The order of a head's signatures says nothing, nor that one stands there twice.
    """
    sealed: Sealed = getattr(BUNDLE, which)
    assert sealed.log is not None
    lines = sealed.log.split("\n")
    signatures = [n for n, line in enumerate(lines) if line.startswith("— ")]
    edits: list[tuple[str, list[str]]] = []
    for n, line in enumerate(lines):
        edits.append((f"without {n}", lines[:n] + lines[n + 1 :]))
        if n in signatures:
            again = [*lines[: n + 1], *lines[n:]]
            turned = [*lines[: signatures[0]], *(lines[m] for m in signatures[::-1]), ""]
            for same in (again, turned):
                report = judged(with_part(which, replace(sealed, log="\n".join(same))))
                assert replace(report, findings=()) == replace(GOOD, findings=())
        else:
            edits.append((f"twice {n}", [*lines[: n + 1], *lines[n:]]))
        if n + 1 < len(lines) and lines[n + 1] != line and n not in signatures[:-1]:
            edits.append((f"moved {n}", [*lines[:n], lines[n + 1], line, *lines[n + 2 :]]))
        for at, old in enumerate(line):
            new = "A" if old != "A" else "B"
            edits.append(
                (f"{n}:{at}", [*lines[:n], line[:at] + new + line[at + 1 :], *lines[n + 1 :]])
            )
    for name, other in edits:
        report = judged(with_part(which, replace(sealed, log="\n".join(other))))
        assert report.result is None, (name, report.log)
    assert len(edits) > 500


@pytest.mark.parametrize("which", PARTS)
def test_every_signature_token_and_proof_is_missed(which: str) -> None:
    sealed: Sealed = getattr(BUNDLE, which)
    for n in range(2):
        envelope = json.loads(sealed.envelope)
        del envelope["signatures"][n]
        raw = json.dumps(envelope, separators=(",", ":")).encode()
        when = made.at(5 if which == "plan" else 30)
        stamped = Sealed(raw, (FORGE.plain(raw, when),), sealed.log, sealed.renewals)
        assert judged(with_part(which, stamped)).codes == (Code.E_THRESHOLD,)
    report = judged(with_part(which, replace(sealed, timestamps=())))
    assert report.codes == (Code.E_BUNDLE,)
    report = judged(with_part(which, replace(sealed, timestamps=(), renewals=())))
    assert (report.time, report.codes) == (TimeVerdict.INDETERMINATE, (Code.E_TS_THRESHOLD,))
    report = judged(with_part(which, replace(sealed, log=None)))
    assert report.codes == (Code.E_LOG_INCLUSION,)
