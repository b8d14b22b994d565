"""Chosen records of a dataset go without the rest: found, planned, destroyed, verified, attested."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from backends.sealedvalue import Cell, RecordDestroyed
from demo.survey import as_csv, other_records, records
from shredder.sealing.values import values_of
from tests.cli.keyed import FILES
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.cli.test_sealing import PASSPHRASE

MINE, THEIRS = records(60), other_records(30)
IDS = [row.respondent_id for row in MINE]


@pytest.fixture
def desk(tmp_path: Path) -> Operator:
    """A survey in three files of a store that takes records out of files."""
    operator = HereOperator(tmp_path, PASSPHRASE)
    share = tmp_path / "share"
    share.mkdir()
    (share / "survey.csv").write_text(as_csv(MINE))
    (share / "copy.csv").write_text(as_csv(MINE[:25]))
    (share / "one.csv").write_text(as_csv(MINE[:1]))
    (share / "canteen.csv").write_text(as_csv(THEIRS))
    operator.config.write_text(FILES.replace('backend = "files"', 'backend = "csv"'))
    for words in (("init",), ("enroll", SURVEY)):
        done = operator.run(*words)
        assert done.code == 0, done.err
    return operator


def ids_in(desk: Operator, name: str) -> list[str]:
    text = (desk.folder / "share" / name).read_text()
    return [row[0] for row in csv.reader(io.StringIO(text))][1:]


def test_one_record_goes_and_the_rest_stays(desk: Operator) -> None:
    done = desk.run("destroy", SURVEY, "--record", IDS[0], "--yes", "--timestamp-later", "--json")
    assert done.code == 0, done.out + done.err
    name = done.json["dataset"]
    assert name.startswith(f"{SURVEY}.records-")
    assert ids_in(desk, "survey.csv") == IDS[1:]
    assert ids_in(desk, "copy.csv") == IDS[1:25]
    assert not (desk.folder / "share" / "one.csv").exists()
    assert ids_in(desk, "canteen.csv") == [row.respondent_id for row in THEIRS]
    told = {h["locator"]: (h["records"], h["technique"]) for h in done.json["holdings"]}
    assert {records for records, _ in told.values()} == {1}
    assert not any(IDS[0] in part for part in (done.out, done.err))
    everything = desk.run("locate", SURVEY, "--json").json
    assert sorted(h["records"] for h in everything["holdings"]) == [24, 59]
    assert desk.run("recheck", name, "--json").json["outcome"] == "still-gone"


def test_the_table_counts_one_as_one(desk: Operator) -> None:
    assert "1 id, 1 person, " in desk.run("plan", SURVEY, "--record", IDS[0]).out
    assert "25 ids, 25 persons, " in desk.run("plan", SURVEY).out


def test_the_attestation_is_about_these_records(desk: Operator) -> None:
    done = desk.run("destroy", SURVEY, "--record", IDS[3], "--yes", "--timestamp-later", "--json")
    shown = desk.run("show", done.json["attestation"], "--json").json
    told = str(shown)
    assert done.json["dataset"] in told
    assert "chosen records: " in told


def test_the_same_choice_is_the_same_selection(desk: Operator) -> None:
    (desk.folder / "list").write_text(f"{IDS[5]}\n{IDS[4]}\n")
    words = ("--record", IDS[5], "--record", IDS[4])
    one = desk.run("plan", SURVEY, *words, "--json").json
    two = desk.run("plan", SURVEY, "--records", "list", "--json").json
    assert one["dataset"] == two["dataset"]
    other = desk.run("plan", SURVEY, "--record", IDS[5], "--json").json
    assert other["dataset"] != one["dataset"]
    done = desk.run("destroy", one["dataset"], "--plan", two["plan"], "--timestamp-later", "--json")
    assert done.json["outcome"] == "complete"
    assert ids_in(desk, "survey.csv") == [*IDS[:4], *IDS[6:]]
    again = desk.run("destroy", SURVEY, *words, "--yes", "--json")
    assert (again.code, again.json["outcome"]) == (0, "complete"), "and nothing is left to do"


def test_what_is_in_no_source_is_refused_and_nothing_is_touched(desk: Operator) -> None:
    before = {path: path.read_bytes() for path in (desk.folder / "share").iterdir()}
    refused = desk.run("destroy", SURVEY, "--record", IDS[0], "--record", "nobody", "--yes")
    assert (refused.code, "1 of 2 chosen records are in no source" in refused.error) == (2, True)
    assert "nobody" not in refused.err + refused.out
    assert {path: path.read_bytes() for path in (desk.folder / "share").iterdir()} == before
    for words in (("--record", ""), ("--records", "none")):
        assert desk.run("plan", SURVEY, *words).code == 2


def test_a_hold_and_approvals_are_the_datasets(desk: Operator) -> None:
    name = desk.run("plan", SURVEY, "--record", IDS[0], "--json").json["dataset"]
    desk.add(f'\n[datasets.{SURVEY}.hold]\nreason = "litigation"\n')
    for words in ((SURVEY, "--record", IDS[0]), (name,)):
        assert desk.run("destroy", *words, "--yes").code == 6
    desk.edit(f'\n[datasets.{SURVEY}.hold]\nreason = "litigation"\n', "")
    desk.edit(f"[datasets.{SURVEY}]\n", f"[datasets.{SURVEY}]\napprovals = 1\n")
    desk.add('\n[approvers.dpo]\nrole = "dpo"\nreference = "s3"\npublic_key = "p"\n')
    refused = desk.run("destroy", SURVEY, "--record", IDS[0], "--yes")
    assert (refused.code, ids_in(desk, "one.csv")) == (6, IDS[:1])


def test_the_datasets_key_is_not_ended_for_some_of_its_records(desk: Operator) -> None:
    name = desk.run("plan", SURVEY, "--record", IDS[0], "--json").json["dataset"]
    by_key = ("--sealed", "by-key")
    for words in (
        ("plan", SURVEY, "--record", IDS[0]),
        ("plan", name),
        ("destroy", SURVEY, "--record", IDS[0], "--yes"),
    ):
        refused = desk.run(*words, *by_key)
        assert (refused.code, "chosen records go without it" in refused.error) == (2, True)
    assert ids_in(desk, "survey.csv") == IDS


def test_no_dataset_is_called_as_a_selection_is(desk: Operator) -> None:
    desk.edit(f"[datasets.{SURVEY}]", '[datasets."a.records-b"]')
    refused = desk.run("status")
    assert (refused.code, "which is ours" in refused.error) == (2, True)


def test_a_name_that_leaves_no_room_is_refused(desk: Operator) -> None:
    long = "s" * 50
    desk.config.write_text(desk.config.read_text().replace(SURVEY, long))
    assert desk.run("enroll", long).code == 0
    refused = desk.run("plan", long, "--record", IDS[0])
    assert (refused.code, "too long" in refused.error) == (2, True)


def test_a_selection_is_no_dataset_to_enroll_or_choose_from(desk: Operator) -> None:
    name = desk.run("plan", SURVEY, "--record", IDS[0], "--json").json["dataset"]
    before = (desk.state / "catalogues" / f"{name}.catalogue").read_bytes()
    assert desk.run("enroll", name).code == 2
    assert desk.run("plan", name, "--record", IDS[1]).code == 2
    assert desk.run("plan", f"{SURVEY}.records-000000000000").code == 2
    assert desk.run("destroy", name, "--plan", "x", "--record", IDS[0]).code == 2
    assert (desk.state / "catalogues" / f"{name}.catalogue").read_bytes() == before
    assert not any(each.encode() in before for each in IDS)


def test_a_records_own_key_goes_with_it(desk: Operator) -> None:
    assert desk.run("key", "create", SURVEY).code == 0
    assert desk.run("key", "records", SURVEY).code == 0
    sealed = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(PASSPHRASE.items())))
        with values_of(SURVEY, desk.config) as values:
            for who in IDS[:3]:
                sealed[who] = values.seal("mail", Cell("answers", "mail", who), record=who)
    words = ("--record", IDS[0], "--record", IDS[1])
    planned = desk.run("plan", SURVEY, *words, "--json").json
    keys = [h for h in planned["holdings"] if h["store"] == "record-keys"]
    assert [(h["kind"], h["technique"]) for h in keys] == [
        ("record-key", "cryptographic-erase")
    ] * 2
    done = desk.run("destroy", SURVEY, *words, "--yes", "--timestamp-later", "--json")
    assert (done.code, done.json["outcome"]) == (0, "complete"), done.out + done.err
    keys = [h for h in done.json["holdings"] if h["store"] == "record-keys"]
    assert [h["status"] for h in keys] == ["destroyed-verified"] * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(PASSPHRASE.items())))
        with values_of(SURVEY, desk.config) as values:
            assert values.open(sealed[IDS[2]], Cell("answers", "mail", IDS[2])) == "mail"
            for who in IDS[:2]:
                with pytest.raises(RecordDestroyed):
                    values.open(sealed[who], Cell("answers", "mail", who))
    shown = desk.run("show", done.json["attestation"], "--json").json
    assert "record-key" in str(shown)
    assert not any(who in done.out + done.err + str(shown) for who in IDS)
    assert desk.run("recheck", done.json["dataset"], "--json").json["outcome"] == "still-gone"
    assert desk.run("key", "show", SURVEY, "--json").json["state"] == "live"


def test_places_of_a_key_that_was_are_not_looked_for_under_the_next(desk: Operator) -> None:
    """There they are anything's: a key of the records would seem to be back."""
    for command in ("create", "records"):
        assert desk.run("key", command, SURVEY).code == 0
    words = ("destroy", SURVEY, "--record", IDS[0], "--yes", "--timestamp-later", "--json")
    name = desk.run(*words).json["dataset"]
    for key_words in (("destroy", SURVEY, "--yes"), ("create", SURVEY), ("records", SURVEY)):
        done = desk.run("key", *key_words)
        assert done.code == 0, done.err
    looked = desk.run("recheck", name, "--json")
    assert (looked.code, looked.json["outcome"]) == (8, "inconclusive"), looked.out + looked.err
    assert {each["reason"] for each in looked.json["problems"]} == {"key-not-found"}


@pytest.mark.parametrize("left", [b"", b"\0", b"ab\n", b"key \nno hexadecimal\n", b"key \nlast \n"])
def test_a_file_of_places_in_no_form_is_a_gap_until_they_are_chosen_anew(
    desk: Operator, left: bytes
) -> None:
    for command in ("create", "records"):
        assert desk.run("key", command, SURVEY).code == 0
    words = ("plan", SURVEY, "--record", IDS[0], "--json")
    planned = desk.run(*words).json
    (file,) = (path for path in desk.state.rglob("*") if path.is_file() and _places(path))
    file.write_bytes(left)
    looked = desk.run("locate", planned["dataset"], "--json")
    assert {each["reason"] for each in looked.json["problems"]} == {"key-not-found"}, looked.err
    again = desk.run(*words).json
    assert (again["problems"], _where(again)) == ([], _where(planned))


def test_records_keys_are_a_gap_where_the_end_of_the_datasets_broke_off(desk: Operator) -> None:
    for command in ("create", "records"):
        assert desk.run("key", command, SURVEY).code == 0
    words = ("plan", SURVEY, "--record", IDS[0], "--json")
    assert desk.run(*words).json["problems"] == []
    key = desk.run("key", "show", SURVEY, "--json").json["key"]
    (file,) = desk.state.rglob(f"{key}.json")
    file.write_bytes(file.read_bytes().replace(b'"live"', b'"destroying"'))
    found = desk.run(*words).json["problems"]
    assert [(each["store"], each["reason"]) for each in found] == [
        ("record-keys", "key-unfinished")
    ]


def _where(planned: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["store"], each["locator"]) for each in planned["holdings"]]


def _places(path: Path) -> bool:
    return path.read_bytes().startswith(b"key ")


def test_a_run_that_was_broken_off_is_resumed(desk: Operator) -> None:
    """After the records are taken out and their keys destroyed, before anything is verified."""
    from shredder.run import machine

    assert desk.run("key", "create", SURVEY).code == 0
    assert desk.run("key", "records", SURVEY).code == 0

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    words = ("--record", IDS[0], "--yes", "--timestamp-later")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "look_for_residue", killed)
        assert desk.run("destroy", SURVEY, *words).code != 0
    assert ids_in(desk, "survey.csv") == IDS[1:]
    again = desk.run("destroy", SURVEY, "--record", IDS[0], "--yes")
    assert (again.code, "not at its end" in again.error) == (6, True)
    done = desk.run("resume", "--json")
    assert (done.code, done.json["outcome"]) == (0, "complete"), done.err
    assert {h["status"] for h in done.json["holdings"]} == {"destroyed-verified"}


def test_without_the_passphrase_keys_of_records_are_not_passed_over(desk: Operator) -> None:
    assert desk.run("key", "create", SURVEY).code == 0
    assert desk.run("key", "records", SURVEY).code == 0
    without = {"SHREDDER_KEYS_PASSPHRASE": ""}
    words = ("--record", IDS[0])
    refused = desk.run("destroy", SURVEY, *words, "--yes", environment=without)
    assert (refused.code, "passphrase" in refused.error) == (2, True)
    name = desk.run("plan", SURVEY, *words, "--json").json["dataset"]
    told = desk.run("locate", name, "--json", environment=without)
    assert (told.code, {p["reason"] for p in told.json["problems"]}) == (
        8,
        {"key-store-unreadable"},
    )
    assert ids_in(desk, "one.csv") == IDS[:1]


def test_what_recognises_chosen_records_goes_with_the_datasets(desk: Operator) -> None:
    for who in IDS[:2]:
        words = ("destroy", SURVEY, "--record", who, "--yes", "--timestamp-later")
        assert desk.run(*words).code == 0
    assert len(list((desk.state / "catalogues").glob("*.catalogue"))) == 3
    assert desk.run("forget-fingerprint", SURVEY, "--yes").code == 0
    left = [path.name for path in (desk.state / "catalogues").iterdir()]
    assert all(name.endswith(".destroyed") for name in left), left
    assert not list((desk.state / "keys").glob("*.fingerprint"))
    assert desk.run("plan", SURVEY, "--record", IDS[2]).code != 0


def test_what_a_plan_for_chosen_records_needs_is_not_taken_away(desk: Operator) -> None:
    assert desk.run("plan", SURVEY, "--record", IDS[0]).code == 0
    refused = desk.run("forget-fingerprint", SURVEY, "--yes")
    assert (refused.code, "not at its end" in refused.error) == (6, True)
    assert len(list((desk.state / "catalogues").glob("*.catalogue"))) == 2
