"""Objects of a SeaweedFS: what is claimed of them must be what the raw image below it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.contract import Finding, Technique
from tests.forensic.objects import (
    OBJECTS,
    PLACES,
    destroyed,
    holdings,
    remove_versions,
    shredded_in_server,
    world,
)

pytestmark = [pytest.mark.needs("root", "loop")]
EVERY = {"bodies": 2 * OBJECTS, "keys": OBJECTS, "tags": 2 * OBJECTS, "metadata": 2 * OBJECTS}


def test_the_search_finds_what_deleting_all_versions_leaves(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.plant()
        remove_versions(here)
        here.server.stop()
        here.image.unmount()
        assert here.found() == EVERY


def test_what_is_verified_absent_is_in_no_raw_byte(tmp_path: Path) -> None:
    with world(tmp_path) as here:
        here.plant()
        before = here.others()
        assert len(before) == 2 * OBJECTS
        store = here.adapted(scrub=True)
        assert "s3-freed-blocks" not in store.traits.blind_spots
        orders = destroyed(here, store)
        techniques = [order.technique for order in orders if order.technique.stage]
        assert techniques == [
            Technique.REMOVE_LOG,
            *[Technique.COMPACT] * 3,
            Technique.SCRUB_FREE_SPACE,
        ]
        fresh = here.adapted(scrub=True)
        told = list(fresh.verify(orders, here.matcher))
        assert {(each.finding, each.reason) for each in told} == {(Finding.ABSENT, "")}
        assert holdings(here, fresh) == []
        assert here.others() == before
        said = {code for order in orders for code in order.holding.limitations}
        assert "names-in-server-log" in said
        assert "compacted-away-not-overwritten" not in said
        assert any(key in here.server.log.read_text() for key in here.planted["keys"])
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
