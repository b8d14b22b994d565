"""Whole runs of the installed command on file systems in files, and what they attest."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.operating import HereOperator, Operator, strict
from tests.forensic.images import Image, canary

LARGE, CONTENT, NAMES, ATTRIBUTES = range(4)  # the canaries' file numbers
DATASET = "canaries"

_CONFIGURATION = """\
controller = "Example Ltd"

[stores.share]
backend = "files"
roots = ["{root}"]
{more}

[datasets.canaries]
sources = [{{ store = "share", path = "canaries.csv" }}]

[datasets.canaries.columns]
id = "private"
"""


@dataclass(frozen=True)
class Attested:
    """What a statement says of the holdings of one kind and one outcome."""

    kind: str
    technique: str | None
    status: str
    method: str | None
    reasons: tuple[str, ...]
    limitations: frozenset[str]
    numbers: Mapping[str, int]


@dataclass(frozen=True)
class Ended:
    """A run that came to its end: the answer of `destroy`, and what was attested."""

    code: int
    answer: dict[str, Any]
    attested: tuple[Attested, ...]
    risks: frozenset[str]  # what no store can promise

    @property
    def free_space(self) -> Attested:
        (found,) = (each for each in self.attested if each.kind == "free-space")
        return found

    @property
    def cleared(self) -> set[str]:
        """The names of files whose content is claimed to be clear."""
        files = (each for each in self.answer["holdings"] if each["kind"] == "file")
        return {Path(each["locator"]).name for each in files if each["method"] == "clear"}


def plant(image: Image, large: int, small: int) -> None:
    """Lay the canaries: a file of them, and files with one for content, name and attribute."""
    (image.place / "large.csv").write_text("".join(f"{canary(LARGE, n)}\n" for n in range(large)))
    for number in range(small):
        place = image.place / canary(NAMES, number)
        place.write_text(f"{canary(CONTENT, number)}\n")
        os.setxattr(place, "user.note", canary(ATTRIBUTES, number).encode())
    image.settle()


def desk(folder: Path, root: Path, large: int, small: int, more: str = "") -> Operator:
    """Set an operator up who is after all of the canaries. `more`: further settings of the store."""
    folder.mkdir()
    rows = [canary(LARGE, n) for n in range(large)]
    rows += [canary(which, n) for which in (CONTENT, NAMES, ATTRIBUTES) for n in range(small)]
    (folder / "canaries.csv").write_text("id,\n" + "".join(f"{row},x\n" for row in rows))
    (folder / "shredder.toml").write_text(_CONFIGURATION.format(root=root, more=more))
    for words in (["init"], ["enroll", DATASET]):
        done = HereOperator(folder).run(*words)
        assert done.code == 0, done.err
    return Operator(folder)


def destroyed(operator: Operator, *words: str, prefix: Sequence[str] = ()) -> Ended:
    """Run the installed command to its end, and read what it attested by hand."""
    words = ("destroy", DATASET, "--yes", "--json", "--timestamp-later", *words)
    done = subprocess.run(
        [*prefix, *operator.command(*words)],
        cwd=operator.folder,
        env=operator.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = strict(done.stdout)
    bundle = json.loads(Path(answer["attestation"]).read_text())
    envelope = json.loads(base64.b64decode(bundle["result"]["envelope"]))
    statement = json.loads(base64.b64decode(envelope["payload"]))
    targets = tuple(
        Attested(
            kind=each["kind"],
            technique=each["technique"],
            status=each["status"],
            method=each["method"],
            reasons=tuple(reason["code"] for reason in each["reasons"]),
            limitations=frozenset(each["limitations"]),
            numbers={
                n["code"]: n["count"] for n in (each["verification"] or {}).get("numbers", ())
            },
        )
        for each in statement["predicate"]["targets"]
    )
    risks = frozenset(each["code"] for each in statement["predicate"]["residualRisks"])
    return Ended(done.returncode, answer, targets, risks)
