"""Another person's word on a result, from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attestations import KeyFileSigner
from demo.servers.tsa import TimestampAuthority
from tests.cli.operating import SURVEY, Done, HereOperator, Operator


class Office:
    """A validator's folder: a key, a policy with operator and validator in it, a bundle."""

    def __init__(self, folder: Path, desk: Operator, authority: TimestampAuthority) -> None:
        folder.mkdir()
        self.url = authority.url
        self.place = HereOperator(folder)
        officer = KeyFileSigner.create(folder / "officer.pem")
        (folder / "officer.pub.pem").write_text(officer.public_key.pem)
        shutil.copy(desk.state / "keys" / "signing.pub.pem", folder / "operator.pem")
        shutil.copy(desk.state / "keys" / "signing.pem", folder / "signing.pem")
        (folder / "root.pem").write_text(authority.root_pem)
        (folder / "tsa.pem").write_text(authority.leaf_pem)
        done = self.place.run(
            *["policy", "new", "policy.json", "--key", "operator.pem"],
            *["--validator", "officer.pub.pem"],
            *["--tsa-root", "root.pem", "--tsa-certificate", "tsa.pem"],
        )
        assert done.code == 0, done.err

    def validate(self, *more: str, key: str = "officer.pem", decision: str = "accepted") -> Done:
        return self.place.run(
            *["validate", "bundle.json", "--policy", "policy.json", "--key", key, "--json"],
            *["--decision", decision, "--by-role", "data-protection-officer"],
            *["--reference", "staff-3", *more],
        )

    def verify(self) -> Done:
        return self.place.run(
            *["verify", "bundle.json", "--policy", "policy.json", "--json"],
            *["--validation", "bundle.validation.json"],
        )


@pytest.fixture
def office(tmp_path: Path, desk: Operator, authority: TimestampAuthority) -> Office:
    desk = HereOperator(desk.folder, desk.environment)
    made = Office(tmp_path / "office", desk, authority)
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert done.code == 0, done.err
    shutil.copy(done.json["attestation"], made.place.folder / "bundle.json")
    return made


def test_a_result_is_accepted_and_an_auditor_sees_by_whom(office: Office) -> None:
    before = (office.place.folder / "bundle.json").read_bytes()
    done = office.validate("--tsa", office.url)
    assert (done.code, done.json["decision"]) == (0, "accepted")
    assert (office.place.folder / "bundle.json").read_bytes() == before
    seen = office.verify()
    assert seen.code == 0
    said = seen.json["validation"]
    assert (said["authentic"], said["decision"], said["by"]) == (True, "accepted", ["officer.pub"])
    assert (said["role"], said["reference"]) == ("data-protection-officer", "staff-3")
    assert said["no_later_than"] is not None


def test_a_result_that_is_rejected_is_not_complete(office: Office) -> None:
    assert office.validate("--tsa", office.url, decision="rejected").code == 0
    seen = office.verify()
    assert (seen.code, seen.json["validation"]["decision"]) == (10, "rejected")


def test_a_validation_without_a_proven_time_is_inconclusive(office: Office) -> None:
    assert office.validate().code == 0
    seen = office.verify()
    assert (seen.code, seen.json["validation"]["no_later_than"]) == (8, None)


def test_the_operator_cannot_validate_what_is_his_own(office: Office) -> None:
    done = office.validate(key="signing.pem")
    assert done.code == 9
    assert done.error.startswith("validation: ")
    assert not (office.place.folder / "bundle.validation.json").exists()


def test_nothing_is_signed_of_a_bundle_that_does_not_verify(office: Office) -> None:
    bundle = office.place.folder / "bundle.json"
    bundle.write_bytes(bundle.read_bytes()[:4000])
    assert office.validate().code == 9
    assert not (office.place.folder / "bundle.validation.json").exists()


def test_a_spoilt_validation_makes_the_whole_invalid(office: Office) -> None:
    assert office.validate("--tsa", office.url).code == 0
    path = office.place.folder / "bundle.validation.json"
    path.write_bytes(path.read_bytes()[:-20])
    seen = office.verify()
    assert (seen.code, seen.json["authentic"]) == (9, True)
    assert seen.json["validation"] == {"authentic": False, "code": "E_JSON"}


def test_a_validation_is_not_replaced_and_its_words_are_held_to_their_form(office: Office) -> None:
    assert office.validate(decision="perhaps").code == 2
    assert office.validate("--reference", "a@example.org").code == 2
    assert office.validate("--by-role", "Data Protection Officer").code == 2
    assert office.validate().code == 0
    again = office.validate()
    assert (again.code, "exists already" in again.error) == (2, True)
