"""A token that goes while a command works, or locks its PIN: what an operator is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.keyed import sealed_survey
from tests.cli.operating import SURVEY, Done, HereOperator, Operator
from tests.support.hsmfaults import DEVICE_REMOVED, PIN_LOCKED, watched
from tests.support.softhsm import MODULE, PIN, tokens

pytestmark = pytest.mark.needs("softhsm")

KEYS = f'store = "pkcs11"\nmodule = "{MODULE}"\nlabel = "survey"\n'
CREATE, DESTROY = ("key", "create", SURVEY), ("key", "destroy", SURVEY, "--yes")
KEYED = {"C_FindObjectsInit", "C_GenerateKey", "C_Encrypt", "C_Decrypt", "C_DestroyObject"}
OPEN = ("open", SURVEY, "share/backup.age", "-o", "opened.csv")


class Desk:
    """An operator, and a token that can be taken away."""

    def __init__(self, folder: Path) -> None:
        (folder / "hsm").mkdir()
        self.place = folder / "hsm" / "tokens"
        self.operator = HereOperator(folder, {"SHREDDER_KEYS_PIN": PIN})
        self.run = self.operator.run

    def take(self) -> None:
        self.place.rename(self.place.with_name("away"))

    def bring(self) -> None:
        """Plug it in again, as a module sees that: no session of before is left."""
        import pkcs11

        if not self.place.exists():
            self.place.with_name("away").rename(self.place)
        pkcs11.lib(MODULE).reinitialize()

    def held(self) -> int:
        """How many keys the token has, as it tells by itself."""
        import pkcs11

        with pkcs11.lib(MODULE).get_token(token_label="survey").open(user_pin=PIN) as session:
            return len(list(session.get_objects()))

    def state(self) -> str:
        return str(self.run("key", "show", SURVEY, "--json").json["state"])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A survey in a file and a sealed copy of it; the key is wrapped by a token."""
    made = Desk(tmp_path)
    with tokens(tmp_path / "hsm", "survey"):
        made.operator.environment["SOFTHSM2_CONF"] = os.environ["SOFTHSM2_CONF"]
        sealed_survey(made.operator, KEYS)
        yield made


class Going:
    """Takes the token at one of the calls about keys that its module gets.

    `answering`: the module says that it was removed, as that of one that was unplugged; otherwise
    SoftHSM says what it says.
    """

    def __init__(self, desk: Desk, number: int, *, answering: bool) -> None:
        self.desk = desk
        self.left = number
        self.answering = answering

    def __call__(self, name: str) -> int | None:
        if name in KEYED and self.left:
            self.left -= 1
            if not self.left and not self.answering:
                self.desk.take()
        return DEVICE_REMOVED if self.answering and not self.left else None


def each_call(desk: Desk, *words: str, answering: bool) -> Iterator[Done]:
    """Do a command over and over: the token goes at the first call about keys, the second, and on.

    Yields what came of it, with the token in its place again.
    """
    for number in range(1, 99):
        going = Going(desk, number, answering=answering)
        with watched(going):
            done = desk.run(*words)
        desk.bring()
        if going.left:
            assert done.code == 0, done.err
            assert number > 2, "it went at none"
            return
        yield done
    raise AssertionError("that has no end")


def refused(done: Done, *, answering: bool) -> None:
    """One line that says what, and one that says what to do."""
    assert done.code == 8
    assert ("the token was taken away" if answering else "the token answers ") in done.error
    assert "repeat the command" in done.hint
    assert len(done.err.splitlines()) == 2, done.err


@pytest.mark.parametrize("answering", [True, False])
class TestGoing:
    """At each of a command's calls about keys."""

    def test_while_a_file_is_opened(self, desk: Desk, answering: bool) -> None:
        opened = desk.operator.folder / "opened.csv"
        for done in each_call(desk, *OPEN, answering=answering):
            if done.code == 0:  # SoftHSM had read the key from the token's folder
                opened.unlink()
            else:
                refused(done, answering=answering)
            assert not opened.exists()
            assert (desk.state(), desk.held()) == ("live", 1)
        assert opened.read_bytes() == (desk.operator.folder / "share/survey.csv").read_bytes()

    def test_while_a_key_is_made(self, desk: Desk, answering: bool) -> None:
        assert desk.run(*DESTROY).code == 0
        for done in each_call(desk, *CREATE, answering=answering):
            if done.code != 0:
                refused(done, answering=answering)
                assert desk.run(*CREATE).code == 0, "what was begun does not stand in its way"
            assert (desk.state(), desk.held()) == ("live", 1)
            assert desk.run(*DESTROY).code == 0
        assert desk.held() == 1

    def test_while_a_key_is_destroyed(self, desk: Desk, answering: bool) -> None:
        seen = set()
        for done in each_call(desk, *DESTROY, "--json", answering=answering):
            state, held = desk.state(), desk.held()
            seen.add((state, held))
            if state == "destroyed":
                assert (done.code, done.json["verification"]) == (8, "inconclusive")
            else:
                refused(done, answering=answering)
            assert desk.run(*DESTROY).code == 0
            assert (desk.state(), desk.held()) == ("destroyed", 0)
            assert desk.run(*CREATE).code == 0
        # Never called destroyed with the token's key there.
        assert seen == {("live", 1), ("destroying", 1), ("destroying", 0), ("destroyed", 0)}


@pytest.mark.parametrize("folder", ["gone", "empty"])
def test_it_is_away_between_two_commands(desk: Desk, folder: str) -> None:
    """Of SoftHSM with no folder not even the module starts; with an empty one it has no token."""
    import pkcs11

    words = "does not start: it answers" if folder == "gone" else "no token has that label"
    library = pkcs11.lib(MODULE)
    desk.take()
    if folder == "empty":
        desk.place.mkdir()
    for asked in (OPEN, DESTROY, ("key", "records", SURVEY)):
        library.finalize()
        done = desk.run(*asked)
        assert (done.code, words in done.error) == (8, True), done.err
        assert done.hint.startswith("is it plugged in?" if folder == "empty" else "is the token")
    if folder == "empty":
        desk.place.rmdir()
    desk.bring()
    assert (desk.state(), desk.held()) == ("live", 1)
    assert desk.run(*OPEN).code == 0


def test_it_goes_when_nothing_but_the_key_is_left(desk: Desk) -> None:
    """In the midst of a run: what was done stands, and another run ends it."""
    share = desk.operator.folder / "share"
    run = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")

    def taking(_: str) -> None:
        if desk.place.exists() and not list(share.iterdir()):
            desk.take()

    with watched(taking):
        done = desk.run(*run)
    desk.bring()
    came = {each["store"]: (each["status"], each["reason"]) for each in done.json["holdings"]}
    assert (done.code, done.json["outcome"]) == (4, "partial")
    assert came == {
        "share": ("destroyed-verified", None),
        "keys": ("failed", "key-store-unreadable"),
    }
    assert (desk.state(), desk.held()) == ("live", 1)
    again = desk.run(*run)
    assert (again.code, again.json["outcome"]) == (0, "complete")
    assert (desk.state(), desk.held()) == ("destroyed", 0)


def test_it_goes_while_a_file_comes_through_a_pipe(desk: Desk) -> None:
    """By then the key was had: the token is not asked again."""
    folder = desk.operator.folder
    sealed = (folder / "share" / "backup.age").read_bytes()
    os.mkfifo(folder / "pipe")
    opening = Operator(folder, desk.operator.environment).begin(
        "open", SURVEY, "pipe", "-o", "opened.csv"
    )
    with (folder / "pipe").open("wb") as pipe:  # waits until it is read from
        pipe.write(sealed[:300])
        pipe.flush()
        desk.take()
        pipe.write(sealed[300:])
    _, err = opening.communicate(timeout=60)
    assert (opening.returncode, err) == (0, "")
    assert (folder / "opened.csv").read_bytes() == (folder / "share/survey.csv").read_bytes()
    desk.bring()
    assert desk.state() == "live"


WANTS_PIN = (OPEN, DESTROY, ("key", "records", SURVEY))


def locked(name: str) -> int | None:
    return PIN_LOCKED if name == "C_Login" else None


@pytest.mark.parametrize("words", WANTS_PIN, ids=lambda words: " ".join(words[:2]))
def test_a_pin_that_is_locked(desk: Desk, words: tuple[str, ...]) -> None:
    with watched(locked):
        done = desk.run(*words)
    assert (done.code, done.error) == (2, "the token's PIN is locked")
    assert "security officer" in done.hint
    assert (desk.state(), desk.held()) == ("live", 1)
    assert desk.run(*words).code == 0


def test_doctor_says_why_and_tries_once(desk: Desk) -> None:
    tried = []

    def counting(name: str) -> int | None:
        tried.append(name)
        return locked(name)

    with watched(counting):
        done = desk.run("doctor", "--json")
    (key,) = done.json["keys"]
    assert (done.code, key["status"], key["detail"]) == (8, "failed", "the token's PIN is locked")
    assert tried.count("C_Login") == 1, "tokens count"


SWEEPS = (("locate",), ("plan",), ("destroy", "--yes", "--timestamp-later"))


@pytest.mark.parametrize("words", SWEEPS, ids=lambda words: words[0])
def test_a_pin_that_is_not_taken_is_tried_once(desk: Desk, words: tuple[str, ...]) -> None:
    """And not by each worker of a sweep: tokens count."""
    tried: list[str] = []
    run = (words[0], SURVEY, *words[1:], "--workers", "2", "--json")
    for given, answer in ((PIN, PIN_LOCKED), ("1111", None)):
        tried.clear()

        def counting(name: str, answer: int | None = answer) -> int | None:
            tried.append(name)
            return answer if name == "C_Login" else None

        with watched(counting):
            done = desk.run(*run, environment={"SHREDDER_KEYS_PIN": given})
        trouble = "locked" if answer else "wrong"
        assert (done.code, done.error) == (2, f"the token's PIN is {trouble}")
        assert tried.count("C_Login") == 1
    assert len(list((desk.operator.folder / "share").iterdir())) == 2
    assert desk.run(*run).code == 0


def test_without_a_pin_what_is_sealed_is_a_gap(desk: Desk) -> None:
    done = desk.run("locate", SURVEY, "--json", environment={"SHREDDER_KEYS_PIN": ""})
    assert (done.code, done.json["problems"][0]["reason"]) == (8, "encrypted")
    assert f"what is sealed to {SURVEY} stays shut: the token wants its PIN" in done.err


def test_a_token_that_was_put_back(desk: Desk) -> None:
    """From a backup of before: its key is refused, told of, and ended once more."""
    share, copy = desk.operator.folder / "share", desk.place.with_name("backup")
    shutil.copy(share / "backup.age", desk.operator.folder / "off-site.age")
    shutil.copytree(desk.place, copy)
    run = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    assert desk.run(*run).json["outcome"] == "complete"
    tried: list[str] = []
    with watched(tried.append):
        wrong = desk.run("recheck", SURVEY, environment={"SHREDDER_KEYS_PIN": "1111"})
    assert (wrong.code, wrong.error) == (2, "the token's PIN is wrong")
    assert tried.count("C_Login") == 1, "also of a key that is gone"
    shutil.rmtree(desk.place)
    copy.rename(desk.place)
    desk.bring()
    assert desk.held() == 1
    refused = desk.run("open", SURVEY, "off-site.age", "-o", "opened.csv")
    assert (refused.code, "has a tombstone" in refused.error) == (6, True)
    shown = desk.run("key", "show", SURVEY, "--json")
    assert (shown.code, shown.json["problems"]) == (8, ["key-restored"])
    back = desk.run("recheck", SURVEY, "--json")
    assert (back.code, back.json["outcome"]) == (7, "returned")
    done = desk.run(*run)
    (key,) = done.json["holdings"]
    assert (done.code, key["store"], key["status"]) == (0, "keys", "destroyed-verified")
    assert "key-restored" in key["limitations"]
    assert desk.held() == 0
