"""The configuration: which file is read, what is wrong in it and on which line, and no secret."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from shredder.config import TEMPLATE
from tests.cli.operating import SURVEY, HereOperator, Operator


@pytest.fixture
def fresh(tmp_path: Path) -> Operator:
    folder = tmp_path / "fresh"
    folder.mkdir()
    return HereOperator(folder)


def initialised(fresh: Operator) -> Operator:
    done = fresh.run("init", "--controller", 'Example "Ltd"')
    assert done.code == 0, done.err
    return fresh


@pytest.fixture
def refusal(
    fresh: Operator, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[str, str]]:
    """Gives the message and the hint for a configuration that is refused."""

    def ask(text: str) -> tuple[str, str]:
        fresh.config.write_text(text)
        done = fresh.run("status", "--json")
        assert (done.code, done.json["error"]) == (2, done.error)
        return done.error.removeprefix(f"{fresh.config}:"), done.hint

    return ask


Refusal = Callable[[str], tuple[str, str]]


FILES = '[stores.share]\nbackend = "files"\nroots = ["share"]\n'
DATASET = f'{FILES}[datasets.x]\nsources = [{{ store = "share", path = "x.csv" }}]\n'


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('controler = "x"\n', "1: controler is not known", "known: controller, state, "),
        (f"{FILES}rots = []\n", "4: stores.share.rots is not known", "backend 'files' knows: "),
        ('[stores.share]\nbackend = "flies"\n', "2: stores.share.backend no backend is called 'flies'; installed: csv, files, ", ""),
        ('[stores.share]\nroots = ["x"]\n', "1: stores.share lacks the key 'backend'", ""),
        ('[stores.share]\nbackend = "files"\n', "1: stores.share lacks the key 'roots'", ""),
        ('[stores.share]\nbackend = "files"\nroots = "share"\n', "3: stores.share.roots must be a list of strings", ""),
        ('\n["stores"."a b"]\nbackend = "files"\n', "2: stores.a b is no name", ""),
        ("stores = 3\n", "1: stores must be a table", ""),
        ("[datasets.x]\n", "1: datasets.x lacks the key 'sources'", ""),
        ('[datasets.x]\nsources = [{ store = "y", table = "t" }]\n', "2: datasets.x.sources.store names no configured store: 'y'", ""),
        (FILES + '[datasets.x]\nsources = [{ store = "share" }]\n', "5: datasets.x.sources wants exactly one of table, query, path, key", ""),
        (f'{DATASET}[datasets.x.columns]\nid = "privat"\n', "7: datasets.x.columns.id must be one of", ""),
        (f"{DATASET}[datasets.x.hold]\nuntil = 2027-01-31\n", "6: datasets.x.hold lacks the key 'reason'", ""),
        (f'{DATASET}[datasets.x.hold]\nreason = "r"\nuntil = "soon"\n', "8: datasets.x.hold.until must be a date", ""),
        (f'{DATASET}basis = "GDPR Art. 17"\n', "6: datasets.x.basis must be a code", ""),
        (f'{DATASET}title = ""\n', "6: datasets.x.title must have 1 to 200 characters", ""),
        (f'{DATASET}title = "answers of ada@example.org"\n', "6: datasets.x.title looks like an e-mail address", ""),
        ('controller = "ada@example.org"\n', "1: controller looks like an e-mail address", ""),
        ('[operator]\nrole = "Data Officer"\n', "2: operator.role must be a code", ""),
        ('[operator]\nreference = "Ada Lovelace"\n', "2: operator.reference must be up to 64", ""),
        ('[recipients.r]\ndatasets = ["z"]\n', "2: recipients.r.datasets names no dataset: 'z'", ""),
        ('[timestamp]\nauthorities = ["ftp://x"]\n', "2: timestamp.authorities must be http:// or https:// URLs", ""),
        ("[timestamp]\ntimeout_s = 0\n", "2: timestamp.timeout_s must be 1 to 600", ""),
        ("[timestamp]\ntimeout_s = true\n", "2: timestamp.timeout_s must be a whole number", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    refusal: Refusal, text: str, message: str, hint: str
) -> None:
    error, told = refusal(text)
    assert error[: len(message)] == message
    assert told[: len(hint)] == hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[stores\n", r"is not TOML: .*line 1"),
        ('x = "\n', r"is not TOML: .*line 1"),
        ("x = 1\nx = 2\n", r"is not TOML: .*line 2"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(refusal: Refusal, text: str, message: str) -> None:
    assert re.search(message, refusal(text)[0])


def test_a_file_that_is_not_utf8(fresh: Operator) -> None:
    fresh.config.write_bytes(b'controller = "caf\xe9"\n')
    done = fresh.run("status")
    assert (done.code, done.error) == (2, f"cannot read {fresh.config}: not UTF-8")


def test_what_steers_a_terminal_is_not_repeated(refusal: Refusal) -> None:
    """A key of the file is quoted in the message, and may be anything."""
    error, _ = refusal('"\\u001b[2Jx" = 1\n')
    assert "\x1b" not in error
    assert "\\x1b[2Jx is not known" in error


SECRET = "hunter2-verysecret"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (f'[stores.w]\nbackend = "postgres"\nconninfo = "host=db password={SECRET}"\n', ".pgpass"),
        (f'[stores.w]\nbackend = "postgres"\nconninfo = "host=db sslpassword = {SECRET}"\n', ".pgpass"),
        (f'[stores.w]\nbackend = "postgres"\nconninfo = "postgresql://ada:{SECRET}@db/x"\n', ".pgpass"),
        (f'[stores.w]\nbackend = "postgres"\nconninfo = "postgresql://db/x?password={SECRET}"\n', ".pgpass"),
        (f'[stores.w]\nbackend = "postgres"\nconninfo = "host=db"\npassword = "{SECRET}"\n', ".pgpass"),
        (f'[stores.l]\nbackend = "s3"\nbuckets = ["*"]\nendpoint_url = "https://u:{SECRET}@s3.example"\n', "boto3"),
        (f'[stores.l]\nbackend = "s3"\nbuckets = ["*"]\naccess_key = "{SECRET}"\n', "boto3"),
        (f'[stores.l]\nbackend = "s3"\nbuckets = ["*"]\naws_secret_access_key = "{SECRET}"\n', "boto3"),
        (f'[stores.l]\nbackend = "s3"\nbuckets = ["AKIA{SECRET[:0]}ABCDEFGHIJKLMNOP"]\n', "boto3"),
        (f'[timestamp]\nauthorities = ["https://u:{SECRET}@tsa.example"]\n', "boto3"),
        (f'controller = "-----BEGIN PRIVATE KEY-----\\n{SECRET}"\n', "state directory"),
    ],
)  # fmt: skip
def test_a_secret_is_refused_with_a_hint_and_not_repeated(
    refusal: Refusal, text: str, hint: str
) -> None:
    error, told = refusal(text)
    assert "holds a secret, and this file must not" in error
    assert hint in told
    assert SECRET not in error + told
    assert "ABCDEFGHIJKLMNOP" not in error + told


def test_a_column_may_be_called_as_it_is_called(fresh: Operator) -> None:
    initialised(fresh)
    columns = '[datasets.x.columns]\npassword_hint = "private"\naccess_token = "private"\n'
    fresh.config.write_text(DATASET + columns)
    assert fresh.run("status").code == 0


def test_the_template_is_right_down_to_its_comments(fresh: Operator) -> None:
    """Everything in it that can be uncommented can be uncommented."""
    initialised(fresh)
    lines = TEMPLATE.format(controller="Example Ltd").splitlines()
    setting = re.compile(r"^# (\[[a-z0-9.-]+\]|[a-z_]+ = )")
    text = "\n".join(line.removeprefix("# ") if setting.match(line) else line for line in lines)
    assert "\nsources = " in text
    fresh.config.write_text(text)
    done = fresh.run("status")
    assert (done.code, done.err) == (0, "")


# --- Which file ---------------------------------------------------------------------------


def test_option_before_variable_before_folder(here: Operator) -> None:
    elsewhere = here.folder / "elsewhere.toml"
    elsewhere.write_text("[stores.x]\n")
    by_variable = {"SHREDDER_CONFIG": str(elsewhere)}
    assert here.run("status").code == 0
    assert str(elsewhere) in here.run("status", environment=by_variable).error
    assert here.run("status", "--config", here.config, environment=by_variable).code == 0
    assert str(elsewhere) in here.run("status", "--config", elsewhere).error
    assert here.run("status", environment={"SHREDDER_CONFIG": ""}).code == 0


def test_paths_start_at_the_file_and_not_where_the_command_runs(
    here: Operator, tmp_path: Path
) -> None:
    done = here.run("locate", SURVEY, "--config", here.config, "--json", folder=tmp_path)
    assert (done.code, len(done.json["holdings"])) == (0, 3)


def test_the_installed_command_says_the_same(fresh: Operator) -> None:
    fresh.config.write_text('controler = "x"\n')
    done = Operator(fresh.folder).run("status", "--json")
    assert (done.code, done.error) == (2, f"{fresh.config}:1: controler is not known")
    assert (done.json["error"], done.json["hint"]) == (done.error, done.hint)


def test_no_file(fresh: Operator) -> None:
    done = fresh.run("locate", SURVEY, "--json")
    assert (done.code, done.error) == (2, f"no configuration at {fresh.config}")
    assert "shredder init" in done.hint


# --- init, and the state directory --------------------------------------------------------


def test_init_writes_a_file_and_a_private_state_directory(fresh: Operator) -> None:
    initialised(fresh)
    assert 'controller = "Example \\"Ltd\\""' in fresh.config.read_text()
    assert stat.S_IMODE(fresh.state.stat().st_mode) == 0o700
    assert stat.S_IMODE((fresh.state / "keys" / "signing.pem").stat().st_mode) == 0o600
    assert {p.name for p in fresh.state.iterdir()} >= {"keys", "catalogues", "runs", "attestations"}
    assert fresh.run("status").out == "no runs yet\n"


def test_init_again_keeps_what_is_there(fresh: Operator) -> None:
    first = fresh.run("init", "--json")
    fresh.add("# mine\n")
    content = fresh.config.read_text()
    again = fresh.run("init", "--controller", "Another Ltd", "--json")
    assert again.code == 0
    assert again.json == first.json
    assert fresh.config.read_text() == content
    assert "kept" in fresh.run("init").out


def test_init_goes_where_the_other_commands_look(fresh: Operator, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    by_variable = {"SHREDDER_CONFIG": str(there / "my.toml")}
    assert fresh.run("init", environment=by_variable).code == 0
    assert sorted(p.name for p in there.iterdir()) == [".shredder", "my.toml"]
    assert list(fresh.folder.iterdir()) == []


def test_init_into_no_folder(fresh: Operator) -> None:
    done = fresh.run("init", "--config", "nowhere/shredder.toml")
    assert (done.code, done.error) == (2, f"no directory {fresh.folder / 'nowhere'}")


@pytest.mark.parametrize("command", ["init", "status"])
def test_a_state_directory_that_is_open_to_others(fresh: Operator, command: str) -> None:
    initialised(fresh)
    fresh.state.chmod(0o755)
    done = fresh.run(command, "--json")
    assert (done.code, done.error) == (2, f"the state directory {fresh.state} is open to others")
    assert "chmod 700" in done.hint
    assert stat.S_IMODE(fresh.state.stat().st_mode) == 0o755  # not mended in silence


def test_a_state_directory_that_leads_elsewhere(fresh: Operator) -> None:
    initialised(fresh)
    fresh.state.rename(fresh.folder / "real")
    fresh.state.symlink_to("real")
    done = fresh.run("status")
    assert (done.code, done.error) == (2, f"the state directory {fresh.state} is not a directory")


def test_no_state_directory(fresh: Operator) -> None:
    fresh.config.write_text("")
    done = fresh.run("status")
    assert (done.code, done.error) == (2, f"no state directory at {fresh.state}")


def test_a_private_key_that_others_can_read_does_not_sign(here: Operator) -> None:
    (here.state / "keys" / "signing.pem").chmod(0o644)
    done = here.run("destroy", SURVEY, "--yes", "--json")
    assert (done.code, done.error) == (2, "the key file can be read or written by others")
    assert here.run("status").out == "no runs yet\n"


# --- The passphrase -----------------------------------------------------------------------


def test_a_passphrase_guards_the_key(here: Operator) -> None:
    for name in ("signing.pem", "signing.pub.pem"):
        (here.state / "keys" / name).unlink()
    right, wrong = ({"SHREDDER_PASSPHRASE": word} for word in ("correct horse", "battery staple"))
    assert here.run("init", environment=right).code == 0
    assert b"ENCRYPTED" in (here.state / "keys" / "signing.pem").read_bytes()

    words = ("destroy", SURVEY, "--yes", "--json")
    lacking = here.run(*words)
    assert (lacking.code, lacking.error) == (2, "the key file is encrypted")
    assert "SHREDDER_PASSPHRASE" in lacking.hint
    mistaken = here.run(*words, environment=wrong)
    assert mistaken.code == 2
    assert "a wrong passphrase" in mistaken.error
    assert "battery staple" not in mistaken.out + mistaken.err
    # Found out before a store was asked for anything, and so before anything was touched.
    assert here.run("status").out == "no runs yet\n"
    assert here.run(*words, environment=right).code == 0


def test_a_passphrase_for_a_key_that_has_none(here: Operator) -> None:
    done = here.run("destroy", SURVEY, "--yes", environment={"SHREDDER_PASSPHRASE": "x"})
    assert (done.code, done.error) == (2, "the key file has no passphrase")


def test_a_fingerprint_is_asked_for(here: Operator) -> None:
    (here.state / "keys" / f"{SURVEY}.fingerprint").unlink()
    done = here.run("locate", SURVEY)
    assert (done.code, done.error) == (2, f"dataset {SURVEY} has no fingerprint yet")
    assert done.hint == f"take it with `shredder enroll {SURVEY}`"
