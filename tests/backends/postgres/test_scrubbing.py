"""Scrubbing below a server: which file systems, and after what."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from backends.contract import Context, Technique, Unit
from backends.errors import SettingError
from backends.postgres import BACKEND
from backends.postgres._scrubbing import _folders
from backends.scrub import KINDS
from tests.backends.postgres import leftovers
from tests.backends.postgres.place import Place

_CONNINFO = {"conninfo": "service=warehouse"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """What a server's data directory has for folders."""
    made = tmp_path / "data"
    for name in ("pg_wal", "pg_tblspc"):
        (made / name).mkdir(parents=True)
    return made


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"scrub_reserve": "5%"}, "without `scrub = true`"),
        ({"scrub": True, "residue": True}, "data_directory is not"),
        ({"scrub": True, "data_directory": "/"}, "residue is not"),
        ({"scrub": True, "residue": True, "data_directory": "nowhere"}, "cannot be entered"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, settings: dict[str, object], why: str
) -> None:
    with pytest.raises(SettingError, match=why):
        BACKEND.open("warehouse", {**_CONNINFO, **settings}, Context(tmp_path, tmp_path))


def test_links_lead_to_what_is_scrubbed_too(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "space").mkdir()
    (directory / "pg_tblspc" / "16400").symlink_to(tmp_path / "space")
    (directory / "elsewhere").mkdir()
    (directory / "pg_tblspc" / "16401").symlink_to(directory / "elsewhere")
    assert list(_folders(directory)) == [directory, tmp_path / "space"]


def test_a_link_to_nothing_is_no_scrubbing(directory: Path, tmp_path: Path) -> None:
    (directory / "pg_tblspc" / "16400").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        list(_folders(directory))


@pytest.mark.needs("root")
def test_a_link_to_what_is_not_the_servers_is_no_scrubbing(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    os.chown(tmp_path / "others", 65534, -1)
    (directory / "pg_tblspc" / "16400").symlink_to(tmp_path / "others")
    with pytest.raises(PermissionError):
        list(_folders(directory))


def test_the_free_space_is_part_of_every_plan(new_place: Place) -> None:
    new_place.plant("pure", leftovers.rows("m", 300))
    settings: dict[str, Any] = {"residue": True}
    settings["data_directory"] = str(new_place.server.data_directory)
    with new_place.store(**settings) as plain, new_place.store(**settings, scrub=True) as store:
        assert "postgres-freed-blocks" in plain.traits.blind_spots
        assert "postgres-freed-blocks" not in store.traits.blind_spots
        assert {*store.traits.blind_spots} < {*plain.traits.blind_spots}
        more = {scope.name for scope in store.scopes()} - {scope.name for scope in plain.scopes()}
        assert len(more) == 1
        unit = next(
            entry
            for entry in store.units(new_place.name)
            if isinstance(entry, Unit) and entry.locator == new_place.locator("pure")
        )
        (held,) = store.examine(unit, leftovers.matcher()).holdings
        dataset = leftovers.matcher()
        added = [
            each
            for each in store.companions([held], dataset)
            if each.whole is Technique.SCRUB_FREE_SPACE
        ]
        known = {name for name in more if name.split()[3] in KINDS}
        assert {each.scope for each in added} == known
        assert Technique.SCRUB_FREE_SPACE.stage > Technique.RECYCLE_WAL.stage
        assert not list(store.companions([], dataset))
