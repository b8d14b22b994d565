"""What a version's state covers, and what a glance must still look at."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from backends.contract import Unit
from tests.backends.s3.conftest import IDS, MATCHER, Place, text, units
from tests.backends.s3.proxy import Answer, Pass, Proxy, Request


def one(place: Place, key: str) -> Unit:
    (found,) = [u for u in units(place.open(), place.name) if u.locator.endswith(key)]
    return found


def test_a_tag_that_comes_later_is_seen_by_a_glance(versioned: Place) -> None:
    versioned.put("a.csv", text(others=2))
    store, unit = versioned.open(), one(versioned, "a.csv")
    assert unit.state
    assert store.glance(unit, MATCHER)
    versioned.client.put_object_tagging(
        Bucket=versioned.name,
        Key="a.csv",
        Tagging={"TagSet": [{"Key": "case", "Value": IDS[1]}]},
    )
    assert unit.state == one(versioned, "a.csv").state, "then no glance would be needed"
    assert not store.glance(unit, MATCHER)
    (found,) = store.examine(unit, MATCHER).holdings
    assert 1 == found.records


def test_an_object_without_versions_moves_with_what_is_put_over_it(plain: Place) -> None:
    plain.put("a.csv", text(others=2))
    before = one(plain, "a.csv").version
    plain.put("a.csv", text(1, others=1))
    assert before != one(plain, "a.csv").version


def test_what_was_written_just_now_proves_nothing_without_versions(
    plain: Place, versioned: Place, proxy: Proxy
) -> None:
    """In the same second it can be written again, with other metadata and all else the same."""
    for place in (plain, versioned):
        place.put("a.csv", text(others=2))
    assert "" == one(plain, "a.csv").state
    assert one(versioned, "a.csv").state

    def later(request: Request, forward: Pass) -> Answer:
        answer = forward()
        now = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        answer.headers = [h for h in answer.headers if h[0].lower() != "date"] + [("Date", now)]
        return answer

    with proxy.lying(later):
        (unit,) = units(plain.open(endpoint_url=proxy.url), plain.name)
    assert unit.version == unit.state
