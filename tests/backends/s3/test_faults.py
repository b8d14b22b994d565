"""A server that lies, refuses, breaks off or is gone: nothing of that reads as absence."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from backends.contract import Finding, Result
from backends.deposit import Deposits
from backends.errors import AccessDenied, CouldNotTell
from backends.s3 import _deposit
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
    sweep,
    text,
    units,
    uploads,
)
from tests.backends.s3.proxy import Answer, Proxy, Request, refused


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


def test_uploads_that_are_listed_now_and_then_are_inconclusive(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    plain.upload("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    (upload,) = uploads(plain)
    assert [DESTROYED] == results(store, [order(upload)])
    turn = [0]

    def waver(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if "uploads" in request.query:
            turn[0] += 1
            shown = f"<Upload><Key>k</Key><UploadId>u{turn[0]}</UploadId></Upload>"
            end = b"</ListMultipartUploadsResult>"
            answer.body = answer.body.replace(end, shown.encode() + end)
        return answer

    with proxy.lying(waver):
        assert [(Finding.INCONCLUSIVE, "listing-unstable")] == findings(store, [order(upload)])
    assert [ABSENT] == findings(store, [order(upload)])


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


def test_a_refusal_counts_even_where_the_listing_overlooks_the_version(
    locked: Place, proxy: Proxy
) -> None:
    locked.put("k", text(1), ObjectLockLegalHoldStatus="ON")
    store = locked.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    deleted = [False]

    def overlook(request: Request, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        deleted[0] |= request.method == "POST"
        if "versions" in request.query and deleted[0]:
            answer.body = answer.body.replace(b"<Key>k</Key>", b"<Key>zzz</Key>")
        return answer

    with proxy.lying(overlook):
        assert [(Result.RETAINED, "legal-hold")] == results(store, orders)


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (501, "NotImplemented")])
def test_uploads_that_may_not_be_listed_do_not_hide_the_markers(
    versioned: Place, proxy: Proxy, status: int, code: str
) -> None:
    versioned.put("k", text(1))
    versioned.client.delete_object(Bucket=versioned.name, Key="k")
    store = versioned.open(endpoint_url=proxy.url)

    def rule(request: Request, forward: Callable[[], Answer]) -> Answer:
        return refused(status, code) if "uploads" in request.query else forward()

    with proxy.lying(rule):
        _, gaps = sweep(store)
        assert ["uploads-not-listed"] == [gap.reason for gap in gaps]
        (marker,) = store.companions(found(store), MATCHER)
    assert "delete-marker" == marker.kind


def test_an_upload_whose_parts_may_not_be_listed_does_not_end_the_list_unsaid(
    plain: Place, proxy: Proxy
) -> None:
    plain.put("k", text(1))
    for key in ("a", "b", "c"):
        plain.upload(key, text(1))
    store = plain.open(endpoint_url=proxy.url)

    def rule(request: Request, forward: Callable[[], Answer]) -> Answer:
        parts = request.method == "GET" and "uploadId" in request.query
        return refused(403, "AccessDenied") if parts and "/b?" in request.path else forward()

    with proxy.lying(rule), pytest.raises(AccessDenied):
        list(store.companions(found(store), MATCHER))


def test_a_refusal_that_names_no_key_is_no_success(plain: Place, proxy: Proxy) -> None:
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    told = b"<DeleteResult><Error><Code>AccessDenied</Code></Error></DeleteResult>"
    with proxy.lying(lambda r, forward: Answer(200, [], told) if r.method == "POST" else forward()):
        assert [(Result.FAILED, "still-listed")] == results(store, orders)


@pytest.mark.parametrize("abort", [None, refused(403, "AccessDenied"), refused(400, "Bad")])
def test_what_a_deposit_leaves_is_said(
    plain: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, abort: Answer | None
) -> None:
    """The second part is refused, and perhaps that the first one be taken back."""
    monkeypatch.setattr(_deposit, "PART", 5 << 20)
    store = plain.open(endpoint_url=proxy.url)
    assert isinstance(store, Deposits)

    def rule(request: Request, forward: Callable[[], Answer]) -> Answer:
        if ["2"] == request.query.get("partNumber"):
            return refused(403, "AccessDenied")
        return abort if request.method == "DELETE" and abort else forward()

    with proxy.lying(rule), pytest.raises(AccessDenied) as error:
        store.put(f"{plain.name}/k", iter([bytes(5 << 20), b"more"]))
    assert bool(abort) is ("unfinished upload" in error.value.message)
    assert bool(abort) == len([kind for _, _, kind in plain.state() if kind == "upload"])
