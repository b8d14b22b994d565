"""What every file of the project has in common: its size, and what it must not say."""

from __future__ import annotations

import re
import socket
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.contract import Finding, Method, Result, Technique
from tests.structure.tree import PRODUCT, ROOT, modules, tracked

LONGEST = 500
MEDIAN = 200

# A path of someone's machine. Built so that this file does not match itself.
MACHINE_PATH = re.compile(r"""(?<![\w.\-$}>)])/(?:home|Users|work|workspace)/[\w.\-]+""")
INDEX_ADDRESS = re.compile(
    r"--(?:extra-)?index[-]url|https?://[^\s/]*(?:py[p]i|simple/)", re.IGNORECASE
)

# Promises that no software can keep, and standards that are never claimed for files.
BOASTS = re.compile(
    r"military[-]grade|un[r]ecoverab|forensically[ ]clean|100[ ]?%[ ]secure|DoD[ ]5220",
    re.IGNORECASE,
)


def lines_with(pattern: re.Pattern[str], paths: tuple[Path, ...]) -> list[str]:
    found = []
    for path in paths:
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    return found


def test_no_module_is_long() -> None:
    assert {m.name: m.lines for m in modules() if m.lines > LONGEST} == {}


def test_half_of_the_modules_are_short() -> None:
    sizes = [m.lines for m in modules() if m.package in PRODUCT and m.lines]
    assert statistics.median(sizes) < MEDIAN


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        (MACHINE_PATH, "open('/" + "home/alice/x')"),
        (MACHINE_PATH, "cd /" + "work/main"),
        (INDEX_ADDRESS, "--index" + "-url https://x/"),
        (INDEX_ADDRESS, "https://py" + "pi.example/simple"),
        (BOASTS, "Military" + "-grade erasure"),
    ],
)
def test_no_file_names_this_machine_an_index_or_a_boast(
    pattern: re.Pattern[str], example: str
) -> None:
    assert pattern.search(example), "the pattern sees what it is for"
    assert lines_with(pattern, tracked()) == []


def test_no_file_names_where_the_project_lies_or_what_the_host_is_called() -> None:
    host = socket.gethostname()
    words = [re.escape(str(ROOT))] + ([rf"\b{re.escape(host)}\b"] if len(host) > 8 else [])
    assert lines_with(re.compile("|".join(words)), tracked()) == []


def test_locked_requirements_have_hashes_and_no_address() -> None:
    """Each requirement is one version with at least one hash: what is installed is what was seen."""
    text = (ROOT / "requirements" / "dev.txt").read_text("utf-8").replace("\\\n", " ")
    locked = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(locked) > 10
    for line in locked:
        assert re.match(r"[a-z0-9_.\-]+(?:\[[a-z,\-]+\])?==[0-9]\S* ", line, re.IGNORECASE), line
        assert "--hash=sha256:" in line, line
        assert "://" not in line, line


@pytest.mark.parametrize("kind", [Technique, Method, Result, Finding])
def test_the_words_of_the_contract_are_codes(kind: type[Technique]) -> None:
    assert [word for word in kind if not re.fullmatch(r"[a-z]+(-[a-z]+)*", word)] == []


def test_no_method_is_called_destroy() -> None:
    """In NIST SP 800-88 that word means the physical end of a medium."""
    assert set(Method) == {"clear", "purge", "logical-delete"}


def test_every_package_is_marked_as_typed() -> None:
    marker: Callable[[str], Path] = lambda package: ROOT / package / "py.typed"  # noqa: E731
    assert [package for package in PRODUCT if not marker(package).is_file()] == []
