"""A dataset's key wrapped by the session's keyring, at the command line: gnome-keyring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.keyed import BEST_EFFORT, sealed_survey
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.support.keyrings import GnomeKeyring

pytestmark = pytest.mark.needs("gnome-keyring")


class Desk(NamedTuple):
    operator: Operator
    keyring: GnomeKeyring

    @property
    def key(self) -> str:
        return str(self.operator.run("key", "show", SURVEY, "--json").json["key"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A survey in a file and a sealed copy of it; the key is wrapped by the keyring."""
    with GnomeKeyring(tmp_path / "session") as keyring:
        operator = HereOperator(tmp_path, keyring.environment)
        keys = f'{BEST_EFFORT}wrapping = "keyring"\n'
        made = (("key", "create", SURVEY), ("key", "records", SURVEY))
        sealed_survey(operator, keys, made)
        yield Desk(operator, keyring)


def test_the_whole_way(desk: Desk) -> None:
    operator, keyring = desk
    shown = operator.run("key", "show", SURVEY, "--json").json
    assert (shown["wrapping"], shown["state"], shown["problems"]) == ("keyring", "live", [])
    assert len(keyring.secrets()) == 2, "of the key, and of what its key tree lies under"
    told = operator.run("locate", SURVEY, "--json").json
    assert len([h for h in told["holdings"] if h["store"] == "share"]) == 2
    done = operator.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    keys = [each for each in done.json["holdings"] if each["store"] == "keys"]
    assert {each["status"] for each in keys} == {"destroyed-verified"}, done.err
    assert all("keyring-items" in each["looked"] for each in keys)
    assert all("keyring-item-bytes" in each["limitations"] for each in keys)
    assert keyring.secrets() == {}
    assert operator.run("key", "show", SURVEY, "--json").json["state"] == "destroyed"


def test_without_the_keyring_it_is_a_clear_error_and_the_key_lives(desk: Desk) -> None:
    operator, keyring = desk
    destroy = ("key", "destroy", SURVEY, "--yes")
    words = [("open", SURVEY, "share/backup.age", "-o", "x"), destroy,
             ("key", "passphrase", SURVEY, "--none")]  # fmt: skip
    keyring.lock()
    for each in words:
        refused = operator.run(*each)
        assert (refused.code, refused.error) == (8, "the keyring is locked; nobody is asked here")
    keyring.stop()
    for each in words:
        refused = operator.run(*each, environment={"DBUS_SESSION_BUS_ADDRESS": ""})
        assert (refused.code, refused.error) == (8, "no keyring answers here")
        assert "session" in refused.hint
    shown = operator.run("key", "show", SURVEY, "--json")
    assert (shown.code, shown.json["problems"]) == (8, ["keyring-unusable"])
    told = operator.run("doctor", "--json").json["keys"]
    assert [(each["status"], each["detail"]) for each in told] == [
        ("failed", "no keyring answers here")
    ]
    assert operator.run("seal", SURVEY, "shredder.toml", "-o", "y.age").code == 0, "no secret"
    told = operator.run("locate", SURVEY, "--json").json
    assert told["problems"][0]["reason"] == "encrypted"
    run = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    came = operator.run(*run)
    assert (came.code, came.json["outcome"]) == (8, "inconclusive"), "what is sealed is a gap"
    came = operator.run(*run, "--despite-gaps")
    keys = [each for each in came.json["holdings"] if each["store"] == "keys"]
    assert {(each["status"], each["reason"]) for each in keys} == {("failed", "key-lives")}
    assert came.json["outcome"] != "complete"
    keyring.start()
    assert operator.run(*words[0]).code == 0


def test_nothing_is_sealed_to_a_key_whose_item_is_gone(desk: Desk) -> None:
    operator, keyring = desk
    keyring.clear()
    refused = operator.run("seal", SURVEY, "shredder.toml", "-o", "y.age")
    assert (refused.code, "keyring-item-not-found" in refused.error) == (8, True)


def test_to_a_passphrase_and_back(desk: Desk) -> None:
    operator, keyring = desk
    words = ("key", "passphrase", SURVEY)
    new = {"SHREDDER_KEYS_NEW_PASSPHRASE": "close sesame"}
    for wrong in ((*words, "--keyring", "--none"), words):
        assert operator.run(*wrong).code == 2
    assert operator.run(*words, "--keyring", environment=new).code == 2
    done = operator.run(*words, "--json", environment=new).json
    assert (done["wrapping"], len(done["keys"]), keyring.secrets()) == ("passphrase", 2, {})
    given = {"SHREDDER_KEYS_PASSPHRASE": "close sesame"}
    assert operator.run(*words, "--keyring").code == 2, "the passphrase is not given"
    done = operator.run(*words, "--keyring", "--json", environment=given).json
    assert (done["wrapping"], set(keyring.secrets())) == ("keyring", set(done["keys"]))
    assert operator.run("open", SURVEY, "share/backup.age", "-o", "x").code == 0
    assert operator.run("key", "destroy", SURVEY, "--record", "r1", "--yes").code == 0
    assert operator.run("key", "destroy", SURVEY, "--yes").code == 0
    assert desk.key not in keyring.secrets()
