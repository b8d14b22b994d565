"""What deleting does to a bucket, seen by a plain client before and after."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from backends.contract import Finding, Order, Result, Technique, Verdict
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
    units,
)
from tests.backends.s3.proxy import Answer, Proxy, Request, refused


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


def test_odd_keys_are_deleted_and_their_doubles_are_not(plain: Place, proxy: Proxy) -> None:
    """A parser turns a raw CR in XML into LF: the key of another object."""
    doomed = ["new\nline", "cr\rx", "crlf\r\nx", "tab\tx", "plus+ x", "per%2Bcent", "ü", "<&>'\""]
    spared = ["cr\nx", "newline", "crlf\nx", "tab x", "plus  x", "per+cent", "u\u0308", "&lt;"]
    for key in doomed:
        plain.put(key, text(1))
    for key in spared:
        plain.put(key, text(others=1))
    before = dict(plain.state())
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    assert [DESTROYED] * len(doomed) == results(store, orders)
    assert {k: v for k, v in before.items() if k[0] in spared} == plain.state()
    in_url = [r.path for r in proxy.requests if r.method == "DELETE"]
    assert 4 == len(in_url), "what XML cannot hold safely goes in the URL"
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
    assert "s3-replication-configured" in holding.limitations


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
    digest = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    assert digest == request.headers["Content-MD5"]
    assert b"<ETag>" not in request.body  # AWS compares it with the current version only
    assert not [r for r in proxy.requests if "bypass" in str(r).lower()]


def test_another_technique_or_kind_is_refused(plain: Place) -> None:
    plain.put("k", text(1))
    (holding,) = found(plain.open())
    wrong = Order("o0", holding, Technique.ABORT_UPLOAD, whole=True)
    assert [(Result.FAILED, "technique-not-offered")] == results(plain.open(), [wrong])
    assert 1 == len(plain.state())


def test_what_was_overwritten_since_the_plan_is_not_even_asked_to_go(
    plain: Place, proxy: Proxy
) -> None:
    """The comparison comes first: not every server knows the condition on a deletion."""
    plain.put("k", text(1))
    store = plain.open(endpoint_url=proxy.url)
    orders = plan(found(store))
    plain.put("k", text(2))
    assert [(Result.CHANGED, "overwritten")] == results(store, orders)
    assert not [r for r in proxy.requests if r.method in {"POST", "DELETE"}]
