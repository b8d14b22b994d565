"""A process that runs shredder in forked children, and has them killed at a point of their run.

``python -m tests.crash.killer`` reads a request a line on stdin and answers a line on stdout, both
JSON. What takes time to load is loaded once, before the first fork, when there are no threads
and no connections yet.

A *point* is a moment before or after something durable: a commit of the journal, a rename of a
file that was written whole, a call of ``destroy()``. Points are counted from 1. The child ends
itself with SIGKILL, which nothing can catch or clean up after; or a timer ends it in mid-work.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import pkgutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast
from unittest import mock

import attestations
import backends
import shredder

_NOT_LOADED = ("backends.conformance", "shredder.fingerprint.fast", "shredder.fingerprint.kernels")
_LIBRARIES = (
    "botocore.config",
    "charset_normalizer",
    "clevercsv",
    "encodings.idna",
    "numpy.ma",
    "pydantic",
)


class Points:
    """Counts the points, tells of each in a pipe, and kills at the chosen one."""

    def __init__(self, pipe: int, kill_at: int) -> None:
        self._pipe, self._kill_at, self._count = pipe, kill_at, 0

    def reach(self, name: str) -> None:
        self._count += 1
        os.write(self._pipe, name.encode() + b"\n")
        if self._count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any], name: Callable[..., str]) -> Callable[..., Any]:
        """The same act, with a point before and one after it."""

        def acted(*args: Any, **kwargs: Any) -> Any:
            what = name(*args, **kwargs)
            self.reach(f"before {what}")
            done = act(*args, **kwargs)
            self.reach(f"after {what}")
            return done

        return acted


def lay(points: Points) -> None:
    """Put the points into this process's shredder."""
    from backends.contract import Store, Tell
    from backends.wrappers import Wrapper
    from shredder.config import Config
    from shredder.journal import Journal
    from shredder.state import State
    from shredder.stores import open_keys, open_store

    Journal._commit = points.around(  # type: ignore[method-assign]
        Journal._commit, lambda _self, _statements, _run, what: f"commit {what}"
    )
    Path.replace = points.around(  # type: ignore[method-assign]
        Path.replace, lambda _self, target: f"rename to {Path(target).suffix}"
    )

    class Watched(Wrapper):
        """A store whose destroy() has points round it."""

        destroy = points.around(Wrapper.destroy, lambda self, *_: f"destroy in {self.name}")

    def watched(name: str, config: Config, tell: Tell) -> Store:
        return Watched(open_store(name, config, tell))

    def watched_keys(config: Config, state: State, dataset: str) -> Store | None:
        store = open_keys(config, state, dataset)
        return None if store is None else Watched(cast("Store", store))

    mock.patch("shredder.run.work.open_store", watched).start()
    mock.patch("shredder.run.work.open_keys", watched_keys).start()


def child(request: dict[str, Any], pipe: int) -> int:
    """Run one command in this process."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    lay(Points(pipe, request["kill_at"]))
    if request["kill_after"]:
        # Nobody handles SIGALRM: it ends the process as SIGKILL does, wherever it is.
        signal.setitimer(signal.ITIMER_REAL, request["kill_after"])
    from shredder.cli.main import run

    with (
        Path(request["output"]).open("w") as output,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
    ):
        return run(request["words"])


def _load() -> None:
    """Load what every child needs: modules, and the descriptions that boto3 makes clients from."""
    for package in (attestations, backends, shredder):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(_NOT_LOADED) and not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    for name in _LIBRARIES:
        importlib.import_module(name)
    import boto3
    from botocore import loaders

    loaders.JSONFileLoader.load_file = functools.cache(loaders.JSONFileLoader.load_file)  # type: ignore[method-assign]
    boto3.session.Session("x", "x", region_name="x").client("s3")


def serve() -> None:
    """Answer requests until stdin ends."""
    _load()
    for line in sys.stdin:
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(reader)
            code = 70  # whatever happens, the child never goes on as the server
            try:
                code = child(json.loads(line), writer)
            finally:
                os._exit(code)
        os.close(writer)
        with os.fdopen(reader) as told:
            points = told.read().splitlines()
        _, status = os.waitpid(pid, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "points": points}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def arguments() -> Sequence[str]:
    """The command that starts one."""
    return [sys.executable, "-m", "tests.crash.killer"]


if __name__ == "__main__":
    serve()
