"""kill -9 at every step of going after what is left: to begin again ends with nothing left."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from backends.contract import Order, Result
from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import Place

# Carries out orders one after the other, in a process that kills itself where a function would be
# called for the n-th time.
CHILD = """
import importlib, os, pickle, signal, sys
from pathlib import Path
from backends.contract import Context
from backends.postgres import BACKEND
settings, orders, matcher, module, name, calls = pickle.loads(Path(sys.argv[1]).read_bytes())
module = importlib.import_module(f"backends.postgres.residue.{module}")
real, left = getattr(module, name), [calls]
def counted(*arguments, **words):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **words)
setattr(module, name, counted)
store = BACKEND.open("warehouse", settings, Context(Path(), Path()))
for order in orders:
    store.destroy([order], matcher)
"""
STEPS = [
    ("rewrite", "await_readers", 1),  # before a table is written anew
    ("rewrite", "_file", 2),  # after that, before it is told
    ("rewrite", "_warned", 2),  # before the next
    ("rewrite", "_file", 5),  # amid the catalogues
    ("statements", "reset", 1),
    ("statements", "_take_back", 2),  # statements that say nothing are left
    ("wal", "_round", 1),
    ("wal", "_look", 3),  # between two rounds
]


def killed(place: Place, orders: Sequence[Order], step: tuple[str, str, int]) -> None:
    brief = place.scratch / "brief"
    settings = dict(place.settings(residue=True))
    brief.write_bytes(pickle.dumps((settings, orders, leftovers.matcher(), *step)))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, brief], check=False, cwd=Path(__file__).parents[3]
    )
    assert -signal.SIGKILL == done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS, ids="postgres-{}".format)
def test_killed_anywhere_it_can_be_done_again(tmp_path: Path, version: int) -> None:
    dataset = leftovers.matcher()
    with leftovers.server(tmp_path, version, logging_collector="off") as place:
        leftovers.planted(place)
        leftovers.logged(place)
        directory = place.server.data_directory
        with place.store(residue=True) as store:
            holdings, _ = leftovers.looked(store, dataset)
            planned = leftovers.orders(holdings)
            assert len(holdings) == len(planned)
            before = leftovers.others(place)
            store.destroy([each for each in planned if not each.technique.stage], dataset)
        late = [each for each in planned if each.technique.stage]
        for step in STEPS:
            killed(place, late, step)
            assert before == leftovers.others(place)
        assert leftovers.NONE != leftovers.counted(directory, "m")
        with place.store(residue=True) as store:
            outcomes = [store.destroy([each], dataset)[0] for each in late]
        assert {Result.DESTROYED, Result.ALREADY_ABSENT} == {each.result for each in outcomes}
        assert leftovers.NONE == leftovers.counted(directory, "m")
        assert before == leftovers.others(place)
