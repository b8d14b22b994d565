"""Objects of a SeaweedFS: what is claimed of them must be what the raw image below it shows."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backends.contract import Finding, Technique
from tests.cli.operating import COMMAND, Operator
from tests.forensic.objects import (
    OBJECTS,
    PLACES,
    World,
    destroyed,
    holdings,
    remove_versions,
    shredded_in_server,
    world,
)

pytestmark = [pytest.mark.slow, pytest.mark.needs("root", "loop")]
EVERY = {"bodies": 2 * OBJECTS, "keys": OBJECTS, "tags": 2 * OBJECTS, "metadata": 2 * OBJECTS}


def test_the_search_finds_what_deleting_all_versions_leaves(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.plant()
        remove_versions(here)
        here.server.stop()
        here.image.unmount()
        assert here.found() == EVERY


CONFIGURATION = """\
controller = "Example Ltd"

[stores.papers]
backend = "files"
roots = ["papers"]

[stores.lake]
backend = "s3"
endpoint_url = "{server.endpoint_url}"
buckets = ["lake"]
server = "seaweedfs"
master = "{server.master_url}"
filer = "{server.filer_url}"
data_directory = "{server.directory}/data"
server_logs = ["{server.log}"]
scrub = true

[datasets.canaries]
sources = [{{ store = "papers", path = "canaries.csv" }}]

[datasets.canaries.columns]
id = "private"
"""


def attested(here: World, folder: Path) -> dict[str, Any]:
    """Run the installed command to its end; what it says of the run and its holdings."""
    (folder / "papers").mkdir(parents=True)
    rows = [each for place in PLACES for each in here.planted[place]]
    (folder / "canaries.csv").write_text("id,answer\n" + "".join(f"{row},7\n" for row in rows))
    (folder / "shredder.toml").write_text(CONFIGURATION.format(server=here.server))
    answer: dict[str, Any] = {}
    for words in (
        ["init"],
        ["enroll", "canaries"],
        ["destroy", "canaries", "--yes", "--json", "--timestamp-later"],
    ):
        done = subprocess.run(
            [COMMAND, *words],
            cwd=folder,
            env={**Operator(folder).environment, **here.server.environment()},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        answer = json.loads(done.stdout) if "--json" in words else {}
    return answer


def log_a_key(here: World) -> None:
    """Ask for a version that never was."""
    key = here.key(0)
    with pytest.raises(ClientError):
        here.client.get_object(Bucket="lake", Key=key, VersionId="0" * 32)


def test_what_a_run_calls_verified_is_in_no_raw_byte(tmp_path: Path) -> None:
    with world(tmp_path, with_log=True) as here:
        here.plant()
        before = here.others()
        assert len(before) == 2 * OBJECTS
        log_a_key(here)
        logged = sum(key in here.server.log.read_text() for key in here.planted["keys"])
        answer = attested(here, tmp_path / "desk")
        assert answer["outcome"] == "complete"
        assert {each["status"] for each in answer["holdings"]} == {"destroyed-verified"}
        kinds = Counter(each["kind"] for each in answer["holdings"])
        assert kinds == {
            "object": 2 * OBJECTS,
            "delete-marker": OBJECTS // 4,
            "upload": 2 * OBJECTS // 8,
            "filer-log": 1,
            "server-log": 1,
            "filer-store": 1,
            "volumes": 2,
            "free-space": 1,
        }
        said = {code for each in answer["holdings"] for code in each["limitations"]}
        assert "names-in-server-log" not in said
        assert "emptied-folders-removed-later" not in said
        assert "compacted-away-not-overwritten" not in said
        assert here.others() == before
        assert logged > 0
        assert not any(key in here.server.log.read_text() for key in here.planted["keys"])
        here.server.stop()
        here.image.unmount()
        assert here.found() == dict.fromkeys(PLACES, 0)


def test_what_is_compacted_away_is_left_and_said_to_be(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.plant()
        store = here.adapted()
        told = [each for each in holdings(here, store) if each.whole is Technique.COMPACT]
        assert len(told) == 3
        assert all("compacted-away-not-overwritten" in each.limitations for each in told)
        shredded_in_server(here)
        here.server.stop()
        here.image.unmount()
        assert any(here.found().values())


def test_without_the_servers_files_nothing_of_them_is_claimed(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.plant()
        given: dict[str, object] = {"server": "seaweedfs", "master": here.server.master_url}
        store = here.store(**given)
        assert "s3-freed-blocks" in store.traits.blind_spots
        found = {each.locator: each for each in holdings(here, store) if "(server)" in each.scope}
        assert {name: each.obstacle for name, each in found.items()} == {
            "(server)/filer-log": "filer-not-configured",
            "(server)/filer-store": "filer-not-configured",
            "(server)/volumes": "",
            "(server)/volumes/lake": "",
        }
        orders = [o for o in destroyed(here, store) if o.technique is Technique.COMPACT]
        told = list(store.verify(orders, here.matcher))
        assert {(each.finding, each.reason) for each in told} == {
            (Finding.INCONCLUSIVE, "data-directory-not-configured")
        }
        here.server.stop()
        here.image.unmount()
        left = here.found()
        assert left["keys"]
        assert left["tags"]
