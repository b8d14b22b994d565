"""A third party's backend: a folder of files, kept by the code of the memory backend.

With ``fault = "…"`` it errs on purpose, in ways that no store of shredder's own can be brought to.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backends.contract import (
    Context,
    Destruction,
    Examination,
    Gap,
    Matcher,
    Order,
    Result,
    Setting,
    Step,
    Tell,
    Unit,
    Verification,
    untold,
)
from backends.errors import Unreachable
from backends.memory import Entry, MemoryStore, Space, register

SCOPE = "shelf"
SECRET = "hunter2-ada.lovelace@example.org"
HOLD = '\n[datasets.survey-2018-05.hold]\nreason = "litigation"\n'


class _Folder(Space):
    """A space whose units are the files of a folder; their versions are digests."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._folder = folder
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            self._write(SCOPE, str(path.relative_to(folder)), path.read_bytes())

    def exchange(self, scope: str, key: str, old: Entry, new: bytes | None) -> bool:
        done = super().exchange(scope, key, old, new)
        if done and new is None:
            (self._folder / key).unlink()
        elif done and new is not None:
            (self._folder / key).write_bytes(new)
        return done

    def _write(self, scope: str, key: str, content: bytes) -> None:
        version = hashlib.sha256(content).hexdigest()
        self._scopes.setdefault(scope, {})[key] = Entry(content, version)


@dataclass(frozen=True)
class ShelfStore(MemoryStore):
    fault: str = ""
    base: Path = Path()
    tell: Tell = untold

    def units(self, scope: str, after: str = "") -> Iterator[Unit | Gap]:
        for number, unit in enumerate(super().units(scope, after)):
            if self.fault == "vanish-in-listing" and number == 1:
                raise Unreachable(f"store {self.name}: gone")
            yield unit

    def examine(self, unit: Unit, matcher: Matcher) -> Examination:
        if self.fault == "wait":
            self._wait()
        if self.fault == "defect-in-examine":
            raise ValueError(SECRET)
        return super().examine(unit, matcher)

    def destroy(self, orders: Sequence[Order], matcher: Matcher) -> Sequence[Destruction]:
        if self.fault == "lie":
            return [Destruction(order.id, Result.DESTROYED) for order in orders]
        if self.fault == "pending":
            until = "2031-01-31T00:00:00Z"
            return [
                Destruction(o.id, Result.PENDING, reason="deletion-window", until=until)
                for o in orders
            ]
        if self.fault == "fail":
            return [
                Destruction(order.id, Result.FAILED, reason="store-refused") for order in orders
            ]
        if self.fault == "slow":
            self.tell(Step(f"moving {SECRET}", 1, 2))
            self.tell(Step("moving-books", 3, 7))
            sys.stdin.readline()
        if self.fault == "defect-in-destroy":
            raise ValueError(SECRET)
        done = super().destroy(orders, matcher)
        if self.fault == "hold":
            with (self.base / "shredder.toml").open("a") as file:
                file.write(HOLD)
        return done

    def verify(self, orders: Sequence[Order], matcher: Matcher) -> Iterator[Verification]:
        if self.fault == "vanish-after-destruction":
            raise Unreachable(f"store {self.name}: gone")
        return super().verify(orders, matcher)

    def _wait(self) -> None:
        """Say that a sweep is under way, and stay in it until somebody says go."""
        (self.base / "waiting").touch()
        end = time.monotonic() + 30
        while not (self.base / "go").exists() and time.monotonic() < end:
            time.sleep(0.01)


class ShelfBackend:
    required: frozenset[str] = frozenset({"folder"})

    @property
    def settings(self) -> Mapping[str, Setting]:
        return {"folder": Setting.TEXT, "fault": Setting.TEXT}

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> ShelfStore:
        fault = str(settings.get("fault", ""))
        if fault == "defect-in-open":
            raise ValueError(SECRET)
        folder = context.base / str(settings["folder"])
        register(_Folder(str(folder), folder))
        store = ShelfStore(name, str(folder), fault=fault, base=context.base, tell=context.tell)
        return replace(store, traits=replace(store.traits, batch=1))


class BrokenBackend(ShelfBackend):
    @property
    def settings(self) -> Mapping[str, Setting]:
        raise ValueError(SECRET)


BACKEND = ShelfBackend()
BROKEN = BrokenBackend()
