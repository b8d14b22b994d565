"""A desk for an operator: a folder with a configuration, an enrolled survey and real stores."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo.servers.tsa import TimestampAuthority
from demo.survey import as_csv, other_records, records
from tests.cli.operating import SURVEY, HereOperator, Operator

# The shelf takes a line for a record, so that a record has to be a line.
MINE, THEIRS = (
    [row for row in made if "\n" not in row.answer_use] for made in (records(60), other_records(60))
)

CONFIGURATION = """\
controller = "Example Ltd"

[stores.shelf]
backend = "shelf"
folder = "shelf"
fault = ""

[datasets.survey-2018-05]
title = "User survey of May 2018"
basis = "gdpr-art-17"
sources = [{{ store = "shelf", key = "shelf/survey.csv" }}]

[datasets.survey-2018-05.columns]
respondent_id = "private"
email = "person"

[datasets.canteen]
sources = [{{ store = "shelf", key = "shelf/canteen.csv" }}]

[timestamp]
authorities = ["{url}"]
"""


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds an installed distribution with a backend `shelf`; for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("third-party")
    shutil.copy(Path(__file__).parent / "thirdparty" / "shredder_shelf.py", folder)
    info = folder / "shredder_shelf-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shredder-shelf\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[shredder.backends]\nshelf = shredder_shelf:BACKEND\nbroken = shredder_shelf:BROKEN\n"
    )
    return folder


@pytest.fixture(scope="session")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, third_party: Path, authority: TimestampAuthority
) -> Operator:
    """The state of a desk where `init` and `enroll` have been run; to be copied, not used."""
    folder = tmp_path_factory.mktemp("desk")
    operator = Operator(folder, {"PYTHONPATH": str(third_party)})
    shelf = folder / "shelf"
    shelf.mkdir()
    (shelf / "survey.csv").write_text(as_csv(MINE))
    (shelf / "copy.csv").write_text(as_csv(MINE[:25]))
    (shelf / "mixed.csv").write_text(as_csv([*THEIRS[:9], *MINE[:7], *THEIRS[9:20]]))
    (shelf / "canteen.csv").write_text(as_csv(THEIRS))
    operator.config.write_text(CONFIGURATION.format(url=authority.url))
    for words in (["init"], ["enroll", SURVEY], ["enroll", "canteen"]):
        done = operator.run(*words)
        assert done.code == 0, done.err
    return operator


@pytest.fixture
def desk(prepared: Operator, tmp_path: Path) -> Operator:
    """An operator with the survey in three files of a third party's store, and a decoy."""
    folder = tmp_path / "desk"
    shutil.copytree(prepared.folder, folder, symlinks=True)
    return Operator(folder, {"PYTHONPATH": prepared.environment["PYTHONPATH"]})


@pytest.fixture
def here(desk: Operator) -> Operator:
    """The same desk, worked at in this process."""
    return HereOperator(desk.folder, desk.environment)
