"""What is marked ``alone`` runs alone, and those who come and go do not keep it out."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.turns import turn

PATIENCE = 20.0  # seconds; only a failure takes that long
MOMENT = 0.1  # in which what is not held off would have begun


class Running:
    """A test in another process, as far as the files of the turns know, until it is ended."""

    def __init__(self, config: pytest.Config, *, alone: bool) -> None:
        self.begun = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(config, alone), daemon=True)
        self._thread.start()

    def _run(self, config: pytest.Config, alone: bool) -> None:
        with turn(config, alone=alone):
            self.begun.set()
            self._end.wait(PATIENCE)

    def end(self) -> None:
        self._end.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def worker(folder: Path) -> pytest.Config:
    given = SimpleNamespace(workerinput={}, option=SimpleNamespace(basetemp=str(folder / "gw0")))
    return cast("pytest.Config", given)


def test_one_is_alone_and_not_kept_out(tmp_path: Path) -> None:
    config = worker(tmp_path)
    first, second = Running(config, alone=False), Running(config, alone=False)
    assert first.begun.wait(PATIENCE)
    assert second.begun.wait(PATIENCE)
    alone = Running(config, alone=True)
    assert not alone.begun.wait(MOMENT)
    late = Running(config, alone=False)
    first.end()
    assert not alone.begun.wait(MOMENT)
    assert not late.begun.wait(MOMENT), "who comes later goes after the one who waits"
    second.end()
    assert alone.begun.wait(PATIENCE)
    assert not late.begun.wait(MOMENT)
    alone.end()
    assert late.begun.wait(PATIENCE)
    late.end()


def test_what_fails_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), turn(worker(tmp_path), alone=True):
        raise ZeroDivisionError
    with turn(worker(tmp_path), alone=True):
        pass


def test_in_one_process_nothing_waits(tmp_path: Path) -> None:
    given = SimpleNamespace(option=SimpleNamespace(basetemp=str(tmp_path / "gw0")))
    with turn(cast("pytest.Config", given), alone=True):
        assert not list(tmp_path.iterdir())
