"""The operator at work: the installed command, run in a folder, and what it answered."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from shredder.cli.main import run

COMMAND = Path(sys.executable).with_name("shredder")
SURVEY = "survey-2018-05"


def strict(text: str) -> dict[str, Any]:
    """The one JSON object that a text is; whatever a lenient reader lets pass is an error."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in found]
        assert sorted(set(keys)) == sorted(keys), "a key stands twice"
        return dict(found)

    def no_number(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    value = json.loads(text, object_pairs_hook=pairs, parse_constant=no_number)
    assert isinstance(value, dict)
    text.encode("utf-8")
    return value


@dataclass(frozen=True)
class Done:
    """An answer."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer = strict(self.out)
        assert answer["exit_code"] == self.code
        return answer

    @property
    def error(self) -> str:
        """The line that tells what is wrong."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return line.removeprefix("error: ")

    @property
    def hint(self) -> str:
        return "".join(
            line.removeprefix("hint: ")
            for line in self.err.splitlines()
            if line.startswith("hint: ")
        )


class Operator:
    """Runs the command in `folder`, with an environment that holds nothing of the tests'."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONWARNINGS": "error",
            "SHREDDER_MATCHER": "numpy",
            **(environment or {}),
        }

    @property
    def config(self) -> Path:
        return self.folder / "shredder.toml"

    @property
    def state(self) -> Path:
        return self.folder / ".shredder"

    def command(self, *words: str | Path) -> Sequence[str]:
        return [str(COMMAND), *map(str, words)]

    def run(
        self,
        *words: str | Path,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        folder: Path | None = None,
    ) -> Done:
        done = subprocess.run(
            [*prefix, *self.command(*words)],
            cwd=folder or self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        answer = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in answer.out + answer.err, answer.err
        return answer

    def begin(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command and go on."""
        return subprocess.Popen(
            self.command(*words), cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def edit(self, old: str, new: str) -> None:
        """Replace something that stands in the configuration once."""
        text = self.config.read_text()
        assert text.count(old) == 1, old
        self.config.write_text(text.replace(old, new))

    def add(self, text: str) -> None:
        """Add to the configuration."""
        with self.config.open("a") as file:
            file.write(text)


class HereOperator(Operator):
    """The same in this process: for the many cases in which only the answer differs.

    A command takes half a second to load and a hundredth of one to run.
    """

    def run(
        self,
        *words: str | Path,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        folder: Path | None = None,
    ) -> Done:
        assert not prefix, "that needs a process of its own"
        surroundings = {**self.environment, **(environment or {})}
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, surroundings, clear=True),
            mock.patch.object(sys, "path", [surroundings.get("PYTHONPATH", ""), *sys.path]),
            contextlib.chdir(folder or self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            importlib.invalidate_caches()
            code = run([str(word) for word in words])
        return Done(code, out.getvalue(), err.getvalue())
