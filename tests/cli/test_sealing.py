"""A dataset's key at the command line, and files sealed to it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from backends.sealedvalue import Cell
from demo.survey import records
from shredder.sealing.values import values_of
from tests.cli.keyed import sealed_survey
from tests.cli.operating import SURVEY, HereOperator, Operator

PASSPHRASE = {"SHREDDER_KEYS_PASSPHRASE": "open sesame"}


@pytest.fixture
def files(tmp_path: Path) -> Operator:
    """A survey in a file, and its key, wrapped; a sealed copy of the file beside it."""
    return sealed_survey(HereOperator(tmp_path, PASSPHRASE))


WITHOUT = {"SHREDDER_KEYS_PASSPHRASE": ""}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sealed_copies_are_found_while_the_key_is_to_be_had(files: Operator, workers: str) -> None:
    words = ("locate", SURVEY, "--workers", workers, "--json")
    seen = files.run(*words)
    assert "stays shut" not in seen.err
    told = seen.json
    found = {h["locator"]: (h["records"], h["sealed"]) for h in told["holdings"] if h["records"]}
    assert found == {"share/backup.age": (60, True), "share/survey.csv": (60, False)}
    shut = files.run(*words, environment=WITHOUT)
    assert [h["locator"] for h in shut.json["holdings"] if h["records"]] == ["share/survey.csv"]
    assert shut.json["problems"][0]["reason"] == "encrypted"
    assert shut.code == 8
    assert "stays shut: the key is wrapped by a passphrase" in shut.err
    wrong = files.run(*words, environment={"SHREDDER_KEYS_PASSPHRASE": "sesame"})
    assert "stays shut: the passphrase" in wrong.err
    assert told.keys() == wrong.json.keys()


def test_a_sealed_copy_is_destroyed_as_any_other(files: Operator) -> None:
    done = files.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    (sealed,) = [h for h in done.json["holdings"] if h["locator"] == "share/backup.age"]
    assert sealed["status"] == "destroyed-verified"
    assert "sealed" in sealed["limitations"]
    assert list((files.folder / "share").iterdir()) == []


def test_what_is_sealed_to_a_destroyed_key_is_a_gap(files: Operator) -> None:
    assert files.run("key", "destroy", SURVEY, "--yes").code == 0
    told = files.run("locate", SURVEY, "--json")
    assert (told.code, told.json["problems"][0]["reason"]) == (8, "encrypted")
    assert "stays shut" not in told.err, "it was meant to be"


@pytest.fixture
def keyed(here: Operator) -> Operator:
    """A desk whose survey has a key, wherever the tests run."""
    here.add('\n[keys]\nerasure = "best-effort"\n')
    done = here.run("key", "create", SURVEY, "--escrowed", "no")
    assert done.code == 0, done.err
    return here


def test_a_file_there_and_back(keyed: Operator) -> None:
    plain = keyed.folder / "shelf" / "survey.csv"
    sealed = keyed.run("seal", SURVEY, plain, "-o", "survey.age", "--json")
    assert sealed.json["recipient"] == keyed.run("key", "show", SURVEY, "--json").json["recipient"]
    assert sealed.json["size"] == plain.stat().st_size
    opened = keyed.run("open", SURVEY, "survey.age", "-o", "opened.csv", "--json")
    assert opened.json["size"] == plain.stat().st_size
    assert (keyed.folder / "opened.csv").read_bytes() == plain.read_bytes()


CHOSEN = ("--columns", "email,name", "--row", "respondent_id")


def test_columns_there_and_back(keyed: Operator) -> None:
    plain = keyed.folder / "shelf" / "survey.csv"
    done = keyed.run("seal", SURVEY, plain, "-o", "sealed.csv", *CHOSEN, "--json").json
    count = len(plain.read_text().splitlines()) - 1
    assert (done["values"], done["size"]) == (2 * count, plain.stat().st_size)
    assert "values of it sealed" in keyed.run("seal", SURVEY, plain, "-o", "x", *CHOSEN).out
    opened = keyed.run("open", SURVEY, "sealed.csv", "-o", "opened.csv", *CHOSEN, "--json").json
    assert opened["values"] == 2 * count
    assert (keyed.folder / "opened.csv").read_bytes() == plain.read_bytes()
    refused = keyed.run("open", SURVEY, "sealed.csv", "-o", "y", "--columns", "email")
    assert (refused.code, "needs --row" in refused.error) == (2, True)


def test_columns_under_records(keyed: Operator) -> None:
    plain = keyed.folder / "shelf" / "survey.csv"
    words = ("seal", SURVEY, plain, "-o", "sealed.csv", *CHOSEN, "--per-record")
    assert (keyed.run(*words).code, keyed.run(*words[:5], "--per-record").code) == (2, 2)
    assert keyed.run("key", "records", SURVEY).code == 0
    assert keyed.run(*words).code == 0
    who = records(1)[0].respondent_id
    assert keyed.run("key", "destroy", SURVEY, "--record", who, "--yes").code == 0
    done = keyed.run("open", SURVEY, "sealed.csv", "-o", "opened.csv", *CHOSEN, "--json").json
    rest = 2 * (len(plain.read_text().splitlines()) - 2)
    assert (done["values"], done["destroyed"]) == (rest, 2)
    told = keyed.run("open", SURVEY, "sealed.csv", "-o", "again.csv", *CHOSEN).out
    assert "2 values stay sealed" in told


def test_a_table_with_sealed_columns_is_found_and_destroyed(files: Operator) -> None:
    """Unmixed: what is sealed in a record is a part of it."""
    (files.folder / "share" / "backup.age").unlink()
    words = ("seal", SURVEY, "share/survey.csv", "-o", "share/chosen.csv", *CHOSEN)
    assert files.run(*words).code == 0
    done = files.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    (sealed,) = [h for h in done.json["holdings"] if h["locator"] == "share/chosen.csv"]
    assert (sealed["records"], sealed["foreign_records"]) == (60, 0)
    assert sealed["status"] == "destroyed-verified"
    assert "sealed" in sealed["limitations"]
    assert list((files.folder / "share").iterdir()) == []


@pytest.mark.needs("age")
def test_anybody_seals_with_the_age_tool(keyed: Operator) -> None:
    recipient = keyed.run("key", "show", SURVEY, "--json").json["recipient"]
    subprocess.run(
        ["age", "-r", recipient, "-o", keyed.folder / "by-age"], input=b"their words", check=True
    )
    assert keyed.run("open", SURVEY, "by-age", "-o", "out").code == 0
    assert (keyed.folder / "out").read_bytes() == b"their words"


def test_what_is_known_of_a_key(keyed: Operator) -> None:
    told = keyed.run("key", "show", SURVEY, "--json").json
    assert (told["state"], told["wrapping"], told["escrowed"]) == ("live", "none", "no")
    assert (told["backed_up"], told["destroyed"], told["problems"]) == ("unknown", None, [])
    people = keyed.run("key", "show", SURVEY).out
    assert told["recipient"] in people
    assert told["key"] in people


def test_the_end_of_a_key(keyed: Operator) -> None:
    plain = keyed.folder / "shelf" / "survey.csv"
    assert keyed.run("seal", SURVEY, plain, "-o", "survey.age").code == 0
    unasked = keyed.run("key", "destroy", SURVEY)
    assert (unasked.code, unasked.hint) == (6, "approve it with --yes")
    done = keyed.run("key", "destroy", SURVEY, "--yes", "--json").json
    assert (done["verification"], done["before"]) == ("absent", False)
    again = keyed.run("key", "destroy", SURVEY, "--yes", "--json").json
    assert (again["before"], again["destroyed"]) == (True, done["destroyed"])
    for words in (("open", SURVEY, "survey.age", "-o", "x"), ("seal", SURVEY, plain, "-o", "x")):
        refused = keyed.run(*words)
        assert refused.code == 6
        assert "destroyed" in refused.error
    assert not (keyed.folder / "x").exists()
    assert keyed.run("key", "show", SURVEY, "--json").json["state"] == "destroyed"
    fresh = keyed.run("key", "create", SURVEY, "--json").json
    assert fresh["key"] != done["key"]
    other = keyed.run("open", SURVEY, "survey.age", "-o", "x")
    assert (other.code, "earlier key" in other.hint) == (2, True)


def test_the_end_of_a_records_key(files: Operator) -> None:
    without = files.run("key", "destroy", SURVEY, "--record", "r1", "--yes")
    assert (without.code, "no keys of their own" in without.error) == (2, True)
    assert files.run("key", "records", SURVEY, "--json").json["made"] is True
    assert files.run("key", "records", SURVEY, "--json").json["made"] is False
    ids = [row.respondent_id for row in records(60)]
    environment = dict(PASSPHRASE)
    sealed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(environment.items())))
        with values_of(SURVEY, files.config) as values:
            for who in ids[:3]:
                cell = Cell("answers", "id", who)
                sealed[who] = values.seal(who, cell, record=who)
    for number, data in enumerate(sealed.values()):
        (files.folder / "share" / f"value-{number}").write_bytes(data)

    def found() -> list[str]:
        told = files.run("locate", SURVEY, "--json")
        assert told.json["problems"] == []
        return [h["locator"] for h in told.json["holdings"] if "value" in h["locator"]]

    assert len(found()) == 3
    unasked = files.run("key", "destroy", SURVEY, "--record", ids[0])
    assert unasked.code == 6
    assert len(found()) == 3
    (files.folder / "list").write_text(f"  {ids[1]} \n")
    words = ("key", "destroy", SURVEY, "--record", ids[0], "--records", "list", "--yes")
    done = files.run(*words, "--json").json
    assert (done["records"], done["before"], done["verification"]) == (2, False, "absent")
    assert found() == ["share/value-2"]
    again = files.run(*words)
    assert again.code == 0
    assert "gone already: 2" in again.out
    assert not any(who in again.out + again.err for who in ids)
    (files.folder / "list").write_text(" \n")
    assert files.run("key", "destroy", SURVEY, "--records", "list", "--yes").code == 2
    assert files.run("key", "destroy", SURVEY, "--records", "none", "--yes").code == 2
    assert files.run("key", "show", SURVEY, "--json").json["state"] == "live"


def test_a_key_put_back_is_refused_and_shown(keyed: Operator) -> None:
    slots = keyed.state / "keys" / "slots"
    keyed.run("seal", SURVEY, "shredder.toml", "-o", "sealed.age")
    shutil.copy(slots, keyed.folder / "backup")
    keyed.run("key", "destroy", SURVEY, "--yes")
    shutil.copy(keyed.folder / "backup", slots)
    assert keyed.run("open", SURVEY, "sealed.age", "-o", "x").code == 6
    shown = keyed.run("key", "show", SURVEY, "--json")
    assert shown.json["problems"] == ["key-restored"]
    assert shown.code == 8
    again = keyed.run("key", "destroy", SURVEY, "--yes", "--json").json
    assert (again["before"], again["verification"]) == (False, "absent")


@pytest.mark.parametrize(
    ("back", "problem"), [("slots", "key-restored"), ("records", "record-restored")]
)
def test_a_run_ends_a_key_that_was_put_back(files: Operator, back: str, problem: str) -> None:
    """Either half of the key store from a backup: the other one remembers."""
    place, copy = files.state / "keys" / back, files.folder / "backup"
    shutil.copy(files.folder / "share" / "backup.age", files.folder / "off-site.age")
    run = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    shutil.copytree(place, copy) if place.is_dir() else shutil.copy(place, copy)
    assert files.run(*run).json["outcome"] == "complete"
    shutil.copytree(copy, place, dirs_exist_ok=True) if place.is_dir() else shutil.copy(copy, place)
    opening = ("open", SURVEY, "off-site.age", "-o", "opened.csv")
    refused = files.run(*opening)
    assert (refused.code, "has a tombstone" in refused.error) == (6, True)
    assert files.run("seal", SURVEY, "shredder.toml", "-o", "x.age").code == 6
    shown = files.run("key", "show", SURVEY, "--json")
    assert (shown.code, shown.json["problems"]) == (8, [problem])
    back_again = files.run("recheck", SURVEY, "--json")
    assert (back_again.code, back_again.json["outcome"]) == (7, "returned")
    done = files.run(*run)
    (key,) = done.json["holdings"]
    assert (done.code, key["store"], key["status"]) == (0, "keys", "destroyed-verified")
    assert files.run("key", "show", SURVEY, "--json").json["problems"] == []
    assert files.run(*opening).code == 6
    assert not (files.folder / "opened.csv").exists()


def test_nothing_is_sealed_to_a_key_that_is_lost(keyed: Operator) -> None:
    slots = keyed.state / "keys" / "slots"
    whole = slots.read_bytes()
    for damaged, problem in ((b"\xff", "slot-damaged"), (b"\0", "key-not-found")):
        slots.write_bytes(damaged * len(whole))
        refused = keyed.run("seal", SURVEY, "shredder.toml", "-o", "x.age")
        assert (refused.code, problem in refused.error) == (8, True)
        assert not (keyed.folder / "x.age").exists()
    slots.write_bytes(whole[:100] + b"\xff" + whole[101:])
    assert keyed.run("seal", SURVEY, "shredder.toml", "-o", "x.age").code == 0, "a half is whole"


def test_a_dataset_has_one_key(keyed: Operator) -> None:
    refused = keyed.run("key", "create", SURVEY)
    assert (refused.code, refused.error) == (6, f"dataset {SURVEY} has a key")


def test_a_wrapped_key_asks_for_its_passphrase(here: Operator) -> None:
    here.add('\n[keys]\nerasure = "best-effort"\n')
    made = here.run("key", "create", SURVEY, "--json", environment=PASSPHRASE)
    assert made.json["wrapping"] == "passphrase"
    assert here.run("seal", SURVEY, "shredder.toml", "-o", "sealed").code == 0, "needs no secret"
    for environment in ({}, {"SHREDDER_KEYS_PASSPHRASE": "sesame"}):
        refused = here.run("open", SURVEY, "sealed", "-o", "x", environment=environment)
        assert refused.code == 2
        assert "SHREDDER_KEYS_PASSPHRASE" in refused.hint
        assert "sesame" not in refused.out + refused.err
    assert here.run("open", SURVEY, "sealed", "-o", "x", environment=PASSPHRASE).code == 0


def test_another_passphrase(here: Operator) -> None:
    here.add('\n[keys]\nerasure = "best-effort"\n')
    assert here.run("key", "create", SURVEY, environment=PASSPHRASE).code == 0
    assert here.run("key", "records", SURVEY, environment=PASSPHRASE).code == 0
    assert here.run("seal", SURVEY, "shredder.toml", "-o", "sealed").code == 0
    new = {"SHREDDER_KEYS_NEW_PASSPHRASE": "close sesame"}
    words = ("key", "passphrase", SURVEY)
    for environment, code in (({}, 2), (PASSPHRASE, 2), (new, 2)):
        refused = here.run(*words, environment=environment)
        assert (refused.code, "sesame" in refused.out + refused.err) == (code, False)
    both = here.run(*words, "--none", environment=PASSPHRASE | new)
    assert (both.code, "contradict" in both.error) == (2, True)
    done = here.run(*words, "--json", environment=PASSPHRASE | new).json
    assert (done["wrapping"], len(done["keys"])) == ("passphrase", 2)
    assert here.run("open", SURVEY, "sealed", "-o", "x", environment=PASSPHRASE).code == 2
    by_new = {"SHREDDER_KEYS_PASSPHRASE": "close sesame"}
    assert here.run("open", SURVEY, "sealed", "-o", "x", environment=by_new).code == 0
    assert here.run(*words, "--none", "--json", environment=by_new).json["wrapping"] == "none"
    assert here.run("open", SURVEY, "sealed", "-o", "y").code == 0
    assert here.run("key", "destroy", SURVEY, "--yes").code == 0
    assert here.run(*words, "--none").code == 6


def test_a_hold_and_approvers_forbid_the_end_of_a_key(keyed: Operator) -> None:
    keyed.add(f'\n[datasets.{SURVEY}.hold]\nreason = "litigation"\n')
    assert keyed.run("key", "destroy", SURVEY, "--yes").code == 6
    keyed.edit(f'\n[datasets.{SURVEY}.hold]\nreason = "litigation"\n', "")
    keyed.edit(f"[datasets.{SURVEY}]\n", f"[datasets.{SURVEY}]\napprovals = 1\n")
    keyed.add('\n[approvers.dpo]\nrole = "dpo"\nreference = "s3"\npublic_key = "p"\n')
    refused = keyed.run("key", "destroy", SURVEY, "--yes")
    assert (refused.code, "alone" in refused.error) == (6, True)
    assert keyed.run("key", "show", SURVEY, "--json").json["state"] == "live"


@pytest.mark.parametrize(
    "words",
    [
        ("key", "show", SURVEY),
        ("key", "destroy", SURVEY, "--yes"),
        ("seal", SURVEY, "shredder.toml", "-o", "x"),
        ("open", SURVEY, "shredder.toml", "-o", "x"),
    ],
)
def test_without_a_key_there_is_one_error(here: Operator, words: tuple[str, ...]) -> None:
    refused = here.run(*words)
    assert (refused.code, refused.error) == (2, f"dataset {SURVEY} has no key")
    assert not (here.folder / "x").exists()


def test_doctor_tells_of_keys(files: Operator) -> None:
    def told(passphrase: str = "open sesame") -> tuple[int, list[tuple[str, str]]]:
        environment = {"SHREDDER_KEYS_PASSPHRASE": passphrase}
        done = files.run("doctor", "--json", environment=environment)
        assert [each["dataset"] for each in done.json["keys"]] == [SURVEY]
        return done.code, [(each["status"], each["detail"]) for each in done.json["keys"]]

    assert told() == (0, [("ok", "live, and opens")])
    assert [status for status, _ in told("")[1]] == ["missing"]
    code, answers = told("wrong")
    assert (code, [status for status, _ in answers]) == (8, ["failed"])
    slots = files.state / "keys" / "slots"
    whole = slots.read_bytes()
    slots.write_bytes(whole[:100] + b"\xff" + whole[101:])
    assert told() == (0, [("missing", "live slot-half-damaged")])
    slots.write_bytes(b"\xff" * len(whole))
    assert told() == (8, [("failed", "live slot-damaged")])
    slots.unlink()
    assert told() == (
        8,
        [("failed", "the file of keys is not there: what became of keys in it, nobody can tell")],
    )


def test_doctor_is_silent_where_there_is_no_key(here: Operator) -> None:
    assert here.run("doctor", "--json").json["keys"] == []
    assert "keys:" not in here.run("doctor").out


def test_nothing_is_replaced_unasked(keyed: Operator) -> None:
    before = keyed.config.read_bytes()
    for command in ("seal", "open"):
        refused = keyed.run(command, SURVEY, "shelf/survey.csv", "-o", "shredder.toml")
        assert (refused.code, "not replaced" in refused.error) == (2, True)
    assert keyed.config.read_bytes() == before


def test_words_that_are_none(here: Operator) -> None:
    refused = here.run("key", "create", SURVEY, "--escrowed", "perhaps")
    assert (refused.code, "no, yes or unknown" in refused.error) == (2, True)
    assert here.run("key", "create", "nothing").code == 2


def test_the_file_of_keys_lies_where_it_is_configured(here: Operator, tmp_path: Path) -> None:
    here.add('\n[keys]\nfile = "elsewhere"\nerasure = "best-effort"\n')
    assert here.run("key", "create", SURVEY).code == 0
    assert (here.folder / "elsewhere").stat().st_mode & 0o777 == 0o600
    assert not (here.state / "keys" / "slots").exists()
