"""A key that the keyring wrapped, with store and keyring on one disk: what is left, and is told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.contract import Finding
from shredder.keystores.file import FileKeyStore
from shredder.keystores.slot import SLOT
from tests.forensic.images import KINDS, Image, mounted
from tests.forensic.test_keys import in_image
from tests.keystores.suite import created
from tests.support.keyrings import GnomeKeyring

pytestmark = [pytest.mark.needs("root", "loop", "gnome-keyring")]


@pytest.fixture(params=["ext4", pytest.param("xfs", marks=pytest.mark.needs("xfs"))])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    with mounted(KINDS[request.param], tmp_path) as made:
        yield made


def test_neither_key_nor_item_is_left_bare_and_what_else_may_be_is_told(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slots = image.place / "slots"
    with GnomeKeyring(tmp_path / "session", image.place / "data") as keyring:
        for name, value in keyring.environment.items():
            monkeypatch.setenv(name, value)
        store = FileKeyStore(slots, image.place / "records", passphrase=None, by_keyring=True)
        record = created(store)
        with store.using(record.id) as given:
            key = bytes(given)
        item = keyring.secrets()[record.id]
        at = int(record.place["slot"]) * SLOT
        wrapped = slots.read_bytes()[at : at + SLOT // 2]
        (file,) = (each for each in keyring.files if each.stem == "login")
        theirs = file.read_bytes()
        subprocess.run(["sync", "-f", image.mount], check=True)
        raw = image.file.read_bytes()
        assert (raw.count(wrapped), raw.count(theirs)) == (2, 1), "what is looked for is there"
        done = store.destroy(record.id)
        assert done.in_place
        assert store.verify(record.id).finding is Finding.ABSENT
    image.unmount()
    assert in_image(image, key) == in_image(image, item) == {}
    raw = image.file.read_bytes()
    assert wrapped not in raw
    # What gnome-keyring wrote of the item is in freed blocks, encrypted by the login password.
    assert theirs not in raw or "keyring-item-bytes" in done.record.limitations
