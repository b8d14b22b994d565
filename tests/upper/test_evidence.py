"""The statements of a run: what they add up, and that they fit whatever they are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attestations import Bundle, Destruction
from attestations import Finding as Seen
from attestations.destruction import Status as Attested
from backends.contract import (
    CoverageStatus,
    Finding,
    Gap,
    Method,
    Order,
    Result,
    Scope,
    Technique,
    Traits,
    Verdict,
    Verification,
)
from backends.contract import (
    Destruction as Answer,
)
from shredder import report
from shredder.errors import ExitCode
from shredder.evidence import groups
from shredder.evidence.groups import planned_targets, targets
from shredder.evidence.parts import tallies
from shredder.journal import Entry, Run
from shredder.plan import Decision, Item, Mixed, Options
from shredder.run.results import Outcome, Status, outcome_of
from shredder.sealed import read_plan, read_result
from tests.upper.place import Place, opened_as
from tests.upper.scripted import Scripted, View, holding

LATER = "2031-01-31T00:00:00.000000Z"


def ended(place: Place, *views: View, options: Options | None = None, **store: Any) -> Run:
    with opened_as({"mem": Scripted(*views, **store)}):
        return place.destroy(options)


def stated(place: Place, run: Run) -> Destruction:
    assert place.outcome(run)  # the auditor's checks
    return read_result(Bundle.load(place.bundle(run)).result)


def view(*found: Any, **more: Any) -> View:
    return View(units={"desk": [list(found)]}, **more)


def test_numbers_add_up_over_holdings_that_fared_alike(place: Place) -> None:
    found = [
        holding("a", records=3),
        holding("b", records=4),
        holding("c", records=None),
        holding("d", kind="log", records=5, foreign_records=7, partial=None),
    ]
    done = ended(
        place, view(*found), view(), options=Options(mixed=Mixed.WHOLE),
        destroy=lambda o: Answer(o.id, Result.DESTROYED, Method.CLEAR, numbers={"bytes-overwritten": 5}),
    )  # fmt: skip
    by_kind = {target.kind: target for target in stated(place, done).targets}
    plain, log = by_kind["bytes"], by_kind["log"]
    assert (plain.holdings, plain.records, plain.holdings_unknown_records) == (3, 7, 1)
    assert (plain.whole, plain.foreign_records_destroyed) == (False, 0)
    assert [(t.code, t.count) for t in plain.verification.numbers] == [("bytes-overwritten", 15)]
    assert (log.whole, log.foreign_records_destroyed, log.records) == (True, 7, 5)
    assert log.method == "clear"
    assert place.outcome(done) == "complete"


def test_foreign_records_count_as_destroyed_only_where_something_was(place: Place) -> None:
    found = holding("d", foreign_records=7, partial=None)
    done = ended(
        place, view(found), view(found), options=Options(mixed=Mixed.WHOLE),
        destroy=lambda o: Answer(o.id, Result.FAILED, reason="in-use"),
    )  # fmt: skip
    (target,) = stated(place, done).targets
    assert (target.status, target.foreign_records_destroyed) == (Attested.FAILED, 0)
    assert [(t.code, t.count) for t in target.reasons] == [("in-use", 1)]
    assert target.verification.finding is Seen.NOT_LOOKED
    assert target.method is None


def test_the_latest_date_of_a_group_is_told(place: Place) -> None:
    def destroy(order: Order) -> Answer:
        year = 2030 + int(order.holding.locator)
        return Answer(order.id, Result.PENDING, until=f"{year}-01-31T00:00:00Z")

    found = [holding("1"), holding("3"), holding("2")]
    (target,) = stated(place, ended(place, view(*found), view(*found), destroy=destroy)).targets
    assert target.until is not None
    assert (target.status, target.until.year) == (Attested.PENDING, 2033)


def test_locked_holdings_stand_in_both_statements_with_reason_and_date(place: Place) -> None:
    locked = holding("l", retention="object-lock", retained_until=LATER)
    undated = holding("u", retention="legal-hold")
    done = ended(place, view(holding("a"), locked, undated), view(locked, undated))
    plan = read_plan(Bundle.load(place.bundle(done)).plan)
    kept = {t.reason: t.retained_until for t in plan.targets if t.decision == "retain"}
    assert {reason: date and date.year for reason, date in kept.items()} == {
        "object-lock": 2031, "legal-hold": None,
    }  # fmt: skip
    retained = [t for t in stated(place, done).targets if t.status is Attested.RETAINED]
    assert sum(t.holdings for t in retained) == 2
    assert place.outcome(done) == "partial"


def test_what_waits_or_was_dismissed_is_counted_by_verdict(place: Place) -> None:
    likely = holding("l", verdict=Verdict.LIKELY)
    maybe = [holding(f"m{n}", verdict=Verdict.MAYBE) for n in range(2)]
    options = Options(dismiss=frozenset({Verdict.MAYBE}))
    left = (likely, *maybe)
    done = ended(place, view(holding("a"), *left), view(*left), options=options)
    result = stated(place, done)
    assert (result.undecided.likely, result.undecided.maybe) == (1, 0)
    assert (result.dismissed.likely, result.dismissed.maybe) == (0, 2)
    assert place.outcome(done) == "partial"


def test_a_certain_holding_that_waits_is_retained_by_want_of_a_decision(place: Place) -> None:
    mixed = holding("m", foreign_records=2, partial=None)
    done = ended(place, view(holding("a"), mixed), view(mixed))
    by_status = {target.status: target for target in stated(place, done).targets}
    assert [t.code for t in by_status[Attested.RETAINED].reasons] == ["mixed"]


def test_uploads_and_markers_without_content_are_told_of(place: Place) -> None:
    """What S3 has beside objects: nothing can be counted in it, and it goes."""
    upload = holding(
        "key", version="upload", kind="upload", verdict=Verdict.LIKELY, records=None,
        foreign_records=None, size=None, whole=Technique.ABORT_UPLOAD, partial=None,
    )  # fmt: skip
    marker = replace(upload, version="m", kind="marker", verdict=Verdict.COPY, records=0,
                     foreign_records=0, whole=Technique.DELETE_VERSION)  # fmt: skip
    unreadable = Gap("desk", CoverageStatus.FAILED, "unfinished-upload", "key")
    before = View(units={"desk": [[holding("key")], unreadable]}, companions=[upload, marker])
    done = ended(place, before, view(), options=Options(include=frozenset({Verdict.LIKELY})))
    kinds = {
        t.kind: (t.holdings, t.whole, t.holdings_unknown_foreign)
        for t in stated(place, done).targets
    }
    assert kinds == {"bytes": (1, False, 0), "marker": (1, False, 0), "upload": (1, True, 1)}
    assert done.facts["gaps"] == 0


@pytest.mark.parametrize("listed", [True, False])
def test_scopes_are_stated_whether_their_listing_ended_or_not(place: Place, listed: bool) -> None:
    problem = "" if listed else "access-denied"
    after = View(scopes=[Scope("desk"), Scope("vault", "0/1", problem)], units={"desk": [[]]})
    done = ended(place, view(holding()), after)
    sweep = stated(place, done).sweep
    assert sweep is not None
    (vault,) = [entry for entry in sweep.coverage if entry.as_of == "0/1"]
    assert vault.units_total == (0 if listed else None)
    assert (place.outcome(done) == "complete") == listed
    code = ExitCode.COMPLETE if listed else ExitCode.INCONCLUSIVE
    assert report.exit_code(place.work, done) is code


def test_a_scope_called_as_the_whole_store_is_told_apart_from_it(place: Place) -> None:
    """Companions that cannot be named leave a gap of the whole store, `*`."""
    after = View(
        scopes=[Scope("desk"), Scope("*")], units={"desk": [[]]}, companions=[ValueError()]
    )
    done = ended(place, view(holding()), after)
    sweep = stated(place, done).sweep
    assert sweep is not None
    assert len({entry.scope for entry in sweep.coverage}) == 3


def test_recipients_the_reference_and_a_challenge_are_stated_without_names(place: Place) -> None:
    place.configure(
        'reference = "case of Ann"\nbasis = "gdpr-art-17"\n'
        '[recipients.agency]\ndatasets = ["survey"]\ntold = 2018-06-01\n'
        '[recipients.printer]\ndatasets = ["survey"]\n'
    )
    done = ended(place, view(holding()), view())
    result = stated(place, done)
    assert sorted(each.status for each in result.recipients) == ["not-told", "told"]
    text = place.bundle(done).read_text()
    assert "Ann" not in text
    assert "agency" not in text
    assert result.request.basis == "gdpr-art-17"
    assert (result.request.reference or "").startswith("sha256:")


# --- more than a statement holds ---


def test_more_reasons_than_can_be_named_are_summed_up() -> None:
    counts = {f"code-{n:03}": n + 1 for n in range(100)} | {"other": 1}
    told = tallies(counts)
    assert len(told) == 64
    assert sum(each.count for each in told) == sum(counts.values())
    assert len({each.code for each in told}) == 64
    kept = [each.code for each in told if each.code != "other"]
    assert kept == [f"code-{n:03}" for n in range(37, 100)]


def test_as_many_reasons_as_can_be_named_are_named() -> None:
    counts = {f"code-{n:02}": 1 for n in range(63)}
    assert {each.code: each.count for each in tallies(counts)} == counts


def test_a_hundred_kinds_of_gaps_and_of_failures_are_attested(place: Place) -> None:
    found = [holding(f"{n}") for n in range(100)]
    gaps = [Gap("desk", CoverageStatus.FAILED, f"gap-{n}", f"{n}") for n in range(100)]
    done = ended(
        place, view(*found), View(units={"desk": [found, *gaps]}),
        destroy=lambda o: Answer(o.id, Result.FAILED, reason=f"reason-{o.holding.locator}"),
    )  # fmt: skip
    (target,) = stated(place, done).targets
    assert (target.holdings, sum(t.count for t in target.reasons)) == (100, 100)


def test_more_groups_than_a_statement_holds_are_merged(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MOST_GROUPS", 10)

    def verify(order: Order) -> Verification:
        n = int(order.holding.locator)
        return Verification(order.id, Finding.ABSENT, ("listing", f"place-{n}") if n else ("rows",))

    found = [holding(f"{n}", limitations=(f"limit-{n}",)) for n in range(30)]
    (target,) = stated(place, ended(place, view(*found), view(), verify=verify)).targets
    assert (target.holdings, target.records, target.status) == (30, 90, Attested.DESTROYED_VERIFIED)
    assert target.limitations == tuple(sorted(f"limit-{n}" for n in range(30)))
    assert target.verification.looked == ("not-the-same-for-all",)


def test_what_is_merged_was_looked_at_where_all_were() -> None:
    def pair(number: int) -> tuple[Item, Outcome]:
        item = Item(
            f"{number}", holding(f"{number}"), Decision.DESTROY, Technique.FORGET, False, ""
        )
        entry = Entry(
            item.id,
            Answer(item.id, Result.DESTROYED, limitations=(f"limit-{number:04}",)),
            Verification(item.id, Finding.ABSENT, ("listing", f"place-{number % 7}")),
            1,
        )
        return item, outcome_of(item, entry, resurfaced=False)

    (target,) = targets(pair(n) for n in range(1200))
    assert (target.holdings, target.verification.looked) == (1200, ("listing",))
    assert len(target.limitations) == 64


def test_the_plan_groups_by_store_kind_decision_and_reason() -> None:
    def item(n: int, decision: Decision, reason: str = "", **changes: Any) -> Item:
        going = decision is Decision.DESTROY
        found = holding(f"{n}", **changes)
        return Item(f"{n}", found, decision, Technique.FORGET if going else None, False, reason)

    found = planned_targets(
        [
            item(0, Decision.DESTROY),
            item(1, Decision.DESTROY, records=None, foreign_records=2),
            item(2, Decision.IMPOSSIBLE, "no-technique"),
            item(3, Decision.UNDECIDED, "mixed"),
            item(4, Decision.UNDECIDED, "verdict-maybe", verdict=Verdict.MAYBE),
        ]
    )
    assert [(t.decision.value, t.reason, t.holdings, t.records, t.foreign_records) for t in found] == [
        ("destroy", None, 2, 3, 2), ("retain", "no-technique", 1, 3, 0), ("retain", "mixed", 1, 3, 0),
    ]  # fmt: skip


def test_more_scopes_than_a_statement_holds_are_summed_up_by_store(place: Place) -> None:
    """And so they are in both sweeps, for they are compared."""
    scopes = [Scope(f"bucket-{n}") for n in range(2500)]
    units: dict[str, Any] = {scope.name: [[]] for scope in scopes}
    gap = {"bucket-7": [Gap("", CoverageStatus.EXCLUDED, "excluded-by-setting")]}
    before = View(scopes=scopes, units=units | {"bucket-0": [[holding()]]})
    done = ended(place, before, View(scopes=scopes, units=units))
    sweep = stated(place, done).sweep
    assert sweep is not None
    (entry,) = sweep.coverage
    assert (entry.units_total, entry.units_examined, entry.status) == (2500, 2500, "examined")
    assert place.outcome(done) == "complete"
    done = ended(place, before, View(scopes=scopes, units=units | gap))
    sweep = stated(place, done).sweep
    assert sweep is not None
    (entry,) = sweep.coverage
    assert (entry.units_total, entry.units_excluded, entry.status) == (2500, 1, "excluded")
    assert place.outcome(done) == "partial"


def test_many_holdings_are_one_line_of_the_statement(place: Place) -> None:
    """A statement's size does not grow with what was found."""
    found = [holding(f"{n:05}") for n in range(3000)]
    traits = Traits(1000, 2, frozenset(), ())
    done = ended(place, view(*found), view(), traits=traits)
    assert stated(place, done).inventory.size == 3000
    assert place.bundle(done).stat().st_size < 20_000


# --- exit codes ---


@pytest.mark.parametrize(
    ("destroy", "verify", "after", "code"),
    [
        ("destroyed", "absent", "nothing", ExitCode.COMPLETE),
        ("pending", "absent", "found", ExitCode.PENDING),
        ("failed", "absent", "found", ExitCode.PARTIAL),
        ("destroyed", "inconclusive", "nothing", ExitCode.INCONCLUSIVE),
        ("destroyed", "residue", "nothing", ExitCode.RESIDUE),
        ("destroyed", "residue", "silent", ExitCode.RESIDUE),
        ("destroyed", "absent", "found", ExitCode.RESIDUE),
        ("destroyed", "absent", "silent", ExitCode.INCONCLUSIVE),
        ("failed", "absent", "silent", ExitCode.INCONCLUSIVE),
        ("pending", "absent", "silent", ExitCode.INCONCLUSIVE),
    ],
)
def test_the_exit_code_is_the_first_that_a_script_must_act_on(
    place: Place, destroy: str, verify: str, after: str, code: ExitCode
) -> None:
    afterwards = {
        "nothing": view(),
        "found": view(holding()),
        "silent": View(scopes=ValueError()),
    }
    done = ended(
        place, view(holding()), afterwards[after],
        destroy=lambda o: Answer(o.id, Result(destroy)),
        verify=lambda o: Verification(o.id, Finding(verify), ("listing",), "why"),
    )  # fmt: skip
    assert report.exit_code(place.work, done) is code


def test_what_a_script_reads_of_a_run(place: Place) -> None:
    done = ended(place, view(holding("a"), holding("b", verdict=Verdict.MAYBE)), view(holding("c")))
    answer = report.run_json(place.work, done)
    assert answer["outcome"] == "partial"
    assert [(h["locator"], h["status"], h["verification"]) for h in answer["holdings"]] == [
        ("a", "destroyed-verified", "absent"), ("b", "undecided", None),
    ]  # fmt: skip
    assert [h["locator"] for h in answer["appeared"]] == ["c"]
    assert answer["attestation"] == str(place.bundle(done))
    assert answer["time"] == "indeterminate"
    assert Status(next(iter(answer["holdings"]))["status"]) is Status.VERIFIED
