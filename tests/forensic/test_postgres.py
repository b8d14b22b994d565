"""A Postgres server on a file system of its own: what is claimed must be what the raw image shows."""

from __future__ import annotations

import pytest

from backends.contract import Finding, Result
from backends.scrub import Limits, scrub
from tests.backends.postgres import leftovers
from tests.backends.postgres.conftest import VERSIONS
from tests.backends.postgres.place import Place
from tests.forensic import postgres
from tests.forensic.images import Image

pytestmark = [pytest.mark.needs("root", "loop")]

_SORTS = "ENTIP"


@pytest.mark.parametrize("version", VERSIONS, ids="postgres-{}".format)
def test_nothing_is_left_in_the_data_directory_and_with_scrubbing_in_the_image(
    version: int,
) -> None:
    in_directory: dict[str, int] = {}
    findings: set[Finding] = set()

    def method(image: Image, place: Place) -> None:
        leftovers.table(place, "others", leftovers.rows("s"))
        before = place.dump("pure", "packed")
        planned, outcomes, answers = postgres.destroy(place, residue=True)
        assert {outcome.result for outcome in outcomes} == {Result.DESTROYED}
        findings.update(answer.finding for answer in answers)
        overwritten = [
            outcome
            for order, outcome in zip(planned, outcomes, strict=True)
            if order.holding.kind == "table"
        ]
        assert len(overwritten) == 2
        assert all(outcome.numbers["bytes-overwritten"] for outcome in overwritten)
        assert not any("relation-files-not-overwritten" in o.limitations for o in overwritten)
        in_directory.update(leftovers.counted(place.server.data_directory, "m"))
        assert place.dump("pure", "packed") == before
        scrub(image.place, Limits(reserve=0, seconds=120), lambda *_: None)

    found = postgres.afterwards(version, method)
    assert in_directory == dict.fromkeys("ENTI", 0)
    assert findings == {Finding.ABSENT}
    assert found == dict.fromkeys(_SORTS, 0)


def test_the_test_sees_what_is_left() -> None:
    """After DROP everything is in the image, what is compressed, too."""
    found = postgres.afterwards(18, postgres.METHODS["`DROP TABLE`, `CHECKPOINT`"])
    assert found == {**dict.fromkeys("ENTI", leftovers.RECORDS), "P": postgres.PACKED}
