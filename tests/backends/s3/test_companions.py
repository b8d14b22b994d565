"""What goes along with holdings: delete markers, and uploads that nobody can read."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

from backends.contract import Finding, Result, Verdict
from backends.s3._model import upload_version
from tests.backends.s3.conftest import (
    ABSENT,
    DESTROYED,
    MATCHER,
    Place,
    findings,
    found,
    order,
    plan,
    results,
    text,
    uploads,
)


def test_an_upload_counts_as_the_dataset_only_where_its_parts_prove_it(plain: Place) -> None:
    body = text(*[*range(40)] * 10)
    plain.put("survey.csv", body)
    plain.put("mixed.csv", text(1, others=1))
    plain.upload("survey.csv", body[:9000], body[9000:18000])
    plain.upload("survey.csv", body[9000:18000], first=2)  # the first part has not arrived yet
    plain.upload("survey.csv", body[:9000], b"something else")
    plain.upload("survey.csv")
    plain.upload("mixed.csv", text(1, others=1))
    plain.upload("elsewhere.csv", body)
    expected = [
        ("elsewhere.csv", Verdict.MAYBE, None, None, len(body)),
        ("mixed.csv", Verdict.LIKELY, None, None, len(text(1, others=1))),
        ("survey.csv", Verdict.COPY, None, 0, 9000),
        ("survey.csv", Verdict.COPY, None, 0, 18000),
        ("survey.csv", Verdict.LIKELY, 0, 0, 0),
        ("survey.csv", Verdict.LIKELY, None, None, 9014),
    ]
    got = [
        (u.locator.split("/")[1], u.verdict, u.records, u.foreign_records, u.size)
        for u in uploads(plain)
    ]
    assert sorted(map(repr, expected)) == sorted(map(repr, got))


def test_an_upload_that_may_hold_others_goes_by_decision_only(plain: Place) -> None:
    plain.put("survey.csv", text(1))
    kept = plain.upload("elsewhere.csv", b"theirs")
    gone = plain.upload("elsewhere.csv", b"unwanted")
    (one, two) = sorted(uploads(plain), key=lambda u: u.version.startswith(kept), reverse=True)
    store = plain.open()
    assert [(Result.FAILED, "no-record-rewrite")] == results(store, [order(two)])
    assert [DESTROYED] == results(store, [order(two, whole=True)])
    assert [ABSENT] == findings(store, [order(two)])
    assert (Finding.RESIDUE, "still-listed") == findings(store, [order(one)])[0]
    assert {kept} == {name for _, name, kind in plain.state() if kind == "upload"}
    assert gone != kept


def test_an_upload_that_went_on_since_the_plan_is_left_alone(plain: Place) -> None:
    plain.put("k", text(1))
    upload_id = plain.upload("k", text(1))
    (holding,) = uploads(plain)
    plain.client.upload_part(
        Bucket=plain.name, Key="k", UploadId=upload_id, PartNumber=2, Body=b"more"
    )
    before = dict(plain.state())
    assert [(Result.CHANGED, "parts-added")] == results(plain.open(), [order(holding)])
    assert before == plain.state()


def test_a_marker_over_a_foreign_version_waits_for_a_decision_and_stays(versioned: Place) -> None:
    versioned.put("k", text(others=2))
    versioned.put("k", text(1))
    versioned.client.delete_object(Bucket=versioned.name, Key="k")
    versioned.client.delete_object(Bucket=versioned.name, Key="never-there")
    store = versioned.open()
    holdings = found(store)
    (marker,) = store.companions(holdings, MATCHER)
    assert (Verdict.LIKELY, "delete-marker", 0) == (marker.verdict, marker.kind, marker.records)
    assert [
        DESTROYED,
        (Result.FAILED, "would-uncover-a-version"),
    ] == results(store, plan([*holdings, marker]))
    assert [
        ("k", "marker"),
        ("k", "object"),
        ("never-there", "marker"),
    ] == sorted((k, kind) for k, _, kind in versioned.state())


def test_deleting_the_current_version_says_that_an_older_one_becomes_current(
    versioned: Place,
) -> None:
    versioned.put("k", text(others=2))
    versioned.put("k", text(1))
    store = versioned.open()
    (answer,) = store.destroy(plan(found(store)), MATCHER)
    assert Result.DESTROYED is answer.result
    assert "s3-older-version-becomes-current" in answer.limitations


def test_the_version_of_an_upload_tells_its_parts_apart() -> None:
    assert upload_version("id", []) != upload_version("other", [])
    assert upload_version("id", []).startswith("id ")
