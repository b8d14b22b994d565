"""Batches are examined ahead of the one whose turn it is, within bounds, and told in order."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from threading import Event

import pytest

from backends.contract import Examination, Unit
from shredder.sweep import hands
from shredder.sweep.hands import _in_order, _Sent
from shredder.sweep.worker import Seen

Batches = list[Future[list[Seen]]]
_AHEAD = 4


def seen(number: int) -> list[Seen]:
    return [Seen(Examination(Unit("s", str(number), "1", "file", 1, "c")))]


def numbers(found: Iterator[Seen]) -> list[int]:
    return [int(each.examination.unit.locator) for each in found]


def _itself(future: Future[list[Seen]]) -> Future[list[Seen]]:
    return future


class Bench:
    """Batches of one unit each, which are done as soon as they are sent, but for some."""

    def __init__(self, total: int, ended: Callable[[Bench, int], bool]) -> None:
        self.total, self.ended = total, ended
        self.futures: Batches = []
        self.waited: list[tuple[int, int]] = []  # for which one, when so many were sent

    def sent(self) -> Iterator[_Sent]:
        for number in range(self.total):
            self.futures.append(Future())
            for each, future in enumerate(self.futures):
                if not future.done() and self.ended(self, each):
                    future.set_result(seen(each))
            yield self.batch(number)

    def batch(self, number: int) -> _Sent:
        def result() -> list[Seen]:
            if not self.futures[number].done() or self.futures[number].exception():
                self.waited.append((number, len(self.futures)))
                self.futures[number] = Future()
                self.futures[number].set_result(seen(number))
            return self.futures[number].result()

        return _Sent(1, lambda: self.futures[number], result)


def test_one_that_takes_long_keeps_nobody() -> None:
    bench = Bench(50, lambda bench, number: number > 0 or len(bench.futures) > 30)
    assert list(range(50)) == numbers(_in_order(bench.sent(), ahead=_AHEAD))
    assert [] == bench.waited


def test_who_is_done_goes_on_while_another_takes_long() -> None:
    later, waited = Event(), []

    def one(number: int) -> list[Seen]:
        if number == 0:
            waited.append(later.wait(10))
        return seen(number)

    def sent(pool: ThreadPoolExecutor) -> Iterator[_Sent]:
        for number in range(40):
            future = pool.submit(one, number)
            if number == 30:
                later.set()
            yield _Sent(1, partial(_itself, future), future.result)

    with ThreadPoolExecutor(2) as pool:
        assert list(range(40)) == numbers(_in_order(sent(pool), ahead=_AHEAD))
    assert [True] == waited


@pytest.mark.parametrize(("name", "bound"), [("_KEPT", 10), ("_KEPT_UNITS", 20)])
def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch, name: str, bound: int) -> None:
    monkeypatch.setattr(hands, name, bound)
    bench = Bench(80, lambda _, number: number != 30)
    assert list(range(80)) == numbers(_in_order(bench.sent(), ahead=_AHEAD))
    assert [(30, 30 + bound)] == bench.waited


def test_no_more_than_so_many_are_under_way() -> None:
    futures: Batches = []
    under_way = []

    def one(number: int) -> list[Seen]:
        time.sleep(0.02 if number == 0 else 0.002)
        return seen(number)

    def sent(pool: ThreadPoolExecutor) -> Iterator[_Sent]:
        for number in range(40):
            future = pool.submit(one, number)
            futures.append(future)
            under_way.append(sum(not each.done() for each in futures))
            yield _Sent(1, partial(_itself, future), future.result)

    with ThreadPoolExecutor(2) as pool:
        assert list(range(40)) == numbers(_in_order(sent(pool), ahead=_AHEAD))
    assert max(under_way) <= _AHEAD + 1


def test_those_that_wait_are_not_asked_whether_they_are_done_again_and_again() -> None:
    bench = Bench(400, lambda _, number: number > 0)
    asked = [0] * bench.total

    def future(number: int) -> Future[list[Seen]]:
        asked[number] += 1
        return bench.futures[number]

    def sent() -> Iterator[_Sent]:
        for number, batch in enumerate(bench.sent()):
            yield _Sent(batch.units, partial(future, number), batch.result)

    assert list(range(400)) == numbers(_in_order(sent(), ahead=_AHEAD))
    assert [(0, 400)] == bench.waited
    assert max(asked[1:]) < 20


def test_what_was_lost_is_sent_again_before_more_is() -> None:
    bench = Bench(20, lambda *_: False)

    def lost() -> Iterator[_Sent]:
        for batch in bench.sent():
            bench.futures[-1].set_exception(BrokenProcessPool())
            yield batch

    assert list(range(20)) == numbers(_in_order(lost(), ahead=_AHEAD))
    assert (0, _AHEAD + 1) == bench.waited[0]


def test_what_was_lost_for_good_keeps_nobody_from_going_on() -> None:
    """Its units were examined one by one, or are gaps."""
    few = _AHEAD * 2
    bench = Bench(60, lambda _, number: few <= number != 30)

    def lost() -> Iterator[_Sent]:
        for number, batch in enumerate(bench.sent()):
            if number >= few:
                yield batch
                continue
            bench.futures[number].set_exception(BrokenProcessPool())
            yield _Sent(1, batch.future, partial(seen, number))

    assert list(range(60)) == numbers(_in_order(lost(), ahead=_AHEAD))
    assert [(30, 60)] == bench.waited
