"""Small real worlds for the commands in the documents: two trees, a survey in three of the files.

``fresh``: `shredder.toml` and the trees; no command has been run. ``enrolled``: `init` and
`enroll` have. ``auditor``: a folder with what an auditor has, and nothing of the operator's:
`bundle.json`, `operator.pem`, `tsa-root.pem`, `tsa.pem`. ``office``: enrolled, and with an
approver, whose keys are `officer.pem` and `officer.pub.pem`, and a file of names.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from attestations import KeyFileSigner
from demo.servers.tsa import TimestampAuthority
from demo.survey import NAME, ROLES, TITLE, as_csv, other_records, records
from tests.docs.console import run

MATCHER = {"SHREDDER_MATCHER": "numpy"}  # the other one takes a second to load


def fresh(folder: Path, authority: TimestampAuthority) -> Path:
    mine, theirs = records(200), other_records(200)
    share, exports = folder / "share", folder / "exports"
    share.mkdir(parents=True)
    exports.mkdir()
    (exports / "survey_2018_05.csv").write_text(as_csv(mine))
    (exports / "crm_merge.csv").write_text(as_csv([*theirs[:90], *mine[:40], *theirs[90:]]))
    (share / "backup_old_2.dat").write_text(as_csv(mine[:120], delimiter=";"))
    (share / "canteen.csv").write_text(as_csv(theirs))
    roles = "".join(f'{column} = "{role}"\n' for column, role in ROLES.items())
    (folder / "shredder.toml").write_text(
        f"""controller = "Example Ltd"

[stores.share]
backend = "files"
roots = ["share"]

[stores.exports]
backend = "csv"
roots = ["exports"]

[datasets.{NAME}]
title = "{TITLE}"
basis = "gdpr-art-17"
sources = [{{ store = "exports", path = "exports/survey_2018_05.csv" }}]

[datasets.{NAME}.columns]
{roles}
[keys]
erasure = "best-effort"

[timestamp]
authorities = ["{authority.url}"]
"""
    )
    return folder


def enrolled(folder: Path, authority: TimestampAuthority) -> Path:
    fresh(folder, authority)
    for command in ("shredder init", f"shredder enroll {NAME}"):
        answer = run(command, folder, MATCHER)
        assert "[exit" not in answer, answer
    return folder


def auditor(folder: Path, authority: TimestampAuthority) -> Path:
    operator = enrolled(folder.with_name(f"{folder.name}-operator"), authority)
    answer = run(f"shredder destroy {NAME} --yes", operator, MATCHER)
    assert "[exit" not in answer, answer
    folder.mkdir()
    (bundle,) = (operator / ".shredder" / "attestations").iterdir()
    shutil.copy(bundle, folder / "bundle.json")
    shutil.copy(operator / ".shredder" / "keys" / "signing.pub.pem", folder / "operator.pem")
    (folder / "tsa-root.pem").write_text(authority.root_pem)
    (folder / "tsa.pem").write_text(authority.leaf_pem)
    return folder


def office(folder: Path, authority: TimestampAuthority) -> Path:
    """Enrolled, and a plan for the survey must be signed by an approver, whose key is there, too."""
    enrolled(folder, authority)
    officer = KeyFileSigner.create(folder / "officer.pem")
    (folder / "officer.pub.pem").write_text(officer.public_key.pem)
    config = folder / "shredder.toml"
    text = config.read_text()
    names = folder / "names.toml"
    names.write_text(
        '[names]\nunstated = "Ada Example"\nstaff-3 = "Grace Example"\n'
        '[validators]\nstaff-9 = "Mary Example"\n'
    )
    names.chmod(0o600)
    head = f"[datasets.{NAME}]\n"
    assert text.count(head) == 1
    config.write_text(
        'names = "names.toml"\n'
        + text.replace(head, f"{head}approvals = 1\n")
        + """
[approvers.data-protection]
role = "data-protection-officer"
reference = "staff-3"
public_key = "officer.pub.pem"
"""
    )
    return folder


WORLDS: Mapping[str, Callable[[Path, TimestampAuthority], Path]] = {
    "fresh": fresh,
    "enrolled": enrolled,
    "auditor": auditor,
    "office": office,
}
