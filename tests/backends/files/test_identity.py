"""A store's identity is stable, tells machines and roots apart, and tells neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.files import _identity
from backends.files._identity import machine_digest


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    monkeypatch.setattr(_identity, "MACHINE_ID", path)
    return path


def test_it_is_the_same_for_the_same_roots(machine: Path) -> None:
    assert machine_digest([b"/srv/a", b"/srv/b"]) == machine_digest([b"/srv/a", b"/srv/b"])


@pytest.mark.parametrize("others", [[b"/srv/a"], [b"/srv/a/srv/b"], [b"/srv/", b"a/srv/b"], []])
def test_other_roots_are_another_store(machine: Path, others: list[bytes]) -> None:
    assert machine_digest(others) != machine_digest([b"/srv/a", b"/srv/b"])


def test_another_machine_is_another_store(machine: Path) -> None:
    here = machine_digest([b"/srv/a"])
    machine.write_text("f" * 32 + "\n")
    assert machine_digest([b"/srv/a"]) != here


@pytest.mark.parametrize("content", ["", "uninitialized\n", "ab" * 8])
def test_without_a_machine_id_no_path_can_be_tried(machine: Path, content: str) -> None:
    machine.write_text(content)
    assert machine_digest([b"/srv/a"]) == "unidentified-machine"
