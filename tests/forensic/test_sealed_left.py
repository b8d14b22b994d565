"""All that was sealed left where it is, and no bytes of the raw image open any of it."""

from __future__ import annotations

import hashlib
import hmac
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.keyed import FILES
from tests.cli.operating import SURVEY, HereOperator
from tests.forensic.images import KINDS, Image, canary, mounted

pytestmark = [pytest.mark.needs("root", "loop")]

RECORDS = 20_000
KEY = 32
# No key of random bytes has these within it: text, or bytes of one kind.
_NONE = re.compile(rb"[\n\x20-\x7e]{32,}|\x00{5,}|\xff{5,}")


def opening(image: Image, key_id: bytes, check: bytes) -> int:
    """How many stretches of the raw image are the key, by its check value: each is tried."""
    data = image.file.read_bytes()
    found = start = 0
    asked = b"shredder key check v1\0" + key_id
    for match in [*_NONE.finditer(data), None]:
        end = min(match.start() + KEY, len(data)) if match else len(data)
        for at in range(start, end - KEY + 1):
            found += hmac.digest(data[at : at + KEY], asked, hashlib.sha256) == check
        start = max(start, match.end() - KEY) if match else start
    return found


@pytest.fixture(params=["ext4", pytest.param("xfs", marks=pytest.mark.needs("xfs"))])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Image]:
    with mounted(KINDS[request.param], tmp_path) as made:
        yield made


def test_nothing_opens_what_is_left(image: Image, tmp_path: Path) -> None:
    """By the commands: a file, and values in the columns of another; their key is destroyed."""
    rows = "".join(f"{number},{canary(7, number)}\n" for number in range(RECORDS))
    (tmp_path / "plain.csv").write_text(f"row,answer\n{rows}")
    operator = HereOperator(image.place)
    operator.config.write_text(FILES.replace('erasure = "best-effort"\n', ""))
    plain, chosen = tmp_path / "plain.csv", ("--columns", "answer", "--row", "row")
    for words in (
        ("init",),
        ("key", "create", SURVEY),
        ("seal", SURVEY, plain, "-o", "sealed.age"),
        ("seal", SURVEY, plain, "-o", "sealed.csv", *chosen),
    ):
        done = operator.run(*words)
        assert done.code == 0, done.err
    told = operator.run("key", "show", SURVEY, "--json").json
    (record,) = (operator.state / "keys" / "records").glob("*.json")
    check = re.search(r'"check":\s*"([0-9a-f]{64})"', record.read_text())
    assert check
    who = bytes.fromhex(told["key"]), bytes.fromhex(check[1])
    subprocess.run(["sync", "-f", image.mount], check=True)
    assert opening(image, *who) == 2, "what the test looks for is there before"
    kept = [(image.place / name).read_bytes() for name in ("sealed.age", "sealed.csv")]
    assert operator.run("key", "destroy", SURVEY, "--yes").code == 0
    for name, more in (("sealed.age", ()), ("sealed.csv", chosen)):
        refused = operator.run("open", SURVEY, name, "-o", tmp_path / "opened", *more)
        assert (refused.code, (tmp_path / "opened").exists()) == (6, False)
    image.unmount()
    assert opening(image, *who) == 0
    assert image.canaries() == {}, f"0 of {RECORDS} records"
    raw = image.file.read_bytes()
    assert all(each[:4096] in raw and each[-4096:] in raw for each in kept), "all is still there"
