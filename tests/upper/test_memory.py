"""Memory does not grow with the number of holdings, from the sweep to the forgotten manifest."""

from __future__ import annotations

import contextlib
import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from unittest import mock

import pytest

from backends.contract import Tell
from shredder import report
from shredder.cli import render
from shredder.cli.console import Console
from shredder.config import Config
from shredder.errors import ExitCode
from shredder.evidence.disclose import Wanted, disclose
from shredder.evidence.forget import forget
from shredder.journal import Phase
from shredder.observer import Nobody
from shredder.plan import Options
from shredder.run import machine
from shredder.run.look import look
from shredder.run.work import Work
from shredder.spool import spooled
from tests.support.rack import RackStore, fill
from tests.upper.place import DATASET, HEADER, Place, rows

FEW, MANY = 2200, 4200  # beyond the 2,000 tuples of a length that the interpreter keeps for reuse
EACH = 64  # bytes that a holding may cost at the most: an id that is kept costs more than 80
LINES = [HEADER, *(rows(n) for n in range(8))]


@contextmanager
def measured(peaks: list[int]) -> Iterator[None]:
    """How many bytes of Python's were held at the most, beyond those held before."""
    gc.collect()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    yield
    peaks.append(tracemalloc.get_traced_memory()[1] - before)


def told(place: Place, value: report.Json) -> None:
    """What a command writes of it, for scripts and for people."""
    with (place.folder / "told").open("w") as stream, contextlib.redirect_stdout(stream):
        for as_json in (True, False):
            out = Console(as_json=as_json, log=None)
            out.result(value, ExitCode.COMPLETE)
            (render.came if "appeared" in value else render.looked)(out, value)


class Long(Place):
    """A place whose store has as many units as are wanted."""

    def __init__(self, folder: Path, units: int, store: type[RackStore]) -> None:
        super().__init__(folder)
        self.file, self.units, self._store = folder / "units", units, store
        fill(self.file, units)

    @property
    def work(self) -> Work:
        return replace(super().work, observer=Nobody())

    def open(self, name: str, config: Config, tell: Tell) -> RackStore:
        """Open the store."""
        return self._store(name, self.file, LINES)


def planned(place: Place) -> str:
    work = place.work
    run = machine.begin(work, DATASET, Options(), destroying=True)
    with spooled(place.state.root) as spool:
        problems = machine.plan(work, run, spool)
        told(place, report.plan_json(work, work.journal.run(run), problems))
    return run


def whole(place: Long, peaks: list[int]) -> None:
    """A run, everything that is said of it, and what can be asked of it later."""
    with measured(peaks):
        run = planned(place)
    with measured(peaks):
        ended = place.drive(run)
        report.exit_code(place.work, ended)
        told(place, report.run_json(place.work, ended))
    with measured(peaks):
        disclose(place.work, place.bundle(ended), Wanted(seed="drawn", sample=20))
    with measured(peaks):
        assert place.returned(ended, []) == ([], 0)
    with measured(peaks):
        forget(place.work, ended)
    assert place.outcome(ended) == "complete"


def again(place: Long, peaks: list[int]) -> None:
    """A run after which everything is there: residue, and a sweep that finds it again."""
    run = planned(place)
    place.drive_to(run, Phase.EXECUTED)
    fill(place.file, place.units)
    with measured(peaks):
        ended = place.drive(run)
        assert report.exit_code(place.work, ended) is ExitCode.RESIDUE
    with measured(peaks), spooled(place.state.root) as spool:
        seen = look(place.work, place.work.dataset(DATASET), spool)
        back, _ = report.returned(place.work, ended, seen.sweep.holdings, spool)
        found = report.holdings_json(back)
        told(place, {"dataset": DATASET, "holdings": found, "coverage": []})


class Unreadable(RackStore):
    """A store of whose units none can be read."""

    def read(self, name: str) -> NoReturn:
        raise OSError(name)


def gaps(place: Long, peaks: list[int]) -> None:
    """A sweep that cannot examine anything, and names every unit."""
    with measured(peaks):
        run = planned(place)
    assert place.journal.run(run).facts["gaps"] == place.units


WAYS = {"whole": (whole, RackStore), "again": (again, RackStore), "gaps": (gaps, Unreadable)}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_holding_more_costs_no_memory(tmp_path: Path, way: str) -> None:
    walk, store = WAYS[way]
    peaks: dict[int, list[int]] = {}
    kept = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200, 2, 2)  # what waits to be collected is not held
    tracemalloc.start()
    try:
        for units in (FEW // 20, FEW, MANY):  # the first time for what is made once
            (folder := tmp_path / f"{units}").mkdir()
            place = Long(folder, units, store)
            with mock.patch("shredder.run.work.open_store", place.open):
                walk(place, peaks.setdefault(units, []))
            place.close()
    finally:
        tracemalloc.stop()
        gc.set_threshold(*kept)
        gc.unfreeze()
    pairs = zip(peaks[FEW], peaks[MANY], strict=True)
    grown = [round((many - few) / (MANY - FEW), 1) for few, many in pairs]
    assert max(grown) <= EACH, grown
