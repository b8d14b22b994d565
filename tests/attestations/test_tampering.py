"""No edit of a finished bundle is accepted with another meaning, and none escapes as a fault."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attestations import Bundle, Code, Refused, Report, TimeVerdict, check
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.judge import timed
from tests.attestations.made import NOW, bundle
from tests.attestations.test_schema import leaves, put

FORGE = Forge()
STAMPED = bundle(stamp=FORGE.plain)
DATA = STAMPED.to_bytes()
POLICY = timed(FORGE)
GOOD = check(DATA, POLICY, now=NOW)
ENVELOPE = STAMPED.result.envelope

# Marks of a lower verdict: what may be lost by taking things away.
LOWER = TimeVerdict.INDETERMINATE


def same_meaning(report: Report) -> bool:
    """Whether what was accepted says no more than the original did."""
    return (report.plan, report.result, report.signers, report.computed) == (
        GOOD.plan,
        GOOD.result,
        GOOD.signers,
        GOOD.computed,
    ) and (report.time, report.no_later_than) in {
        (GOOD.time, GOOD.no_later_than),
        (LOWER, None),
        (LOWER, GOOD.no_later_than),
    }


def refused_or_same(data: bytes) -> None:
    """`check` never raises; what it accepts means what the original means."""
    report = check(data, POLICY, now=NOW)
    if report.codes and report.result is None:
        assert report.codes[0] in set(Code)
    else:
        assert same_meaning(report)


def test_the_original_is_accepted() -> None:
    assert (GOOD.time, GOOD.codes) == (TimeVerdict.VALID, ())


def spoil(data: bytes, edits: list[tuple[str, float, int]]) -> bytes:
    """Apply edits at relative places: bit flips, cuts, doublings, replacements, splices."""
    out = bytearray(data)
    for kind, where, value in edits:
        place = int(where * max(len(out) - 1, 0))
        if not out:
            break
        if kind == "flip":
            out[place] ^= 1 << value % 8
        elif kind == "set":
            out[place] = value % 256
        elif kind == "cut":
            del out[place : place + 1 + value]
        elif kind == "double":
            out[place:place] = out[place : place + 1 + value]
        elif kind == "end":
            del out[place:]
        else:
            other = value * 31 % len(out)
            out[place : place + 40] = out[other : other + 40]
    return bytes(out)


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "double", "end", "splice"]),
        st.floats(0, 1),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=400)
@given(EDITS)
def test_spoilt_bundles(edits: list[tuple[str, float, int]]) -> None:
    refused_or_same(spoil(DATA, edits))


@settings(max_examples=400)
@given(EDITS, st.sampled_from(["plan", "result"]))
def test_spoilt_envelopes_in_sound_bundles(edits: list[tuple[str, float, int]], which: str) -> None:
    """Base64 hides most of the inside from the edits above."""
    sealed = getattr(STAMPED, which)
    other = replace(sealed, envelope=spoil(sealed.envelope, edits))
    refused_or_same(replace(STAMPED, **{which: other}).to_bytes())


@settings(max_examples=300)
@given(EDITS, st.sampled_from(["plan", "result"]))
def test_spoilt_tokens_in_sound_bundles(edits: list[tuple[str, float, int]], which: str) -> None:
    sealed = getattr(STAMPED, which)
    other = replace(sealed, timestamps=(spoil(sealed.timestamps[0], edits),))
    refused_or_same(replace(STAMPED, **{which: other}).to_bytes())


@settings(max_examples=300)
@given(EDITS, st.sampled_from(["plan", "result"]))
@example([("set", 0.5, 0)], "plan")
def test_spoilt_statements_under_a_good_signature(
    edits: list[tuple[str, float, int]], which: str
) -> None:
    """A lying issuer's: signed again, so that the parser and the cross-checks stand alone."""
    from attestations import Envelope, Sealed, seal

    payload = Envelope.from_bytes(getattr(STAMPED, which).envelope).payload
    again = Sealed(seal(spoil(payload, edits), [made.OPERATOR]).raw)
    report = check(replace(STAMPED, **{which: again}).to_bytes(), POLICY, now=NOW)
    assert report.result is not None or report.codes[0] in set(Code)


STATEMENTS = made.statements(STAMPED)
PLACES = [(which, path) for which in (0, 1) for path, _ in leaves(STATEMENTS[which])]


@pytest.mark.parametrize(
    ("which", "path"), PLACES, ids=lambda v: ".".join(map(str, v)) if isinstance(v, tuple) else ""
)
def test_no_leaf_of_a_statement_can_be_edited(which: int, path: tuple[str | int, ...]) -> None:
    """Neither changed, nor taken out, nor emptied, without being signed again."""
    name = ("plan", "result")[which]
    sealed = getattr(STAMPED, name)
    envelope = json.loads(sealed.envelope)
    news: list[Any] = [..., None, 0, "2026-10-01T11:00:00Z", "complete", []]
    for new in news:
        edited = put(STATEMENTS[which], path, new)
        if edited == STATEMENTS[which]:
            continue
        envelope["payload"] = base64.b64encode(json.dumps(edited).encode()).decode()
        other = replace(sealed, envelope=json.dumps(envelope).encode())
        report = check(replace(STAMPED, **{name: other}).to_bytes(), POLICY, now=NOW)
        assert report.codes == (Code.E_SIG,)


def test_every_part_of_a_bundle_is_missed() -> None:
    """Taking any field, signature or token out is refused, or lowers the verdict."""
    whole = json.loads(DATA)
    outside: list[tuple[str | int, ...]] = [("mediaType",), ("plan",), ("result",)]
    outside += [(w, f) for w in ("plan", "result") for f in ("envelope", "timestamps")]
    outside += [(w, "timestamps", 0) for w in ("plan", "result")]
    for path in outside:
        report = check(json.dumps(put(whole, path, ...)).encode(), POLICY, now=NOW)
        assert report.result is None or report.time is LOWER
    for which in ("plan", "result"):
        envelope = json.loads(base64.b64decode(whole[which]["envelope"]))
        for path, _ in leaves(envelope):
            spoilt = json.dumps(put(envelope, path, ...)).encode()
            data = put(whole, (which, "envelope"), base64.b64encode(spoilt).decode())
            report = check(json.dumps(data).encode(), POLICY, now=NOW)
            assert report.result is None


def test_parts_of_two_good_bundles_make_no_third() -> None:
    other = bundle(plan_of=made.plan(attestation_id="another-run"), stamp=FORGE.plain)
    assert check(other.to_bytes(), POLICY, now=NOW).time is TimeVerdict.VALID
    for mixed in (
        Bundle(plan=STAMPED.plan, result=other.result),
        Bundle(plan=other.plan, result=STAMPED.result),
        Bundle(plan=STAMPED.result, result=STAMPED.plan),
        Bundle(plan=STAMPED.plan, result=STAMPED.plan),
    ):
        report = check(mixed.to_bytes(), POLICY, now=NOW)
        assert report.codes[0] in {Code.E_PLAN, Code.E_TYPE}


def test_nothing_under_the_signature_is_read_before_it_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A statement of hostile JSON under a stranger's signature is never parsed."""
    from attestations import Sealed, seal
    from attestations import verify as module_function

    hostile = Sealed(seal(b"[" * 100_000, [made.ed25519_signer(9)]).raw)
    with pytest.raises(Refused) as caught:
        module_function(replace(STAMPED, result=hostile).to_bytes(), POLICY, now=NOW)
    assert caught.value.verdict == Code.E_SIG
    signed = Sealed(seal(b"[" * 100_000, [made.OPERATOR]).raw)
    report = check(replace(STAMPED, result=signed).to_bytes(), POLICY, now=NOW)
    assert report.codes == (Code.E_LIMIT,)


def test_the_edits_do_spoil() -> None:
    """The fuzzers above would show nothing if their edits changed nothing."""
    cases: list[Any] = [("flip", 0.5, 1), ("set", 0.3, 0), ("cut", 0.2, 9), ("double", 0.7, 5), ("end", 0.9, 0), ("splice", 0.4, 77)]  # fmt: skip
    for case in cases:
        assert spoil(DATA, [case]) != DATA
        assert check(spoil(DATA, [case]), POLICY, now=NOW).result is None
