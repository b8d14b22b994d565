"""A dataset's key in a PKCS#11 token, at the command line: SoftHSM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.keyed import sealed_survey
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.support.softhsm import MODULE, PIN, tokens

pytestmark = pytest.mark.needs("softhsm")

TOKEN = f'store = "pkcs11"\nmodule = "{MODULE}"\nlabel = "survey"\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Operator]:
    """A survey in a file and a sealed copy of it; the key is wrapped by a token."""
    operator = HereOperator(tmp_path, {"SHREDDER_KEYS_PIN": PIN})
    (tmp_path / "hsm").mkdir()
    with tokens(tmp_path / "hsm", "survey"):
        yield sealed_survey(operator, TOKEN)


def test_the_whole_way(desk: Operator) -> None:
    shown = desk.run("key", "show", SURVEY, "--json").json
    assert (shown["wrapping"], shown["state"], shown["problems"]) == ("token", "live", [])
    assert desk.run("open", SURVEY, "share/backup.age", "-o", "opened.csv").code == 0
    told = desk.run("locate", SURVEY, "--workers", "2", "--json").json
    assert len([h for h in told["holdings"] if h["store"] == "share"]) == 2
    done = desk.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    by_store = {each["store"]: each for each in done.json["holdings"]}
    assert by_store["keys"]["status"] == "destroyed-verified", done.err
    assert by_store["keys"]["method"] == "logical-delete"
    assert "token-erase-not-shown" in by_store["keys"]["limitations"]
    assert desk.run("key", "show", SURVEY, "--json").json["state"] == "destroyed"
    assert list((desk.folder / "share").iterdir()) == []


def test_records_go_alone(desk: Operator) -> None:
    assert desk.run("key", "records", SURVEY).code == 0
    done = desk.run("key", "destroy", SURVEY, "--record", "r1", "--yes", "--json").json
    assert (done["records"], done["verification"], done["in_place"]) == (1, "absent", False)


def test_the_tokens_own_pin_is_not_changed_here(desk: Operator) -> None:
    refused = desk.run("key", "passphrase", SURVEY, "--none")
    assert (refused.code, refused.error) == (
        2,
        "keys in a store pkcs11 are wrapped by no passphrase",
    )


def test_without_its_pin_it_is_a_clear_error(desk: Operator) -> None:
    for environment, words in (({}, "wants its PIN"), ({"SHREDDER_KEYS_PIN": "1111"}, "is wrong")):
        for name in ("SHREDDER_KEYS_PIN",):
            given = {name: environment.get(name, "")}
        refused = desk.run("open", SURVEY, "share/backup.age", "-o", "x", environment=given)
        assert (refused.code, words in refused.error) == (2, True)
        assert (
            desk.run("seal", SURVEY, "shredder.toml", "-o", f"{words}.age", environment=given).code
            == 0
        )
        told = desk.run("doctor", "--json", environment=given)
        assert told.json["keys"][0]["status"] != "ok"
    assert desk.run("doctor", "--json").json["keys"][0]["status"] == "ok"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('store = "pkcs11"', 'store = "elsewhere"', "must be one of"),
        (f'module = "{MODULE}"\n', "", "module"),
        ('label = "survey"\n', 'label = "survey"\nfile = "slots"\n', "file"),
    ],
)
def test_a_configuration_that_makes_no_sense(
    desk: Operator, old: str, new: str, words: str
) -> None:
    desk.edit(old, new)
    refused = desk.run("key", "show", SURVEY)
    assert (refused.code, words in refused.err) == (2, True)
