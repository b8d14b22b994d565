"""Mutants of real bundles by the hundred thousand: none escapes, none is believed, none is slow.

    SHREDDER_FUZZ_MUTANTS=1000000 SHREDDER_FUZZ_SEED=nightly pytest -s tests/attestations/test_fuzz.py

A mutant that is found is named by seed and number, and ``Breeder(KINDS, seed).make(number)`` makes
it again: the bundles' keys are fixed, but for the forged authority's, whose tokens vary.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from attestations import Code, Envelope, LogVerdict, Report, TimeVerdict, check
from attestations.bundle import Bundle
from attestations.schema import encode
from tests.attestations.forge import Forge
from tests.attestations.kinds import kinds
from tests.attestations.made import NOW
from tests.attestations.mutate import Breeder, Mutant

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
SEED = os.environ.get("SHREDDER_FUZZ_SEED", "1")
MUTANTS = int(os.environ.get("SHREDDER_FUZZ_MUTANTS", "200000" if IN_CI else "10000"))
WORKERS = 2
SECONDS = 1.0
MEMORY = 100_000  # KiB

KINDS = kinds(Forge())
GOOD = {
    (kind, donor): check(KINDS[donor].bundle.to_bytes(), KINDS[kind].policy, now=NOW)
    for kind in KINDS
    for donor in KINDS
}
_TIMES = [TimeVerdict.INDETERMINATE, TimeVerdict.VALID]
_LOGS = [LogVerdict.NOT_ASKED, LogVerdict.INDETERMINATE, LogVerdict.LOGGED, LogVerdict.WITNESSED]


def believed(report: Report, goods: list[Report]) -> bool:
    """Whether a report claims what one good one claims, and proves no more than they do together.

    Together, for the plan's timestamp may come from one bundle and the result from another, where
    both are about the very same plan.
    """
    same = [good for good in goods if claims(good) == claims(report)]
    return (
        bool(same)
        and _TIMES.index(report.time) <= max(_TIMES.index(good.time) for good in goods)
        and report.no_later_than in {None, *(good.no_later_than for good in same)}
        and report.plan_before_start <= max(good.plan_before_start for good in goods)
        and _LOGS.index(report.log) <= max(_LOGS.index(good.log) for good in goods)
    )


def claims(report: Report) -> tuple[object, ...]:
    """What is said, and by whom."""
    said = (report.plan, report.result, report.stated, report.computed, report.obstacles)
    return (*said, report.signers)


def says_what_was_signed(data: bytes, report: Report) -> bool:
    """Whether the predicates are those that a plain reader finds under the signatures."""
    bundle = Bundle.from_bytes(data)
    return [encode(report.plan), encode(report.result)] == [
        json.loads(Envelope.from_bytes(each.envelope).payload)["predicate"]
        for each in (bundle.plan, bundle.result)
    ]


def fault(mutant: Mutant, report: Report) -> str:
    """What is wrong with a verdict; empty if nothing is."""
    if report.result is None:
        refused = report.authentic == "invalid" and report.codes[0] in set(Code)
        silent = report.plan is None and not report.signers and report.computed is None
        return "" if refused and silent else "a refusal that is none"
    if not says_what_was_signed(mutant.data, report):
        return "the report says what nobody signed"
    if mutant.resealed:
        return "" if report.stated == report.computed else "another outcome than stated"
    goods = [GOOD[mutant.kind, donor] for donor in (mutant.kind, mutant.donor)]
    accepted = [good for good in goods if good.result is not None]
    return "" if believed(report, accepted) else "a false accept"


@dataclass
class Tally:
    """What came of some mutants."""

    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    spent: float = 0.0
    grown: int = 0

    def add(self, other: Tally) -> None:
        self.codes += other.codes
        self.faults += other.faults
        self.spent += other.spent
        self.slowest = max(self.slowest, other.slowest)
        self.grown = max(self.grown, other.grown)


def judged(mutant: Mutant) -> tuple[Report, float]:
    """The verdict, and how long it took: what is slow is measured again, for others work here."""
    policy, best = KINDS[mutant.kind].policy, float("inf")
    for _ in range(3):
        begin = time.thread_time()
        report = check(mutant.data, policy, now=NOW)
        best = min(best, time.thread_time() - begin)
        if best < SECONDS:
            break
    return report, best


def fuzz(first: int) -> Tally:
    """Judge every WORKERS-th mutant."""
    tally, breeder = Tally(), Breeder(KINDS, SEED)
    begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(first, MUTANTS, WORKERS):
        name = f"seed {SEED}, mutant {number}"
        try:
            mutant = breeder.make(number)
            report, spent = judged(mutant)
            wrong = fault(mutant, report)
        except Exception as error:
            tally.faults.append(f"{name}: {type(error).__name__}: {error}")
            continue
        tally.codes[report.codes[0] if report.result is None else "accepted"] += 1
        tally.slowest = max(tally.slowest, spent)
        if wrong:
            tally.faults.append(f"{name}: {wrong}")
        if len(tally.faults) > 20:
            break
    tally.spent = time.process_time() - begin
    tally.grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return tally


def test_the_originals_are_accepted() -> None:
    for name, kind in KINDS.items():
        assert GOOD[name, name].computed is kind.outcome
        assert fault(Mutant(name, name, kind.bundle.to_bytes()), GOOD[name, name]) == ""


def test_a_mutant_is_made_again_from_its_number() -> None:
    first, again = Breeder(KINDS, SEED), Breeder(KINDS, SEED)
    assert [first.make(n) for n in range(300)] == [again.make(n) for n in reversed(range(300))][
        ::-1
    ]
    assert first.make(1) != Breeder(KINDS, SEED + "x").make(1)


def test_a_false_accept_would_show() -> None:
    """A verifier that is too lenient is found out by the judgement above."""
    partial = GOOD["partial", "partial"]
    data = KINDS["complete"].bundle.to_bytes()
    assert fault(Mutant("complete", "complete", data), partial) != ""
    data = KINDS["partial"].bundle.to_bytes()
    assert fault(Mutant("complete", "complete", data), partial) == "a false accept"
    assert fault(Mutant("partial", "complete", data), partial) == ""


@pytest.mark.slow
def test_no_mutant_gets_past_the_procedure() -> None:
    """No exception, no false accept, and no call beyond a second and 100 MB."""
    begin = time.monotonic()
    whole: Tally = Tally()
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        for tally in pool.imap_unordered(fuzz, range(WORKERS)):
            whole.add(tally)
    _print(whole, time.monotonic() - begin)
    assert whole.faults == []
    assert sum(whole.codes.values()) == MUTANTS
    assert whole.slowest < SECONDS
    assert whole.grown < MEMORY
    # The mutants are worth something: they get to every stage, and a few change no meaning.
    common = [
        "E_LIMIT", "E_JSON", "E_BUNDLE", "E_BASE64", "E_ENVELOPE", "E_PAYLOAD_TYPE", "E_SIG", "E_THRESHOLD", "E_TS_PARSE",
        "E_TS_CHAIN", "E_TS_IMPRINT", "E_LOG_PARSE", "E_LOG_INCLUSION", "E_TYPE", "E_SCHEMA", "E_PLAN", "accepted",
    ]  # fmt: skip
    rare = [
        "E_UNKNOWN_FIELD",
        "E_REF",
        "E_TIME_ORDER",
        "E_COUNT",
        "E_VERIFY_CLAIM",
        "E_PII",
        "E_OUTCOME",
    ]
    for code in common + (rare if MUTANTS >= 200_000 else []):
        assert whole.codes[code] > 0, code


def _print(whole: Tally, seconds: float) -> None:
    counted: list[Any] = sorted(whole.codes.items(), key=lambda item: -item[1])
    print(
        f"\nfuzz: seed {SEED}, {sum(whole.codes.values())} mutants in {seconds:.0f} s "
        f"({whole.spent:.0f} s of processor time, by {WORKERS} processes); "
        f"slowest call {whole.slowest * 1000:.0f} ms, memory grown by {whole.grown / 1024:.0f} MiB"
    )
    print("      " + ", ".join(f"{code} {count}" for code, count in counted))
