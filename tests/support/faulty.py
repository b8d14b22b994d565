"""A store that fails when told to: for faults that a real server does not produce on demand."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn, TypeVar

from backends.contract import (
    Destruction,
    Examination,
    Gap,
    Holding,
    Matcher,
    Order,
    Scope,
    SourceRows,
    SourceSpec,
    Store,
    Unit,
    Verification,
)
from backends.errors import Unreachable
from backends.wrappers import Wrapper

_T = TypeVar("_T")

Method = Literal[
    "scopes", "units", "examine", "glance", "companions", "destroy", "verify", "source"
]


def unreachable() -> NoReturn:
    """Fail as a store that does not answer."""
    raise Unreachable("the store does not answer")


def kill() -> NoReturn:
    """End this process as a power cut would: no clean-up, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and at which moment.

    `call` counts calls of `method` from 1; the fault strikes from that one on for `times` calls.
    A call that streams is struck after `after_items` of its items, any other one before it
    begins or, with `done`, when it has been carried out and its answer is lost.
    """

    method: Method
    action: Callable[[], object] = unreachable
    call: int = 1
    times: int = 1
    after_items: int = 0
    done: bool = False


@dataclass
class Calls:
    """How often each method was called."""

    counts: dict[str, int] = field(default_factory=dict)

    def next(self, method: str) -> int:
        self.counts[method] = self.counts.get(method, 0) + 1
        return self.counts[method]


class Faulty(Wrapper):
    """Passes everything on, but for the faults it was given."""

    def __init__(self, inner: Store, *faults: Fault) -> None:
        super().__init__(inner)
        self.faults = faults
        self.calls = Calls()

    def scopes(self) -> Sequence[Scope]:
        return self._at_once("scopes", self.inner.scopes)

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        return self._streamed("units", self.inner.units(scope, after))

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        return self._at_once("examine", lambda: self.inner.examine(unit, matcher))

    def glance(self, unit: Unit, matcher: Matcher) -> bool:
        return self._at_once("glance", lambda: self.inner.glance(unit, matcher))

    def companions(self, holdings: Sequence[Holding], matcher: Matcher) -> Iterator[Holding]:
        return self._streamed("companions", self.inner.companions(holdings, matcher))

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        return self._at_once("destroy", lambda: self.inner.destroy(orders, matcher))

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        return self._streamed("verify", self.inner.verify(orders, matcher))

    def source(self, spec: SourceSpec) -> SourceRows:
        return self._at_once("source", lambda: self.inner.source(spec))

    def _struck(self, method: str) -> Fault | None:
        call = self.calls.next(method)
        for fault in self.faults:
            if fault.method == method and fault.call <= call < fault.call + fault.times:
                return fault
        return None

    def _at_once(self, method: str, ask: Callable[[], _T]) -> _T:
        fault = self._struck(method)
        if fault and not fault.done:
            fault.action()
        answer = ask()
        if fault and fault.done:
            fault.action()
        return answer

    def _streamed(self, method: str, items: Iterable[_T]) -> Iterator[_T]:
        fault = self._struck(method)
        count = 0
        for item in items:
            if fault and count == fault.after_items:
                fault.action()
            yield item
            count += 1
        if fault and count <= fault.after_items:
            fault.action()
