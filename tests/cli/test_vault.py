"""A dataset's key wrapped by a server's, at the command line: OpenBao."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.keyed import sealed_survey
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.support.openbao import OpenBao

VARIABLE = "SHREDDER_KEYS_ACCESS_TOKEN"


@pytest.fixture
def desk(openbao: OpenBao, tmp_path: Path) -> Operator:
    """A survey in a file and a sealed copy of it; the key is wrapped by a server's."""
    mount = openbao.mounted()
    operator = HereOperator(tmp_path, {VARIABLE: openbao.token(mount)})
    (tmp_path / "ca.pem").write_bytes(openbao.ca_file.read_bytes())
    settings = (
        f'store = "vault"\naddress = "{openbao.address}"\nmount = "{mount}"\nca_file = "ca.pem"\n'
    )
    return sealed_survey(operator, settings)


def test_the_whole_way(desk: Operator) -> None:
    shown = desk.run("key", "show", SURVEY, "--json").json
    assert (shown["wrapping"], shown["state"], shown["problems"]) == ("vault", "live", [])
    assert desk.run("open", SURVEY, "share/backup.age", "-o", "opened.csv").code == 0
    told = desk.run("locate", SURVEY, "--workers", "2", "--json").json
    assert len([h for h in told["holdings"] if h["store"] == "share"]) == 2
    done = desk.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    by_store = {each["store"]: each for each in done.json["holdings"]}
    assert by_store["keys"]["status"] == "destroyed-verified", done.err
    assert by_store["keys"]["method"] == "logical-delete"
    assert {"server-erase-not-shown", "server-sees-key"} <= set(by_store["keys"]["limitations"])
    assert desk.run("key", "show", SURVEY, "--json").json["state"] == "destroyed"
    assert list((desk.folder / "share").iterdir()) == []


def test_without_its_access_token_it_is_a_clear_error(desk: Operator) -> None:
    for token, words in (("", "there is none"), ("s.other", "does not take")):
        refused = desk.run(
            "open", SURVEY, "share/backup.age", "-o", "x", environment={VARIABLE: token}
        )
        assert (refused.code, words in refused.error) == (2, True)
        assert "s.other" not in refused.err
        told = desk.run("doctor", "--json", environment={VARIABLE: token})
        assert told.json["keys"][0]["status"] != "ok"
    assert desk.run("doctor", "--json").json["keys"][0]["status"] == "ok"


def test_an_agent_writes_the_access_token_where_it_is_read(
    desk: Operator, openbao: OpenBao
) -> None:
    desk.edit('ca_file = "ca.pem"\n', 'ca_file = "ca.pem"\naccess_file = "sink"\n')
    assert desk.run("key", "destroy", SURVEY, "--yes").code == 2
    (desk.folder / "sink").write_text(openbao.root)
    assert desk.run("key", "destroy", SURVEY, "--yes").code == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('address = "https:', 'address = "ftp:', "must begin with https://"),
        ('ca_file = "ca.pem"\n', 'token = "s.1"\n', "holds a secret"),
        ('ca_file = "ca.pem"\n', 'label = "a"\n', "label"),
    ],
)
def test_a_configuration_that_makes_no_sense(
    desk: Operator, old: str, new: str, words: str
) -> None:
    desk.edit(old, new)
    refused = desk.run("key", "show", SURVEY)
    assert (refused.code, words in refused.err) == (2, True)
