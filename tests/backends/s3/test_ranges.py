"""Large objects are read by ranges, and what goes wrong in the middle of it is not overlooked."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

import pytest

from backends.contract import Examination, Unit
from backends.errors import ChangedWhileRead, CouldNotTell
from tests.backends.s3.conftest import MATCHER, Place, text, units
from tests.backends.s3.proxy import Answer, Proxy, Request, refused

BODY = text(*[*range(60)] * 50, others=900)
OTHER = text(*range(60), others=3000)
PIECE = 10_000
AHEAD = 4  # pieces that are fetched beside the one that is read
Forward = Callable[[], Answer]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.s3._ranges.PIECE", PIECE)
    monkeypatch.setattr("backends.s3._ranges.LARGE", 3 * PIECE)
    assert min(len(BODY), len(OTHER)) > 10 * PIECE


def span(request: Request) -> int:
    """From where on a request wants an object; -1: it is none for a part of one."""
    told = {name.lower(): value for name, value in request.headers.items()}.get("range", "")
    return int(told.removeprefix("bytes=").split("-")[0]) if told else -1


def examined(place: Place, proxy: Proxy) -> tuple[Unit, Callable[[], Examination]]:
    store = place.open(endpoint_url=proxy.url)
    (unit,) = units(store, place.name)
    return unit, lambda: store.examine(unit, MATCHER)


def digest(body: bytes) -> str:
    keyed = MATCHER.digest()
    keyed.update(body)
    return keyed.hexdigest()


def holds(examination: Examination, body: bytes) -> bool:
    """Whether all of a body was read, in its order."""
    (holding,) = examination.holdings
    assert examination.gap is None
    return (len(body), 60, digest(body)) == (
        holding.size,
        holding.records,
        holding.details["content"],
    )


def test_a_large_object_is_read_by_ranges_of_one_state(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    assert holds(examine(), BODY)
    asked = [r for r in proxy.requests if span(r) >= 0]
    assert [*range(0, len(BODY), PIECE)] == sorted(span(r) for r in asked)
    etag = f'"{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"'
    for request in asked:
        told = {name.lower(): value for name, value in request.headers.items()}
        assert told.get("if-match") == (etag if span(request) else None)
        assert request.query["versionId"] == ["null"]


def test_a_small_object_is_read_in_one_answer(plain: Place, proxy: Proxy) -> None:
    plain.put("k.csv", BODY[: 3 * PIECE - 1])
    _, examine = examined(plain, proxy)
    assert examine().holdings
    assert all(span(request) < 0 for request in proxy.requests)


def test_no_more_is_asked_for_than_memory_is_bounded_to(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    first = [0]

    def slow(request: Request, forward: Forward) -> Answer:
        if span(request) == PIECE:
            time.sleep(0.3)  # the one that is waited for
            first[0] = max(map(span, proxy.requests))
        return forward()

    with proxy.lying(slow):
        assert holds(examine(), BODY)
    assert PIECE * AHEAD == first[0]


def test_a_range_that_breaks_off_is_asked_for_again(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    left = [2]

    def cut(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if span(request) == 4 * PIECE and left[0]:
            left[0] -= 1
            answer.cut = PIECE // 2
        return answer

    with proxy.lying(cut):
        assert holds(examine(), BODY)
        assert 0 == left[0]
        left[0] = 99
        with pytest.raises(CouldNotTell, match="breaks off"):
            examine()


@pytest.mark.parametrize("at", [0, 5 * PIECE])
def test_a_shorter_range_than_asked_for_is_not_taken_for_it(
    plain: Place, proxy: Proxy, at: int
) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)

    def shorten(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if span(request) == at:
            answer.body = answer.body[: PIECE // 2]
        return answer

    with proxy.lying(shorten), pytest.raises(CouldNotTell, match="breaks off"):
        examine()


def heedless(place: Place, start: int) -> Answer:
    """The range that a server would give who does not look at If-Match."""
    asked = f"bytes={start}-{start + PIECE - 1}"
    answer = place.client.get_object(Bucket=place.name, Key="big.csv", Range=asked)
    headers = [("ETag", answer["ETag"]), ("Content-Range", answer["ContentRange"])]
    return Answer(206, headers, answer["Body"].read())


@pytest.mark.parametrize("obeys", [True, False], ids=["if-match", "if-match ignored"])
def test_an_object_overwritten_in_mid_read_is_read_anew(
    plain: Place, proxy: Proxy, *, obeys: bool
) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    left = [1]

    def overwrite(request: Request, forward: Forward) -> Answer:
        if span(request) == 5 * PIECE and left[0]:
            left[0] -= 1
            plain.put("big.csv", (BODY, OTHER)[left[0] % 2 == 0])
        return forward() if obeys or span(request) < PIECE else heedless(plain, span(request))

    with proxy.lying(overwrite):
        assert holds(examine(), OTHER)
        left[0] = 8
        with pytest.raises(ChangedWhileRead, match="changed while"):
            examine()


@pytest.mark.parametrize("answer", [refused(416, "InvalidRange"), refused(404, "NoSuchKey")])
def test_an_object_that_shrinks_or_goes_is_not_taken_for_read(
    plain: Place, proxy: Proxy, answer: Answer
) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    with (
        proxy.lying(lambda r, forward: answer if span(r) > 6 * PIECE else forward()),
        pytest.raises(ChangedWhileRead, match="changed while"),
    ):
        examine()


def test_an_object_that_was_emptied_since_it_was_listed_is_read(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    plain.put("big.csv", b"")
    examination = examine()
    assert (0, (), None) == (examination.bytes_read, examination.holdings, examination.gap)


def test_a_server_that_knows_no_ranges_is_read_in_one(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)

    def whole(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if span(request) >= 0:
            given = [(n, v) for n, v in answer.headers if n.lower() != "content-range"]
            answer = Answer(200, given, BODY)
        return answer

    with proxy.lying(whole):
        assert holds(examine(), BODY)


def test_a_refusal_in_mid_read_is_no_absence(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    _, examine = examined(plain, proxy)
    no = refused(403, "AccessDenied")
    with (
        proxy.lying(lambda r, forward: no if span(r) > 6 * PIECE else forward()),
        pytest.raises(CouldNotTell),
    ):
        examine()
