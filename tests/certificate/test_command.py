"""The command: what it writes, what it refuses, and what it says without its extra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attestations.text import sha256
from shredder.certificate.compose import Checked
from tests.certificate.made import checked, mixed
from tests.cli.operating import HereOperator


@pytest.fixture
def desk(tmp_path: Path) -> HereOperator:
    return HereOperator(tmp_path)


def laid(folder: Path, of: Checked) -> tuple[str, ...]:
    """The arguments for a bundle and its policy, laid in a folder."""
    (folder / "bundle.json").write_bytes(of.bundle)
    (folder / "policy.json").write_bytes(of.policy)
    return ("certificate", "bundle.json", "--policy", "policy.json", "--output")


@pytest.mark.parametrize(
    ("name", "begins"), [("it.html", b"<!DOCTYPE html>"), ("it.PDF", b"%PDF-1.7")]
)
def test_the_ending_says_what_it_becomes(desk: HereOperator, name: str, begins: bytes) -> None:
    it = checked()
    done = desk.run(*laid(desk.folder, it), name, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "certificate": name, "bundle": sha256(it.bundle), "time": "valid", "outcome": "complete",
        "exit_code": 0,
    }  # fmt: skip
    assert (desk.folder / name).read_bytes().startswith(begins)


def test_what_is_not_complete_is_rendered_and_told(desk: HereOperator) -> None:
    done = desk.run(*laid(desk.folder, mixed()), "it.html")
    assert done.code == 10
    assert "not complete: partial; time: proven" in done.out


def test_a_time_that_nobody_vouches_for_is_rendered_and_told(desk: HereOperator) -> None:
    done = desk.run(*laid(desk.folder, checked(stamped=False)), "it.pdf")
    assert done.code == 8
    assert "time not proven" in done.out


def test_a_bundle_that_does_not_verify_becomes_nothing(desk: HereOperator) -> None:
    it = checked()
    arguments = laid(desk.folder, it)
    half = it.bundle[: len(it.bundle) // 2]
    (desk.folder / "bundle.json").write_bytes(half)
    done = desk.run(*arguments, "it.html")
    assert (done.code, done.error) == (9, "the bundle does not verify: E_JSON")
    assert not (desk.folder / "it.html").exists()


@pytest.mark.parametrize("name", ["it.txt", "it", "it.html.gz"])
def test_another_ending_is_refused(desk: HereOperator, name: str) -> None:
    done = desk.run(*laid(desk.folder, checked()), name)
    assert (done.code, done.hint) == (2, "name it *.html or *.pdf")


def test_another_sheet_is_refused(desk: HereOperator) -> None:
    done = desk.run(*laid(desk.folder, checked()), "it.pdf", "--paper", "a5")
    assert (done.code, done.error) == (2, "--paper is a4 or letter, not 'a5'")


def test_a_file_that_is_there_is_not_replaced(desk: HereOperator) -> None:
    (desk.folder / "it.html").write_text("mine")
    done = desk.run(*laid(desk.folder, checked()), "it.html")
    assert (done.code, (desk.folder / "it.html").read_text()) == (2, "mine")


def test_a_folder_that_is_not_there_is_told(desk: HereOperator) -> None:
    done = desk.run(*laid(desk.folder, checked()), "nowhere/it.html")
    assert (done.code, done.error) == (2, "a file cannot be written: No such file or directory")


@pytest.mark.parametrize(("module", "name"), [("segno", "it.html"), ("typst", "it.pdf")])
def test_without_its_extra_the_command_says_what_to_install(
    desk: HereOperator, module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    arguments = laid(desk.folder, checked())
    done = desk.run(*arguments, name)
    assert (done.code, done.hint) == (2, "pip install 'shredder-toolkit[certificate]'")
    assert len(done.err.splitlines()) == 2


def test_the_extra_is_loaded_by_rendering_only() -> None:
    code = (
        "import sys, shredder.cli.app, shredder.certificate; "
        "print({'segno', 'typst'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "set()"
