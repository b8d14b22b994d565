"""A survey in a file with a sealed copy beside it, and what its key lies in."""

from __future__ import annotations

from collections.abc import Sequence

from demo.survey import as_csv, records
from tests.cli.operating import SURVEY, Operator

BEST_EFFORT = 'erasure = "best-effort"\n'
FILES = f"""\
controller = "Example Ltd"

[stores.share]
backend = "files"
roots = ["share"]

[datasets.survey-2018-05]
basis = "gdpr-art-17"
sources = [{{ store = "share", path = "share/survey.csv" }}]

[datasets.survey-2018-05.columns]
respondent_id = "private"

[keys]
{BEST_EFFORT}"""
_MADE = (("key", "create", SURVEY),)


def sealed_survey(
    operator: Operator, keys: str = BEST_EFFORT, made: Sequence[Sequence[str]] = _MADE
) -> Operator:
    """`keys`: the settings of ``[keys]``; `made`: the commands by which what seals is made."""
    share = operator.folder / "share"
    share.mkdir()
    (share / "survey.csv").write_text(as_csv(records(60)))
    operator.config.write_text(FILES.replace(BEST_EFFORT, keys))
    seal = ("seal", SURVEY, "share/survey.csv", "-o", "share/backup.age")
    for words in (("init",), ("enroll", SURVEY), *made, seal):
        done = operator.run(*words)
        assert done.code == 0, done.err
    return operator
