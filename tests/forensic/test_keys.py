"""A destroyed key: nothing of it, in no spelling, in the raw image that held store and journal."""

from __future__ import annotations

import base64
import io
import mmap
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from backends.agefile import identity_text
from backends.contract import Finding
from backends.fsops.ground import OBSTACLES
from demo.survey import as_csv, records
from shredder import durable, values
from shredder.errors import ShredderError
from shredder.journal import Journal
from shredder.keystores import Declared, KeyRecord, KeyState, NotErasable, material
from shredder.keystores.file import FileKeyStore
from shredder.keystores.slotfile import open_slots
from shredder.observer import Nobody
from shredder.sealing.files import open_file, seal_file
from shredder.state import State
from tests.backends.dying import dies_at
from tests.cli.keyed import FILES
from tests.cli.operating import SURVEY, HereOperator
from tests.forensic.images import KINDS, Image, canary, mounted
from tests.keystores.suite import created

pytestmark = [pytest.mark.needs("root", "loop")]

RECORDS = 20_000


def spellings(key: bytes) -> dict[str, bytes]:
    """The forms that a key could be left behind in."""
    found = {
        "raw": key,
        "hex": key.hex().encode(),
        "HEX": key.hex().upper().encode(),
        "reversed": key[::-1],
        "identity": identity_text(key).encode(),
        "identity, lower case": identity_text(key).lower().encode(),
    }
    # Within base64 of more than the key, wherever it begins.
    for before in range(3):
        text = base64.b64encode(bytes(before) + key)[2 * before + bool(before) :]
        found[f"base64 at {before}"] = text[: 4 * ((len(key) - 2) // 3) - 4]
    found |= {f"url-safe {n}": t.translate(_URL) for n, t in found.items() if "base64" in n}
    return found


_URL = bytes.maketrans(b"+/", b"-_")


def in_image(image: Image, key: bytes) -> dict[str, int]:
    """How often each spelling is anywhere in the raw image."""
    return image.counts(spellings(key))


class Desk:
    """A state directory on an image: journal, key store, and a file sealed to the key."""

    def __init__(self, image: Image, *, best_effort: bool = False) -> None:
        self.image = image
        self.state = State.create(image.place / "state")
        self.best_effort = best_effort
        with Journal(self.state.journal) as journal:
            journal.begin("run", "survey", {})

    @property
    def store(self) -> FileKeyStore:
        return FileKeyStore(
            self.state.slots, self.state.key_records, passphrase=None, best_effort=self.best_effort
        )

    def made(self) -> tuple[KeyRecord, bytes]:
        record = self.store.create(
            "survey", escrowed=Declared.NO, backed_up=Declared.NO, in_clear=Declared.NO
        )
        with self.store.using(record.id) as key:
            given = bytes(key)
        subprocess.run(["sync", "-f", self.image.mount], check=True)
        return record, given

    def seal(self, record: KeyRecord, outside: Path) -> Path:
        """Seal records that were never in the clear on the image."""
        plain = outside / "plain"
        plain.write_text("".join(f"{canary(7, n)}\n" for n in range(RECORDS)))
        sealed = self.image.place / "sealed.age"
        seal_file(plain, sealed, bytes.fromhex(record.public), Nobody())
        return sealed


@pytest.fixture(params=["ext4", pytest.param("xfs", marks=pytest.mark.needs("xfs"))])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    with mounted(KINDS[request.param], tmp_path) as made:
        yield made


def test_nothing_of_a_destroyed_key_is_in_the_image(image: Image, tmp_path: Path) -> None:
    desk = Desk(image)
    record, key = desk.made()
    sealed = desk.seal(record, tmp_path)
    kept = sealed.read_bytes()
    assert in_image(image, key) == {"raw": 2}, "what the test looks for is there before"
    opened = tmp_path / "opened"
    with desk.store.using(record.id) as given:
        open_file(sealed, opened, given, "survey", Nobody())
    assert opened.read_text().count("\n") == RECORDS
    opened.unlink()
    done = desk.store.destroy(record.id)
    assert done.in_place
    assert desk.store.verify(record.id).finding is Finding.ABSENT
    with pytest.raises(ShredderError), desk.store.using(record.id):
        pass
    image.unmount()
    assert in_image(image, key) == {}
    assert image.canaries() == {}, "0 of 20,000 sealed records"
    assert kept in image.file.read_bytes(), "what was sealed is all still there"


def test_nothing_of_a_key_is_left_by_a_run_that_destroyed_it(image: Image, tmp_path: Path) -> None:
    """By the command: state directory, journal, plan and spool lie on the image, the data does not."""
    share = tmp_path / "share"
    share.mkdir()
    (share / "survey.csv").write_text(as_csv(records(60)))
    operator = HereOperator(image.place)
    source = f'sources = [{{ store = "share", path = "{share}/survey.csv" }}]'
    text = FILES.replace('roots = ["share"]', f'roots = ["{share}"]')
    text = text.replace('sources = [{ store = "share", path = "share/survey.csv" }]', source)
    operator.config.write_text(text.replace('erasure = "best-effort"\n', ""))
    for words in (
        ("init",),
        ("enroll", SURVEY),
        ("key", "create", SURVEY),
        ("seal", SURVEY, share / "survey.csv", "-o", share / "sealed.age"),
    ):
        done = operator.run(*words)
        assert done.code == 0, done.err
    state = State.open(operator.state)
    store = FileKeyStore(state.slots, state.key_records, passphrase=None)
    with store.using(store.records()[0].id) as given:
        key = bytes(given)
    subprocess.run(["sync", "-f", image.mount], check=True)
    assert in_image(image, key) == {"raw": 2}
    came = operator.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json").json
    assert came["outcome"] == "complete"
    methods = {each["kind"]: each["method"] for each in came["holdings"]}
    assert methods["key"] == "clear"
    image.unmount()
    assert in_image(image, key) == {}


def test_nothing_of_a_bare_key_is_left_when_it_is_wrapped(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "COST", 10)
    desk = Desk(image)
    record, key = desk.made()
    done = desk.store.rewrap(record.id, b"open sesame")
    assert OBSTACLES.isdisjoint(done.limitations)
    image.unmount()
    assert in_image(image, key) == {}


def test_a_key_whose_making_broke_off_leaves_nothing(image: Image) -> None:
    desk = Desk(image)
    record, key = desk.made()
    path = desk.state.key_records / f"{record.id}.json"
    durable.write(path, [values.dumps(replace(record, state=KeyState.MAKING))])
    desk.store.create("survey", escrowed=Declared.NO, backed_up=Declared.NO, in_clear=Declared.NO)
    image.unmount()
    assert in_image(image, key) == {}


def keys_in(desk: Desk) -> set[bytes]:
    """The keys that lie in the file, given out or not."""
    with open_slots(desk.state.slots, exclusive=False) as slots:
        found = [read.content for _, read in slots.read_all()]
        return {bytes(each.wrapped.data) for each in found if each and each.wrapped}


def test_nothing_is_left_wherever_a_process_was_killed(image: Image) -> None:
    """Killed before each system call of making and of destroying; then brought to an end."""
    desk = Desk(image)
    keys: set[bytes] = set()
    died = number = 0
    while died == number:
        name = f"survey-{number}"
        died += dies_at(number, partial(created, desk.store, name))
        keys |= keys_in(desk)
        if not any(e.state is KeyState.LIVE and e.dataset == name for e in desk.store.records()):
            created(desk.store, name)
        (record,) = [each for each in desk.store.records() if each.state is KeyState.LIVE]
        keys |= keys_in(desk)
        dies_at(number, partial(desk.store.destroy, record.id))
        assert desk.store.destroy(record.id).record.state is KeyState.DESTROYED
        assert keys_in(desk) == set()
        number += 1
    assert len(keys) > number > 12
    image.unmount()
    with (
        image.file.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw,
    ):
        assert [key for key in keys if raw.find(key) >= 0] == []


REFUSED = {
    "btrfs": "copy-on-write",
    "ext4-data-journal": "content-in-journal",
}


@pytest.mark.parametrize(
    "kind", [pytest.param("btrfs", marks=pytest.mark.needs("btrfs")), "ext4-data-journal"]
)
def test_where_it_cannot_be_erased_no_key_is_made(tmp_path: Path, kind: str) -> None:
    with mounted(KINDS[kind], tmp_path) as image:
        desk = Desk(image)
        with pytest.raises(NotErasable, match=REFUSED[kind]):
            desk.made()
        assert desk.store.records() == []
        assert not desk.state.slots.exists()
        # The refusal is no false alarm: accepted, it says so, and the image shows why.
        desk = Desk(image.__class__(image.file, image.mount, image.mount), best_effort=True)
        record, key = desk.made()
        assert REFUSED[kind] in record.limitations
        done = desk.store.destroy(record.id)
        assert not done.in_place
        assert not OBSTACLES.isdisjoint(done.record.limitations)
        image.unmount()
        assert in_image(image, key) != {}


@pytest.mark.needs("btrfs", "chattr")
def test_a_file_that_is_exempted_from_copying_is_erased(tmp_path: Path) -> None:
    with mounted(KINDS["btrfs-nocow"], tmp_path) as image:
        desk = Desk(image)
        record, key = desk.made()
        assert in_image(image, key)
        assert desk.store.destroy(record.id).in_place
        image.unmount()
        assert in_image(image, key) == {}


def test_every_spelling_is_seen() -> None:
    key = bytes(range(100, 132))
    for before in range(3):
        text = base64.b64encode(bytes(before) + key + b"after it")
        assert any(spelling in text for spelling in spellings(key).values()), before
    stream = io.BytesIO(identity_text(key).encode())
    assert spellings(key)["identity"] in stream.getvalue()
