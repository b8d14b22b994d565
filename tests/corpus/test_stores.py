"""The same verdicts in every backend: real trees, a real S3 server, a real Postgres."""

from __future__ import annotations

import itertools

import pytest

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from tests.corpus import everywhere, report
from tests.corpus.judge import Answer
from tests.corpus.test_recall import shown

pytestmark = pytest.mark.needs("7zip")
SEEDS = range(1100, 1103)
FILES, TABLES = 60, 60


@pytest.fixture(scope="module")
def answers(
    seaweedfs: SeaweedFS, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> list[Answer]:
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seaweedfs.environment().items():
            patch.setenv(name, value)
        return list(everywhere.run(seaweedfs, postgres, folder, SEEDS, FILES, TABLES))


@pytest.mark.slow
def test_each_backend_is_judged(answers: list[Answer]) -> None:
    stores = {"files", "csv", "s3", "postgres", "postgres-bytea", "postgres-large-object"}
    assert {answer.store for answer in answers} == stores


@pytest.mark.slow
def test_a_file_is_the_same_thing_everywhere(answers: list[Answer]) -> None:
    differing = []
    files = [a for a in answers if a.case.file.name and not a.case.name.startswith("table")]
    for _, group in itertools.groupby(files, lambda a: (a.case.seed, a.case.name)):
        judged = list(group)
        # Records without identifiers are told by what is beside them, and so by how text is cut.
        if (
            len(
                {
                    (a.verdict, a.records if a.case.truth and a.case.truth.countable else None)
                    for a in judged
                }
            )
            > 1
        ):
            differing += judged
    assert files
    assert not differing, shown(differing)


@pytest.mark.slow
def test_what_is_recognised_is_recognised_in_every_backend(answers: list[Answer]) -> None:
    missed = [a for a in answers if a.missed]
    assert report.totals(answers).decidable > FILES
    assert not missed, shown(missed)


@pytest.mark.slow
def test_nothing_is_claimed_that_is_not_so(answers: list[Answer]) -> None:
    wrong = [a for a in answers if a.false or a.error or a.mixed_unseen or report.miscounted(a)]
    assert not wrong, shown(wrong)
