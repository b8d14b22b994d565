"""A dataset's key, and two processes that want it at once: one is refused, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest

from tests.cli.keyed import BEST_EFFORT, sealed_survey
from tests.cli.operating import SURVEY, HereOperator, Operator
from tests.support.softhsm import MODULE, PIN, tokens

TOKEN = f'store = "pkcs11"\nmodule = "{MODULE}"\nlabel = "survey"\n'
DESTROY = ("key", "destroy", SURVEY, "--yes")
RUN = ("destroy", SURVEY, "--yes", "--timestamp-later", "--json")


@pytest.fixture(params=["file", pytest.param("pkcs11", marks=pytest.mark.needs("softhsm"))])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Operator]:
    """A survey in a file and a sealed copy of it."""
    with ExitStack() as stack:
        operator, keys = HereOperator(tmp_path), BEST_EFFORT
        if request.param == "pkcs11":
            (tmp_path / "hsm").mkdir()
            stack.enter_context(tokens(tmp_path / "hsm", "survey"))
            given = {"SHREDDER_KEYS_PIN": PIN, "SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"]}
            operator, keys = HereOperator(tmp_path, given), TOKEN
        yield sealed_survey(operator, keys)


@pytest.fixture
def filed(tmp_path: Path) -> Operator:
    """The same with the key in the file: which of two commands has the state is no matter of keys."""
    return sealed_survey(HereOperator(tmp_path))


def begun(operator: Operator, *words: str) -> Popen[str]:
    """The same as a process of its own."""
    return Operator(operator.folder, operator.environment).begin(*words)


def state_of(operator: Operator) -> str:
    return str(operator.run("key", "show", SURVEY, "--json").json["state"])


def test_who_has_the_key_keeps_it_to_the_end(desk: Operator) -> None:
    sealed = (desk.folder / "share" / "backup.age").read_bytes()
    os.mkfifo(desk.folder / "pipe")
    opening = begun(desk, "open", SURVEY, "pipe", "-o", "opened.csv")
    with (desk.folder / "pipe").open("wb") as pipe:  # waits until it is read, by a key that was had
        refused = desk.run(*DESTROY)
        assert (refused.code, refused.error) == (6, "another run uses the key store")
        assert "nothing was touched" in refused.hint
        done = desk.run(*RUN)
        came = {each["store"]: (each["status"], each["reason"]) for each in done.json["holdings"]}
        assert came == {"share": ("destroyed-verified", None), "keys": ("failed", "key-in-use")}
        assert done.json["outcome"] == "partial"
        assert state_of(desk) == "live"
        pipe.write(sealed)
    _, err = opening.communicate(timeout=60)
    assert (opening.returncode, err) == (0, "")
    assert (desk.folder / "opened.csv").read_text().count("\n") > 60
    (desk.folder / "opened.csv").unlink()
    assert desk.run(*RUN).json["outcome"] == "complete"
    assert state_of(desk) == "destroyed"


@pytest.mark.parametrize("words", [DESTROY, RUN], ids=["key", "run"])
def test_of_two_one_is_refused(filed: Operator, words: tuple[str, ...]) -> None:
    both = [begun(filed, *words) for _ in range(2)]
    told = [each.communicate(timeout=60)[1] for each in both]
    codes = [each.returncode for each in both]
    if codes != [0, 0]:  # the other one came when all was done: it says so, and that is right, too
        assert sorted(codes) == [0, 6], told
        (error,) = [err for code, err in zip(codes, told, strict=True) if code]
        assert "error: " in error
        assert "hint: " in error
        assert "Traceback" not in error
    assert state_of(filed) == "destroyed"


def test_of_two_keys_one_is_made(filed: Operator) -> None:
    assert filed.run(*DESTROY).code == 0
    both = [begun(filed, "key", "create", SURVEY) for _ in range(2)]
    told = [each.communicate(timeout=60)[1] for each in both]
    assert sorted(each.returncode for each in both) == [0, 6], told
    assert not any("Traceback" in err for err in told)
    states = [path.read_text() for path in (filed.state / "keys" / "records").glob("*.json")]
    assert (len(states), sum('"live"' in each for each in states)) == (2, 1)
    assert filed.run("seal", SURVEY, "shredder.toml", "-o", "anew.age").code == 0
    assert filed.run("open", SURVEY, "anew.age", "-o", "anew").code == 0
