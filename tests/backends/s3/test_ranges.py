"""Large objects are read by ranges, and what goes wrong in the middle of it is not overlooked."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from backends.contract import Examination, Unit
from backends.errors import ChangedWhileRead, CouldNotTell
from backends.reference import ReferenceMatcher, ReferenceScan
from tests.backends.s3.conftest import IDS, Place, text, units
from tests.backends.s3.proxy import Answer, Proxy, Request, refused

BODY = text(*[*range(60)] * 50, others=900)
OTHER = text(*range(60), others=3000)
PIECE = 10_000
LONG = 4 * PIECE
AHEAD = 3  # pieces that are fetched beside the one that is read
READERS = 8  # who are so many have a connection each
Forward = Callable[[], Answer]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.s3._ranges.PIECE", PIECE)
    monkeypatch.setattr("backends.s3._ranges.LARGE", 3 * PIECE)
    monkeypatch.setattr("backends.s3._ranges.LONG", LONG)
    assert min(len(BODY), len(OTHER)) > 10 * PIECE


def span(request: Request) -> int:
    """From where on a request wants an object; -1: it is none for a part of one."""
    told = {name.lower(): value for name, value in request.headers.items()}.get("range", "")
    return int(told.removeprefix("bytes=").split("-")[0]) if told else -1


def length(request: Request) -> int:
    """How many bytes of an object a request wants, within it; 0: it is none for a part of one."""
    told = {name.lower(): value for name, value in request.headers.items()}.get("range", "")
    first, _, last = told.removeprefix("bytes=").partition("-")
    return min(int(last) + 1, len(BODY)) - int(first) if told else 0


class Listening(ReferenceMatcher):
    """Keeps what each of its scans was fed."""

    def __init__(self) -> None:
        super().__init__(private=IDS)
        self.heard: list[bytearray] = []

    def scan(self, *, promoted: bool = False) -> ReferenceScan:
        scan = super().scan(promoted=promoted)
        heard, feed = bytearray(), scan.feed
        self.heard.append(heard)

        def listened(block: bytes, ends: Sequence[int]) -> bytes:
            heard.extend(block)
            return feed(block, ends)

        scan.feed = listened  # type: ignore[method-assign]
        return scan


Seen = tuple[Examination, list[bytearray]]


def examined(place: Place, proxy: Proxy) -> Callable[[], Seen]:
    store = place.open(endpoint_url=proxy.url)
    (unit,) = units(store, place.name)

    def examine() -> Seen:
        matcher = Listening()
        return store.examine(unit, matcher), matcher.heard

    return examine


def holds(seen: Seen, body: bytes) -> bool:
    """Whether all of a body was read, in its order."""
    examination, heard = seen
    assert examination.gap is None
    return body in heard and [(len(body), 60)] == [
        (holding.size, holding.records) for holding in examination.holdings
    ]


def test_a_large_object_is_read_by_ranges_of_one_state(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    examine = examined(plain, proxy)
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
    examine = examined(plain, proxy)
    assert examine()[0].holdings
    assert all(span(request) < 0 for request in proxy.requests)


def test_no_more_is_asked_for_than_memory_is_bounded_to(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    examine = examined(plain, proxy)
    first = [0]

    def slow(request: Request, forward: Forward) -> Answer:
        if span(request) == PIECE:
            time.sleep(0.3)  # the one that is waited for
            first[0] = max(map(span, proxy.requests))
        return forward()

    with proxy.lying(slow):
        assert holds(examine(), BODY)
    assert PIECE * AHEAD == first[0]


def test_objects_read_at_the_same_time_have_long_ranges_and_one_connection_each(
    plain: Place, proxy: Proxy
) -> None:
    plain.put_many({f"{number}.csv": BODY for number in range(READERS)})
    store = plain.open(endpoint_url=proxy.url)
    everybody = threading.Barrier(READERS, timeout=30)

    def together(request: Request, forward: Forward) -> Answer:
        if span(request) == 0:
            everybody.wait()
        return forward()

    def one(unit: Unit) -> Seen:
        matcher = Listening()
        return store.examine(unit, matcher), matcher.heard

    with proxy.lying(together), ThreadPoolExecutor(READERS) as pool:
        seen = list(pool.map(one, units(store, plain.name)))
    assert all(holds(each, BODY) for each in seen)
    lengths = {length(request) for request in proxy.requests if span(request) > 0}
    assert LONG in lengths
    first = [span(r) for r in proxy.requests if length(r) == LONG]
    assert len(first) >= READERS  # most of each of them
    assert sum(map(length, proxy.requests)) <= READERS * len(BODY)


@pytest.mark.parametrize("at", [0, LONG])
def test_a_long_range_that_breaks_off_goes_on_where_it_broke(
    plain: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr("backends.s3._store.THREADS", 1)
    plain.put("big.csv", BODY)
    examine = examined(plain, proxy)
    left = [2]

    def cut(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if at <= span(request) < at + LONG and left[0]:
            left[0] -= 1
            answer.cut = PIECE // 2
        return answer

    with proxy.lying(cut):
        assert holds(examine(), BODY)
        again = [span(r) for r in proxy.requests if at < span(r) < at + LONG]
        assert (0, [at + PIECE // 2, at + PIECE]) == (left[0], again)
        left[0] = 99
        with pytest.raises(CouldNotTell, match="breaks off"):
            examine()


def test_a_range_that_breaks_off_is_asked_for_again(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    examine = examined(plain, proxy)
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
    examine = examined(plain, proxy)

    def shorten(request: Request, forward: Forward) -> Answer:
        answer = forward()
        if at <= span(request) < at + PIECE:
            answer.body = answer.body[:10]
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
    examine = examined(plain, proxy)
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
    examine = examined(plain, proxy)
    with (
        proxy.lying(lambda r, forward: answer if span(r) > 6 * PIECE else forward()),
        pytest.raises(ChangedWhileRead, match="changed while"),
    ):
        examine()


def test_an_object_that_was_emptied_since_it_was_listed_is_read(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    examine = examined(plain, proxy)
    plain.put("big.csv", b"")
    examination, _ = examine()
    assert (0, (), None) == (examination.bytes_read, examination.holdings, examination.gap)


def test_a_server_that_knows_no_ranges_is_read_in_one(plain: Place, proxy: Proxy) -> None:
    plain.put("big.csv", BODY)
    examine = examined(plain, proxy)

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
    examine = examined(plain, proxy)
    no = refused(403, "AccessDenied")
    with (
        proxy.lying(lambda r, forward: no if span(r) > 6 * PIECE else forward()),
        pytest.raises(CouldNotTell),
    ):
        examine()
