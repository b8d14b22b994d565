"""A dataset's values, sealed by a program that has nothing but the configuration."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest

from backends.sealedvalue import Misplaced, OtherKey, RecordDestroyed
from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from shredder.config import load
from shredder.errors import ShredderError, UsageError
from shredder.keystores import KeyDestroyed, NoKey, StoreBusy, WrongPassphrase, material
from shredder.keystores.contract import Declared
from shredder.sealing.keys import key_store, record_keys
from shredder.sealing.values import Cell, Values, values_of
from shredder.state import State
from tests.structure.docs import DOCS

NAME = "survey-2018-05"
CELL = Cell("answers", "email", "7")
CONFIG = f"""\
controller = "Example Ltd"

[stores.share]
backend = "files"
roots = ["share"]

[datasets.{NAME}]
basis = "gdpr-art-17"
sources = [{{ store = "share", path = "share/survey.csv" }}]

[datasets.{NAME}.columns]
respondent_id = "private"

[keys]
erasure = "best-effort"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(material, "COST", 10)
    monkeypatch.setenv("SHREDDER_KEYS_PASSPHRASE", "open sesame")
    path = tmp_path / "shredder.toml"
    path.write_text(CONFIG)
    State.create(load(path).state)
    return path


def make(config: Path) -> str:
    loaded = load(config)
    store = key_store(loaded, State.open(loaded.state))
    return store.create(NAME, escrowed=Declared.NO, backed_up=Declared.NO, in_clear=Declared.NO).id


def test_what_one_program_seals_another_opens(config: Path) -> None:
    make(config)
    with values_of(NAME, config) as values:
        sealed = values.seal("jane@example.org", CELL)
    with values_of(NAME, config) as values:
        assert values.open(sealed, CELL) == "jane@example.org"
        with pytest.raises(Misplaced):
            values.open(sealed, Cell("answers", "email", "8"))
    with pytest.raises(ValueError, match="closed"):
        values.open(sealed, CELL)


def test_its_key_is_not_the_one_of_files(config: Path) -> None:
    """What is derived for values opens no file, and the file's key is not used for values."""
    key = make(config)
    loaded = load(config)
    with key_store(loaded, State.open(loaded.state)).using(key) as given:
        raw = bytes(given)
    with values_of(NAME, config) as values:
        assert bytes(values._key) != raw
        assert values.tag not in raw
        assert Values(raw).open(values.seal("x", CELL), CELL) == "x"


def test_nobody_destroys_a_key_that_is_in_use(config: Path) -> None:
    key = make(config)
    loaded = load(config)
    store = key_store(loaded, State.open(loaded.state))
    with values_of(NAME, config) as values:
        sealed = values.seal("jane", CELL)
        with pytest.raises(StoreBusy):
            store.destroy(key)
        assert values.open(sealed, CELL) == "jane"
    store.destroy(key)
    with pytest.raises(KeyDestroyed), values_of(NAME, config):
        pass
    make(config)
    with values_of(NAME, config) as values, pytest.raises(OtherKey):
        values.open(sealed, CELL)


def test_a_record_that_goes_alone(config: Path) -> None:
    make(config)
    loaded = load(config)
    state = State.open(loaded.state)
    record_keys(loaded, state, NAME).make()
    with values_of(NAME, config) as values:
        sealed = {who: values.seal("mail", CELL, record=who) for who in ("r1", "r2")}
    record_keys(loaded, state, NAME).destroy(["r1"])
    with values_of(NAME, config) as values:
        assert values.open(sealed["r2"], CELL) == "mail"
        with pytest.raises(RecordDestroyed):
            values.open(sealed["r1"], CELL)


def test_what_is_missing_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(expected: type[ShredderError]) -> None:
        with pytest.raises(expected), values_of(NAME, config):
            pass

    refused(NoKey)
    make(config)
    monkeypatch.setenv("SHREDDER_KEYS_PASSPHRASE", "sesame")
    refused(WrongPassphrase)
    config.unlink()
    refused(UsageError)


def test_the_examples_of_the_documents(
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres: PostgresServer,
    seaweedfs: SeaweedFS,
) -> None:
    make(config)
    monkeypatch.setenv("SHREDDER_CONFIG", str(config))
    text = (DOCS / "commands.md").read_text("utf-8")
    one, two = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    given: dict[str, object] = {"CONNINFO": f"{postgres.conninfo} password={postgres.password}"}
    exec(compile(one, "commands.md", "exec"), given)
    assert given["row"] == {"id": "7", "email": "jane@example.org"}
    with contextlib.closing(seaweedfs.client()) as client:
        client.create_bucket(Bucket="sealed-example")
        given = {"client": client, "BUCKET": "sealed-example"}
        exec(compile(two, "commands.md", "exec"), given)
        client.delete_object(Bucket="sealed-example", Key="a/answers.csv")
        client.delete_bucket(Bucket="sealed-example")
