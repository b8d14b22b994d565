"""What deleting does to a bucket, seen by a plain client before and after."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from backends.contract import Finding, Holding, Order, Result, Technique, Verdict
from backends.errors import CouldNotTell
from backends.s3._model import upload_version
from tests.backends.s3.conftest import MATCHER, Place, found, order, plan, text, units
from tests.backends.s3.proxy import Answer, Proxy, Request, refused


def results(store: Any, orders: list[Order]) -> list[tuple[Result, str]]:
    answers = store.destroy(orders, MATCHER)
    assert [o.id for o in orders] == [a.order for a in answers]
    return [(a.result, a.reason) for a in answers]


def findings(store: Any, orders: list[Order]) -> list[tuple[Finding, str]]:
    answers = list(store.verify(orders, MATCHER))
    assert [o.id for o in orders] == [a.order for a in answers]
    return [(a.finding, a.reason) for a in answers]


DESTROYED = (Result.DESTROYED, "")
ABSENT = (Finding.ABSENT, "")


def test_exactly_the_ordered_versions_go(versioned: Place) -> None:
    """Neither keys that begin alike nor other versions go, and no new marker comes."""
    for key in ("users/1", "users/10", "users/1/2", "users/1-a", "users", "user"):
        versioned.put(key, text(others=3))
    doomed = versioned.put("users/1", text(1, 2))
    versioned.put("users/1", text(others=1))
    before = dict(versioned.state())
    store = versioned.open()
    orders = plan(found(store))
    assert [doomed] == [o.holding.version.split()[0] for o in orders]
    assert [DESTROYED] == results(store, orders)
    del before["users/1", doomed, "object"]
    assert before == versioned.state()
    assert [ABSENT] == findings(store, orders)


def test_all_versions_markers_and_proven_uploads_of_a_dataset_go(versioned: Place) -> None:
    body = text(*[*range(40)] * 20)
    for _ in range(3):
        versioned.put("old/survey.csv", body)
    versioned.client.delete_object(Bucket=versioned.name, Key="old/survey.csv")
    versioned.upload("old/survey.csv", body[:5000], body[5000:10000])
    versioned.put("other.csv", text(others=4))
    store = versioned.open()
    holdings = found(store)
    companions = list(store.companions(holdings, MATCHER))
    assert [
        ("delete-marker", Verdict.COPY, 0, 0),
        ("upload", Verdict.COPY, None, 0),
    ] == [(c.kind, c.verdict, c.records, c.foreign_records) for c in companions]
    orders = plan([*companions, *holdings])
    assert [DESTROYED] * 5 == results(store, orders)
    assert ["other.csv"] == [key for key, _, _ in versioned.state()]
    assert [ABSENT] * 5 == findings(versioned.open(), orders)
    assert [(Result.ALREADY_ABSENT, "")] * 5 == results(versioned.open(), orders)


def test_a_suspended_bucket_loses_null_versions_and_others(
    make_place: Callable[..., Place],
) -> None:
    place = make_place()
    place.put("k", text(1))
    place.version("Enabled")
    place.put("k", text(2))
    place.put("foreign", text(others=1))
    place.version("Suspended")
    store = place.open()
    orders = plan(found(store))
    assert [DESTROYED] * 2 == results(store, orders)
    assert ["foreign"] == [key for key, _, _ in place.state()]
    assert [ABSENT] * 2 == findings(store, orders)


def test_odd_keys_are_deleted_and_their_doubles_are_not(plain: Place) -> None:
    """A parser turns a raw CR in XML into LF: the key of another object."""
    doomed = ["new\nline", "cr\rx", "crlf\r\nx", "tab\tx", "plus+ x", "per%2Bcent", "ü", "<&>'\""]
    spared = ["cr\nx", "newline", "crlf\nx", "tab x", "plus  x", "per+cent", "u\u0308", "&lt;"]
    for key in doomed:
        plain.put(key, text(1))
    for key in spared:
        plain.put(key, text(others=1))
    before = dict(plain.state())
    store = plain.open()
    orders = plan(found(store))
    assert [DESTROYED] * len(doomed) == results(store, orders)
    assert {k: v for k, v in before.items() if k[0] in spared} == plain.state()
    assert [ABSENT] * len(doomed) == findings(store, orders)


def test_more_than_a_batch_goes_in_batches(plain: Place) -> None:
    plain.put_many({f"bulk/{n:05}.csv": text(1) for n in range(1003)})
    plain.put("bulk/foreign.csv", text(others=1))
    store = plain.open()
    listed = [u for u in units(store, plain.name) if "foreign" not in u.locator]
    (like,) = store.examine(listed[0], MATCHER).holdings
    orders = plan([dataclasses.replace(like, locator=u.locator, version=u.version) for u in listed])
    assert 1003 == len(orders)
    with pytest.raises(ValueError, match="1001 orders"):
        store.destroy(orders[:1001], MATCHER)
    assert [DESTROYED] * 1000 == results(store, orders[:1000])
    assert [DESTROYED] * 3 == results(store, orders[1000:])
    assert ["bulk/foreign.csv"] == [key for key, _, _ in plain.state()]
    assert [ABSENT] * 103 == findings(store, orders[900:])


@pytest.mark.parametrize(
    ("lock", "code"),
    [
        ("GOVERNANCE", "object-lock-governance"),
        ("COMPLIANCE", "object-lock-compliance"),
        ("HOLD", "legal-hold"),
    ],
)
def test_a_locked_version_is_retained_and_says_until_when(
    locked: Place, lock: str, code: str
) -> None:
    end = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(hours=1)
    until = "" if lock == "HOLD" else end.strftime("%Y-%m-%dT%H:%M:%SZ")
    more: dict[str, Any] = (
        {"ObjectLockLegalHoldStatus": "ON"}
        if lock == "HOLD"
        else {"ObjectLockMode": lock, "ObjectLockRetainUntilDate": end}
    )
    locked.put("kept.csv", text(1), **more)
    locked.put("free.csv", text(2))
    locked.client.delete_object(Bucket=locked.name, Key="kept.csv")
    store = locked.open()
    free, kept = found(store)
    assert ("", "") == (free.retention, free.retained_until)
    assert (code, until) == (kept.retention, kept.retained_until)
    (marker,) = store.companions([free, kept], MATCHER)
    assert Verdict.LIKELY is marker.verdict
    answers = store.destroy(plan([free, kept, marker]), MATCHER)
    assert [
        (Result.DESTROYED, "", ""),
        (Result.RETAINED, code, until),
        (Result.FAILED, "would-uncover-a-version", ""),
    ] == [(a.result, a.reason, a.until) for a in answers]
    assert [
        ("kept.csv", "marker"),
        ("kept.csv", "object"),
    ] == sorted((k, kind) for k, _, kind in locked.state())
    assert (Finding.RESIDUE, "still-listed") == findings(store, plan([kept]))[0]


def test_an_expired_lock_is_no_lock(locked: Place) -> None:
    end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    locked.put("k", text(1), ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=end)
    import time

    time.sleep(2.5)
    store = locked.open()
    (holding,) = found(store)
    assert ("", "") == (holding.retention, holding.retained_until)
    assert [DESTROYED] == results(store, [order(holding)])


def test_what_the_operator_may_not_see_of_a_lock_is_a_limitation(
    locked: Place, proxy: Proxy
) -> None:
    locked.put("k", text(1))

    def refuse(request: Request, forward: Callable[[], Answer]) -> Answer:
        hidden = {"object-lock", "retention", "legal-hold", "replication"} & set(request.query)
        return refused(403, "AccessDenied") if hidden else forward()

    with proxy.lying(refuse):
        (holding,) = found(locked.open(endpoint_url=proxy.url))
    assert {"s3-lock-state-unknown", "s3-replication-unknown"} <= set(holding.limitations)


def test_mfa_delete_leaves_no_technique(versioned: Place, proxy: Proxy) -> None:
    versioned.put("k", text(1))

    def with_mfa(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "versioning" in request.query:
            answer.body = answer.body.replace(
                b"</Status>", b"</Status><MfaDelete>Enabled</MfaDelete>"
            )
        return answer

    with proxy.lying(with_mfa):
        (holding,) = found(versioned.open(endpoint_url=proxy.url))
    assert (None, "mfa-delete") == (holding.whole, holding.obstacle)


def test_a_replication_is_a_limitation(versioned: Place, proxy: Proxy) -> None:
    versioned.put("k", text(1))
    xml = (
        b"<ReplicationConfiguration><Role>arn:aws:iam::1:role/r</Role><Rule><Status>Enabled</Status>"
        b"<Destination><Bucket>arn:aws:s3:::replica</Bucket></Destination></Rule></ReplicationConfiguration>"
    )
    with proxy.lying(lambda r, f: Answer(200, [], xml) if "replication" in r.query else f()):
        (holding,) = found(versioned.open(endpoint_url=proxy.url))
    assert ("s3-provider-replicas", "s3-replication-configured") == holding.limitations


# --- companions ----------------------------------------------------------------------------


def uploads(place: Place) -> list[Holding]:
    store = place.open()
    return [c for c in store.companions(found(store), MATCHER) if c.kind == "upload"]


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


# --- a server that lies, refuses or is gone ------------------------------------------------


def test_a_false_success_is_not_believed(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    done = (
        b"<DeleteResult><Deleted><Key>k</Key><VersionId>null</VersionId></Deleted></DeleteResult>"
    )
    with proxy.lying(lambda r, forward: Answer(200, [], done) if r.method == "POST" else forward()):
        assert [(Result.FAILED, "still-listed")] == results(store, orders)
    assert [(Finding.RESIDUE, "still-listed")] == findings(store, orders)


def test_an_empty_answer_to_a_deletion_is_not_believed(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    with proxy.lying(lambda r, forward: Answer(200) if r.method == "POST" else forward()):
        assert [(Result.FAILED, "still-listed")] == results(store, orders)


def test_an_aborted_upload_that_stays_is_not_believed(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    plain.upload("k", text(1))
    (holding,) = uploads(plain)
    store = plain.open(endpoint_url=proxy.url)
    with proxy.lying(lambda r, forward: Answer(204) if r.method == "DELETE" else forward()):
        assert [(Result.FAILED, "still-listed")] == results(store, [order(holding)])
    assert 1 == len(uploads(plain))


def hide(key: str, times: int) -> Callable[[Request, Callable[[], Answer]], Answer]:
    """Drop a key from this many listings of versions."""
    left = [times]

    def rule(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "versions" in request.query and left[0]:
            left[0] -= 1
            answer.body = answer.body.replace(f"<Key>{key}</Key>".encode(), b"<Key>zzz</Key>")
        return answer

    return rule


def test_a_listing_that_drops_the_key_is_no_proof_of_absence(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    with proxy.lying(hide("k", 1)):
        assert [(Finding.RESIDUE, "still-listed")] == findings(store, orders)
    with proxy.lying(hide("k", 99)):
        assert [(Finding.RESIDUE, "still-readable")] == findings(store, orders)
        assert [(Result.FAILED, "listing-incomplete")] == results(store, orders)
    assert 1 == len(plain.state())


def test_a_listing_that_never_settles_is_inconclusive(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    turn = [0]

    def waver(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "versions" in request.query:
            turn[0] += 1
            if turn[0] % 2:
                answer.body = answer.body.replace(b"<Key>k</Key>", b"<Key>zzz</Key>")
        return answer

    with proxy.lying(waver):
        assert [(Finding.INCONCLUSIVE, "listing-unstable")] == findings(store, orders)


@pytest.mark.parametrize(
    "answer",
    [
        refused(401, "Unauthorized"), refused(403, "AccessDenied"), refused(403, "SignatureDoesNotMatch"),
        refused(500, "InternalError"), refused(503, "SlowDown"), refused(404, "NoSuchBucket"), refused(501, "NotImplemented"),
        Answer(200), Answer(200, [], b"<html>welcome</html>"), Answer(404), Answer(200, [], b"<ListVersionsResult/>"), None,
    ],
    ids=lambda a: "silence" if a is None else f"{a.status}-{len(a.body)}",
)  # fmt: skip
def test_no_bad_answer_reads_as_empty_gone_or_done(
    plain: Place, proxy: Proxy, answer: Answer | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    plain.put("k", text(1))
    upload_id = plain.upload("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    (holding,) = found(store)
    (upload,) = uploads(plain)
    assert upload_id in upload.version
    before = dict(plain.state())
    orders = plan([holding, upload])
    with proxy.lying(lambda _request, _forward: answer):
        with pytest.raises(CouldNotTell):
            list(store.units(plain.name))
        scopes: Any = []
        try:
            scopes = store.scopes()
        except CouldNotTell:
            pass
        else:
            assert all(s.problem for s in scopes)
        with pytest.raises(CouldNotTell):
            store.destroy(orders, MATCHER)
        for finding, reason in findings(store, orders):
            assert Finding.INCONCLUSIVE is finding
            assert reason
    assert before == plain.state()


def test_a_store_that_vanishes_in_mid_sweep_raises(plain: Place, proxy: Proxy) -> None:
    for n in range(5):
        plain.put(f"dir/{n}", text(n))
    store = plain.open(endpoint_url=proxy.url)
    monkey = [0]

    def fail_later(request: Request, forward: Callable[[], Answer]) -> Answer | None:
        if "uploads" in request.query:
            monkey[0] += 1
            return None
        return forward()

    listing = store.units(plain.name)
    with proxy.lying(fail_later):
        seen = [next(listing) for _ in range(5)]
        with pytest.raises(CouldNotTell):
            next(listing)
    assert 5 == len(seen)
    assert monkey[0]


def test_a_body_that_breaks_off_is_read_again_and_then_refused(plain: Place, proxy: Proxy) -> None:
    body = text(*[*range(60)] * 50)
    plain.put("big.csv", body)
    store = plain.open(endpoint_url=proxy.url)
    (holding,) = found(store)
    assert (60, len(body)) == (holding.records, holding.size)
    left = [1]

    def cut(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if (
            "/big.csv" in request.path
            and request.method == "GET"
            and "tagging" not in request.query
            and left[0]
        ):
            left[0] -= 1
            answer.cut = len(body) // 2
        return answer

    with proxy.lying(cut):
        assert [(60, len(body))] == [(h.records, h.size) for h in found(store)]
        left[0] = 99
        (unit,) = units(store, plain.name)
        with pytest.raises(CouldNotTell, match="breaks off"):
            store.examine(unit, MATCHER)


def test_content_that_is_not_what_the_etag_says_is_a_gap(plain: Place, proxy: Proxy) -> None:
    body = text(1, others=5)
    plain.put("k.csv", body)
    store = plain.open(endpoint_url=proxy.url)

    def swap(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "/k.csv" in request.path and request.method == "GET" and "tagging" not in request.query:
            answer.body = b"x" * len(answer.body)
            answer.headers = [
                (n, v) for n, v in answer.headers if not n.lower().startswith("x-amz-checksum")
            ]
        return answer

    with proxy.lying(swap):
        (unit,) = units(store, plain.name)
        examination = store.examine(unit, MATCHER)
    assert examination.gap is not None
    assert "content-mismatch" == examination.gap.reason


def test_an_overwriting_between_comparison_and_deletion_survives(
    plain: Place, proxy: Proxy
) -> None:
    """The ETag goes along with the deletion of a null version: the server refuses it."""
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))

    def race(request: Request, forward: Callable[[], Answer]) -> Answer:
        if request.method == "POST":
            plain.put("k", text(others=7))
        return forward()

    with proxy.lying(race):
        assert [(Result.CHANGED, "overwritten")] == results(store, orders)
    assert {("k", "null", "object"): hashlib.sha256(text(others=7)).hexdigest()} == plain.state()
    assert [ABSENT] == findings(store, orders)


def test_records_that_came_back_under_another_version_are_residue(versioned: Place) -> None:
    versioned.put("k", text(1))
    store = versioned.open()
    orders = plan(found(store))
    assert [DESTROYED] == results(store, orders)
    versioned.put("k", text(others=1))
    assert [ABSENT] == findings(store, orders)
    versioned.put("k", text(2))
    assert [(Finding.RESIDUE, "records-at-the-key")] == findings(store, orders)


def test_a_sibling_known_to_the_plan_is_not_residue_of_its_neighbour(versioned: Place) -> None:
    versioned.put("k", text(1))
    versioned.put("k", text(2))
    store = versioned.open()
    newer, older = found(store)
    assert [DESTROYED] == results(store, [order(older)])
    assert [ABSENT] == findings(store, [order(older)])
    assert [(Finding.RESIDUE, "still-listed")] == findings(store, [order(newer)])


def test_a_batch_carries_exact_ids_and_the_checksum_old_servers_want(
    versioned: Place, proxy: Proxy
) -> None:
    version_id = versioned.put("k", text(1))
    store = versioned.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    proxy.requests.clear()
    assert [DESTROYED] == results(store, orders)
    (request,) = [r for r in proxy.requests if r.method == "POST"]
    assert f"<VersionId>{version_id}</VersionId>".encode() in request.body
    assert b"<ETag>" not in request.body  # AWS compares it with the current version only
    assert not [r for r in proxy.requests if "bypass" in str(r).lower()]


def test_another_technique_or_kind_is_refused(plain: Place) -> None:
    plain.put("k", text(1))
    (holding,) = found(plain.open())
    wrong = Order("o0", holding, Technique.ABORT_UPLOAD, whole=True)
    assert [(Result.FAILED, "technique-not-offered")] == results(plain.open(), [wrong])
    assert 1 == len(plain.state())


def test_the_version_of_an_upload_tells_its_parts_apart() -> None:
    assert upload_version("id", []) != upload_version("other", [])
    assert upload_version("id", []).startswith("id ")
