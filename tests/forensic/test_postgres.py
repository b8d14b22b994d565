"""A Postgres server on a file system of its own: what is attested must be what its bytes show."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.forensic.postgres import METHODS
from tests.forensic.runs import destroyed
from tests.forensic.warehouse import ALL, NONE, kept_from_files, operator, scrubbed, world

pytestmark = [pytest.mark.slow, pytest.mark.needs("root", "loop")]

# Each of the servers and file systems is reached in each of the ways, not each with each:
# python -m tests.forensic.postgres has all of them.
CASES = [
    pytest.param("ext4", 15, "host", marks=pytest.mark.needs("postgres-15")),
    pytest.param("ext4", 18, "sql"),
    pytest.param("xfs", 15, "sql", marks=pytest.mark.needs("postgres-15", "xfs")),
]
SCRUBBED = [
    pytest.param("ext4", 15, marks=pytest.mark.needs("postgres-15")),
    pytest.param("xfs", 18, marks=pytest.mark.needs("xfs")),
]
KINDS = {
    "table": 5, "partition": 1, "materialised-view": 1, "large-object": 20, "pages": 3,
    "catalogue-pages": 5, "statements": 1, "server-log": 1, "wal": 1,
}  # fmt: skip


@pytest.mark.parametrize(("system", "version", "way"), CASES)
def test_what_is_attested_is_what_the_bytes_show(
    tmp_path: Path, system: str, version: int, way: str
) -> None:
    with world(system, version) as here:
        who = operator(tmp_path / "desk", here)
        before = here.others()
        ended = destroyed(who, prefix=() if way == "host" else kept_from_files(here))
        in_directory, in_image = here.in_directory(), here.in_image()
        assert here.others() == before
        answer = scrubbed(here)
        set_aside = here.set_aside()
        here.end()
        left = here.in_image(set_aside)
    assert Counter(each["kind"] for each in ended.answer["holdings"]) == KINDS

    # Nothing is in the data directory, and all of it is verified.
    assert {each.status for each in ended.attested} == {"destroyed-verified"}
    assert ended.answer["outcome"] == "complete"
    assert in_directory == NONE
    (log,) = (each for each in ended.attested if each.kind == "server-log")
    assert ("log-file-not-overwritten" in log.limitations) == (way == "sql")

    # The blocks of a table's files hold nothing where they were overwritten; no others are
    # claimed to.
    emptied = [each for each in ended.attested if each.technique == "truncate"]
    overwritten = all(
        each.numbers.get("bytes-overwritten", 0)
        and "relation-files-not-overwritten" not in each.limitations
        for each in emptied
    )
    assert overwritten == (way == "host")
    assert overwritten != any(
        "relation-files-not-overwritten" in each.limitations for each in emptied
    )
    if overwritten:
        assert in_image["P"] + in_image["L"] == 0
    else:
        assert any(in_image.values()), "nothing is left: a false alarm"
    assert {each.method for each in ended.attested} <= {"logical-delete", None}
    assert "postgres-freed-blocks" in ended.risks

    # After scrubbing, nothing is in the image but what was said to be set aside.
    assert answer["complete"]
    assert "blocks-set-aside" in answer["limitations"]
    assert left == in_directory


@pytest.mark.parametrize(("system", "version"), SCRUBBED)
def test_what_a_store_says_of_free_space_is_what_the_image_shows(
    tmp_path: Path, system: str, version: int
) -> None:
    with world(system, version) as here:
        before = here.others()
        ended = destroyed(operator(tmp_path / "desk", here, scrub=True))
        in_directory = here.in_directory()
        assert here.others() == before
        set_aside = here.set_aside()
        here.end()
        left, outside = here.in_image(), here.in_image(set_aside)
    told = ended.free_space
    assert {each.status for each in ended.attested if each != told} == {"destroyed-verified"}
    assert in_directory == NONE
    assert outside == NONE
    assert "blocks-set-aside" in told.limitations
    seen = told.numbers.get("records", 0) + told.numbers.get("records-on-device", 0)
    clean = told.status == "destroyed-verified" and not seen
    assert clean == (left == NONE), (told, left)
    assert (ended.answer["outcome"] == "complete") == (told.status == "destroyed-verified")
    assert "postgres-freed-blocks" not in ended.risks


def test_the_test_sees_what_is_left() -> None:
    """After DROP everything is in the image, what is compressed, too."""
    with world("ext4", 18) as here:
        assert here.in_directory() == ALL
        METHODS["`DROP`, `CHECKPOINT`"](here)
        assert here.in_directory() != NONE
        here.end()
        assert here.in_image() == ALL
