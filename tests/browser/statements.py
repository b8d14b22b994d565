"""Bundles whose statements are spoilt: steps 10 to 16."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from attestations import (
    Bundle,
    Expectations,
    Finding,
    Found,
    KeyErasure,
    Method,
    Outcome,
    Sealed,
    Status,
    Tally,
    UnitStatus,
    Verification,
    seal,
)
from attestations.destruction import Known
from tests.attestations import made
from tests.attestations.made import OPERATOR
from tests.browser.given import Case, given

# --- 10 to 16: statements ---


def _edited(edit: Callable[[dict[str, Any], dict[str, Any]], object], **options: Any) -> bytes:
    plan, result = made.statements(made.bundle())
    edit(plan, result)
    return made.resealed(plan, result, **options)


def statements() -> Iterator[Case]:
    edits: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
        "another type": lambda _, r: r.update(_type="https://in-toto.io/Statement/v0.1"),
        "predicate v2": lambda _, r: r.update(predicateType=r["predicateType"].replace("v1", "v2")),
        "a field more": lambda _, r: r.update(more=1),
        "a field less": lambda p, _: p.pop("subject"),
        "no subject": lambda p, _: p.update(subject=[]),
        "a subject more": lambda p, _: p["subject"].append(p["subject"][0]),
        "a subject's field more": lambda _, r: r["subject"][0].update(uri="x"),
        "another digest": lambda p, _: p["subject"][0]["digest"].update(sha256="0" * 64),
        "a digest more": lambda p, _: p["subject"][0]["digest"].update(sha1="0" * 40),
        "a predicate that is null": lambda p, _: p.update(predicate=None),
        "a predicate's field more": lambda _, r: r["predicate"].update(more=1),
        "a predicate's field less": lambda _, r: r["predicate"].pop("sweep"),
        "constructor": lambda _, r: r["predicate"].update(constructor=1),
        "a prototype": lambda _, r: r["predicate"].update({"__proto__": 1}),
        "a negative count": lambda p, _: p["predicate"]["sweep"]["found"].update(copy=-1),
        "true for a count": lambda p, _: p["predicate"]["sweep"]["found"].update(copy=True),
        "1 for true": lambda p, _: p["predicate"]["targets"][0].update(whole=1),
        "an unknown status": lambda _, r: r["predicate"]["targets"][0].update(status="gone"),
        "an empty label": lambda p, _: p["predicate"]["controller"].update(name=""),
        "a label of 200 astral characters": lambda p, r: [x["predicate"]["controller"].update(name="\U0001f600" * 200) for x in (p, r)],
        "a label of 201 characters": lambda p, _: p["predicate"]["controller"].update(name="x" * 201),
        "an identifier with a line end": lambda p, _: p["predicate"].update(attestationId="x\n"),
        "an upper-case digest": lambda p, _: p["predicate"].update(manifest="sha256:" + "A" * 64),
        "a week date": lambda p, _: p["predicate"].update(issuedAt="2026-W40-4"),
        "a naive time": lambda p, _: p["predicate"].update(issuedAt="2026-10-01T11:05:00"),
        "a time with an offset": lambda p, _: p["predicate"].update(issuedAt="2026-10-01T16:35:00+05:30"),
        "the 30th of February": lambda p, _: p["predicate"].update(issuedAt="2026-02-30T11:05:00Z"),
        "a leap second": lambda p, _: p["predicate"].update(issuedAt="2026-10-01T11:05:60Z"),
        "the hour 24": lambda p, _: p["predicate"].update(issuedAt="2026-10-01T24:00:00Z"),
        "the year 0": lambda p, _: p["predicate"].update(issuedAt="0000-10-01T11:05:00Z"),
        "the year 1": lambda p, _: p["predicate"]["sweep"].update(started="0001-01-01T00:00:00Z"),
        "the year 9999": lambda _, r: r["predicate"].update(issuedAt="9999-12-31T23:59:59Z"),
        "milliseconds": lambda p, _: p["predicate"].update(issuedAt="2026-10-01T11:05:00.000Z"),
        "microseconds": lambda p, _: p["predicate"].update(issuedAt="2026-10-01T11:05:00.000001Z"),
        "a fingerprint that goes, and went": lambda p, r: [p["predicate"]["fingerprint"].update(decision="destroy"), r["predicate"]["fingerprint"].update(status="destroyed")],
        "a fingerprint kept to a day": lambda p, r: [x["predicate"]["fingerprint"].update(until="2027-01-31T00:00:00Z") for x in (p, r)],
        "a fingerprint that went unplanned": lambda _, r: r["predicate"]["fingerprint"].update(status="destroyed"),
        "a fingerprint that was to go": lambda p, _: p["predicate"]["fingerprint"].update(decision="destroy"),
        "a fingerprint kept to no planned day": lambda _, r: r["predicate"]["fingerprint"].update(until="2027-01-31T00:00:00Z"),
        "a fingerprint to go, and kept": lambda p, _: p["predicate"]["fingerprint"].update(decision="destroy", until="2027-01-31T00:00:00Z"),
        "a fingerprint that went too early": lambda p, r: [p["predicate"]["fingerprint"].update(decision="destroy"), r["predicate"].update(outcome="partial"), r["predicate"]["fingerprint"].update(status="destroyed")],
        "an unknown fate of a fingerprint": lambda _, r: r["predicate"]["fingerprint"].update(status="gone"),
        "an approver twice": lambda p, _: p["predicate"]["approvers"].append(p["predicate"]["approvers"][0]),
        "a risk twice, in two spellings": lambda _, r: r["predicate"].update(residualRisks=[{"code": "x", "due": f"2027-01-01T00:00:00{f}Z"} for f in ("", ".000000")]),
        "a limitation twice": lambda p, _: p["predicate"].update(limitations=["x", "x"]),
        "an address in a label": lambda p, _: p["predicate"]["controller"].update(name="ask a@b.example"),
        "an address in a store": lambda _, r: r["predicate"]["sweep"]["coverage"][0].update(store="x@y.zz"),
        "an at sign alone": lambda p, r: [x["predicate"]["controller"].update(name="a @ b.example") for x in (p, r)],
        "no address by an odd space": lambda p, r: [x["predicate"]["controller"].update(name="a\x1f@b\x85.example") for x in (p, r)],
        "escapes for a terminal": lambda p, r: [x["predicate"]["controller"].update(name="\x1b[2J<b>\u202e") for x in (p, r)],
        "the outcome boasts": lambda _, r: r["predicate"]["dataset"].update(recordsRecognisable=39),
        "the outcome is modest": lambda _, r: r["predicate"].update(outcome="partial"),
        "another run": lambda _, r: r["predicate"].update(attestationId="other"),
        "another challenge": lambda _, r: r["predicate"]["request"].update(challenge="other"),
        "another inventory": lambda _, r: r["predicate"]["inventory"].update(root="sha256:" + "0" * 64),
        "no approvers": lambda _, r: r["predicate"].update(approvers=[]),
        "other times": lambda _, r: r["predicate"]["times"].update(planned="2026-10-01T11:02:30Z"),
        "another technique": lambda _, r: r["predicate"]["targets"][0].update(technique="unlink"),
        "another kind": lambda _, r: r["predicate"]["targets"][0].update(kind="table"),
        "not whole": lambda _, r: r["predicate"]["targets"][0].update(whole=False),
        "the store was not swept after": lambda _, r: r["predicate"]["sweep"]["coverage"][0].update(store="other"),
        "started before it was planned": lambda _, r: r["predicate"]["times"].update(started="2026-10-01T11:04:30Z"),
        "verified before it was finished": lambda _, r: r["predicate"]["times"].update(verified="2026-10-01T11:19:00Z"),
        "swept before it was finished": lambda _, r: r["predicate"]["sweep"].update(started="2026-10-01T11:19:00Z"),
        "counts beyond what adds up exactly": lambda _, r: r["predicate"]["sweep"]["coverage"][0].update(unitsTotal=2**53 - 1, unitsExamined=2**53 - 1, unitsFailed=1, status="failed", reasons=[{"code": "x", "count": 1}]),
    }  # fmt: skip
    for name, edit in edits.items():
        yield given(f"statement: {name}", _edited(edit))
    yield given("statement: another plan", _edited(lambda p, _: p.update(), rebind=False))
    plan, result = made.statements(made.bundle())
    first = Sealed(seal(json.dumps(plan).encode(), (OPERATOR,)).raw)
    for name, payload in {
        "a duplicate key": json.dumps(result).encode().replace(b'"_type"', b'"_type":1,"_type"', 1),
        "a float": json.dumps(result).encode().replace(b'"recordsEnrolled": 40', b'"recordsEnrolled": 40.0', 1),
        "13 deep": b"[" * 13 + b"]" * 13,
        "not JSON": b"x",
        "a list": b"[]",
    }.items():  # fmt: skip
        last = Sealed(seal(payload, (OPERATOR,)).raw)
        yield given(f"statement: {name}", Bundle(plan=first, result=last))


def meaning() -> Iterator[Case]:
    erasure = KeyErasure(
        ever_in_clear=Known.NO, escrowed=Known.NO, backed_up=Known.NO, strength_bits=256,
        entropy_bits=256, keys_total=2, keys_destroyed=2, keys_scheduled=0,
    )  # fmt: skip
    by_key = made.target(technique="cryptographic-erase", method=Method.PURGE, erasure=erasure)
    for name, target in {
        "residue": made.target(verification=Verification(finding=Finding.RESIDUE)),
        "nowhere looked": made.target(verification=Verification(finding=Finding.ABSENT)),
        "not found absent": made.target(verification=Verification(finding=Finding.INCONCLUSIVE)),
        "unverified": made.target(status=Status.DESTROYED_UNVERIFIED),
        "no technique": made.target(technique=None),
        "no method": made.target(method=None),
        "a purge by overwriting": made.target(method=Method.PURGE),
        "failed": made.left(Status.FAILED),
        "failed, but not why": replace(made.left(Status.FAILED), reasons=()),
        "retained": made.left(Status.RETAINED),
        "pending": made.left(Status.PENDING),
        "a method, but pending": replace(made.left(Status.PENDING), method=Method.CLEAR),
        "no holdings": made.target(holdings=0),
        "holdings missing": made.target(holdings=2),
        "more unknown than holdings": made.target(holdings_unknown_records=4),
        "records of nothing known": made.target(holdings_unknown_records=3),
        "more reasons than holdings": made.target(reasons=(Tally("x", 4),)),
        "others' records, not whole": made.target(whole=False, foreign_records_destroyed=1),
        "a purge by key": by_key,
        "plaintext unknown": replace(by_key, erasure=replace(erasure, ever_in_clear=Known.UNKNOWN)),
        "a key in a backup": replace(by_key, erasure=replace(erasure, backed_up=Known.YES)),
        "a weak key": replace(by_key, erasure=replace(erasure, entropy_bits=127)),
        "a key scheduled": replace(by_key, erasure=replace(erasure, keys_destroyed=1, keys_scheduled=1)),
        "more keys than there are": replace(by_key, erasure=replace(erasure, keys_scheduled=1)),
        "conditions of nothing": made.target(erasure=erasure),
    }.items():  # fmt: skip
        planned = made.planned(technique=target.technique or "overwrite")
        of = made.plan(targets=(planned,))
        yield given(f"meaning: {name}", made.bundle(plan_of=of, changes={"targets": (target,)}))
        changes = {"settled": (target,), "supersedes": made.NONE}
        yield given(f"pending before: {name}", made.bundle(changes=changes))
    settled: dict[str, Any] = {"settled": (made.target(method=Method.LOGICAL_DELETE),)}
    yield given("pending before: of no result", made.bundle(changes=settled))
    settled["supersedes"] = made.NONE
    for method in Method:
        by = made.policy(lowest_method=method)
        yield given(f"pending before: {method} asked", made.bundle(changes=settled), by)
    nothing: dict[str, Any] = {"inventory": made.tree("inventory", 0), "targets": ()}
    empty = made.plan(sweep=replace(made.plan().sweep, found=Found()), **nothing)
    times = replace(made.result(empty).times, verified=None)
    for name, when in {"alone": made.result(empty).times, "at no time": times}.items():
        gone: dict[str, Any] = {**settled, "times": when, "targets": ()}
        yield given(f"pending before: {name}", made.bundle(plan_of=empty, changes=gone))
    sweep = made.result(made.plan()).sweep
    assert sweep is not None
    scopes = {
        "no second sweep": None,
        "found again": replace(sweep, found=Found(copy=1)),
        "no scope": replace(sweep, coverage=()),
        "unreachable": replace(sweep, coverage=(made.unreachable_scope(),)),
        "another scope": replace(sweep, coverage=(made.scope(name="other"),)),
        "a scope twice": replace(sweep, coverage=(made.scope(), made.scope())),
        "units do not add up": replace(sweep, coverage=(made.scope(units_total=11),)),
        "more unchanged than examined": replace(sweep, coverage=(made.scope(units_unchanged=11),)),
        "all unchanged": replace(sweep, coverage=(made.scope(units_unchanged=10),)),
        "an unknown total, examined": replace(sweep, coverage=(made.scope(units_total=None),)),
        "not the worst status": replace(sweep, coverage=(replace(made.unreachable_scope(), status=UnitStatus.FAILED),)),
        "a gap without a reason": replace(sweep, coverage=(replace(made.unreachable_scope(), reasons=()),)),
    }  # fmt: skip
    for name, swept in scopes.items():
        yield given(f"sweep: {name}", made.bundle(changes={"sweep": swept}))
    unreachable = {"sweep": scopes["unreachable"], "outcome": Outcome.COMPLETE}
    yield given("sweep: unreachable, called complete", made.bundle(changes=unreachable))


def demands() -> Iterator[Case]:
    for name, expect in {
        "another controller": Expectations(controller="Another"),
        "another dataset": Expectations(dataset="another"),
        "another challenge": Expectations(challenge="another"),
        "all as it is": Expectations("Example Research Ltd", "survey-2018-05", "nonce-1"),
    }.items():
        yield given(f"expected: {name}", made.bundle(), made.policy(expect=expect))
    for stores in (("share",), ("files:share",), ("share", "other")):
        yield given(f"expected: the stores {stores}", made.bundle(), made.policy(stores=stores))
    for method in Method:
        asks = made.policy(lowest_method=method)
        yield given(f"expected: at the least {method}", made.bundle(), asks)
