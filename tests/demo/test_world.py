"""The demo's world is what it says, on the real servers: the demo proves nothing otherwise."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.servers.postgres import PostgresServer
from demo.servers.seaweedfs import SeaweedFS
from demo.survey import Record, other_records, records
from demo.world import RECORDS, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with PostgresServer(folder / "pg") as postgres, SeaweedFS(folder / "s3") as s3:
        yield World.plant(folder / "stores", postgres, s3, with_undecidable=True)


@pytest.fixture(scope="module")
def decoys(world: World) -> dict[str, str]:
    return world.snapshot_decoys()


@pytest.fixture(scope="module")
def survivors(world: World) -> dict[str, int]:
    return world.count_survivors()


def test_the_surveys_share_nobody() -> None:
    """A decoy that held a record by chance would be a false witness."""
    mine, theirs = records(RECORDS), other_records(5000)
    for column in ("respondent_id", "email", "name", "answer_use", "answer_wish"):
        assert {getattr(row, column) for row in mine}.isdisjoint(
            getattr(row, column) for row in theirs
        ), column


def test_the_survey_is_the_same_each_time_and_has_awkward_answers() -> None:
    mine = records(RECORDS)
    assert mine == records(RECORDS)
    assert len({row.respondent_id for row in mine}) == RECORDS
    assert len({row.email for row in mine}) == RECORDS
    for awkward in ("\n", '"', ",", ";", "ö"):
        assert any(awkward in row.answer_use for row in mine), awkward
    assert Record._fields[0] == "respondent_id"


def test_it_is_as_large_as_the_demo_claims(world: World, decoys: dict[str, str]) -> None:
    holdings = world.holdings()
    assert len(world.survey) >= 20_000
    assert len(holdings) >= 12
    assert {holding.store for holding in holdings} == {"warehouse", "lake", "share", "exports"}
    assert len(decoys) >= 6


def test_every_planted_record_is_counted_by_the_other_means(
    world: World, survivors: dict[str, int]
) -> None:
    """The counters that later say 0 do see what is there now, in every holding."""
    expected = sum(holding.records for holding in world.holdings())
    linked_twice = 1000  # grep counts a file under each of its names
    uploads = 1
    assert sum(survivors.values()) == expected + linked_twice + uploads
    assert sum(count > 0 for count in survivors.values()) == len(world.holdings()) + 1 + 1


def test_no_decoy_holds_a_record(survivors: dict[str, int], decoys: dict[str, str]) -> None:
    named = {name for name in decoys if not name.startswith("foreign")}
    assert {name: survivors[name] for name in named & set(survivors) if survivors[name]} == {}
    assert len(named & set(survivors)) >= 6


def test_looking_changes_nothing(world: World, decoys: dict[str, str]) -> None:
    assert world.snapshot_decoys() == decoys


def test_the_awkward_places_are_there(world: World) -> None:
    names = [os.fsencode(path.name) for path in world.trees.holdings]
    assert any(b"\xfc" in name for name in names), "a name that is not UTF-8"
    assert any(path.stat().st_nlink == 2 for path in world.trees.holdings)
    assert any(len(path.parts) > 20 for path in world.trees.holdings)
    client = world.buckets.client
    versions = client.list_object_versions(Bucket="lake", Prefix="exports/w")
    assert [marker["Key"] for marker in versions["DeleteMarkers"]] == ["exports/withdrawn.csv"]
    weekly = [v["VersionId"] for v in versions["Versions"] if v["Key"] == "exports/weekly.csv"]
    held = {version for _, key, version in world.buckets.holdings if key == "exports/weekly.csv"}
    assert (len(weekly), len(held), held < set(weekly)) == (3, 2, True)
    uploads = client.list_multipart_uploads(Bucket="lake")["Uploads"]
    assert sorted(upload["Key"] for upload in uploads) == [
        "canteen/orders.csv", "exports/survey-2018-05.csv",
    ]  # fmt: skip


# Each tampers with one decoy; the snapshot must show it, and only it.


def assert_only_difference(world: World, before: dict[str, str], part: str) -> None:
    after = world.snapshot_decoys()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert len(changed) >= 1
    assert all(part in name for name in changed), changed


@pytest.mark.parametrize("tampering", ["content", "mode", "time", "gone", "new"])
def test_a_touched_file_shows(world: World, tampering: str) -> None:
    before = world.snapshot_decoys()
    path = world.trees.share / "notes" / "minutes.txt"
    extra = path.with_name("minutes.txt.tmp")
    content, status = path.read_bytes(), path.stat()
    match tampering:
        case "content":
            path.write_bytes(content[:-1] + b"!")
        case "mode":
            path.chmod(0o600)
        case "time":
            os.utime(path)
        case "gone":
            path.rename(world.directory / "aside")
        case _:
            extra.touch()
    try:
        assert_only_difference(world, before, "minutes.txt")
    finally:
        if tampering == "gone":
            (world.directory / "aside").rename(path)
        extra.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(status.st_mode & 0o7777)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert world.snapshot_decoys() == before


def test_a_lost_foreign_line_of_a_mixed_file_shows(world: World) -> None:
    """And a lost line of the survey's own does not."""
    before = world.snapshot_decoys()
    path = world.trees.exports / "crm_merge.csv"
    content, status = path.read_bytes(), path.stat()
    mine = {row.respondent_id.encode() for row in world.survey}
    lines = content.splitlines(keepends=True)
    foreign = next(n for n, line in enumerate(lines) if n and line[:36] not in mine)
    own = next(n for n, line in enumerate(lines) if line[:36] in mine and line.count(b'"') % 2 == 0)
    for number, shows in ((foreign, True), (own, False)):
        path.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert (world.snapshot_decoys() != before) is shows
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_touched_row_shows(world: World) -> None:
    before = world.snapshot_decoys()
    with world.cluster.connect() as connection:
        connection.execute("UPDATE survey_2019_11 SET name = name || 'x' WHERE ctid = '(0,1)'")
    assert_only_difference(world, before, "survey_2019_11")


def test_a_lost_foreign_row_of_a_mixed_table_shows(world: World) -> None:
    before = world.snapshot_decoys()
    stranger = other_records(1)[0].respondent_id
    with world.cluster.connect() as connection:
        gone = connection.execute(
            "DELETE FROM analytics.responses WHERE respondent_id = %s", [stranger]
        )
        assert gone.rowcount == 1
    assert_only_difference(world, before, "foreign rows of postgres: postgres.analytics.responses")


def test_a_lost_version_or_upload_shows(world: World) -> None:
    before = world.snapshot_decoys()
    client = world.buckets.client
    client.delete_object(Bucket="scratch", Key="tmp/q2.csv.gz")
    assert_only_difference(world, before, "tmp/q2.csv.gz")
    before = world.snapshot_decoys()
    (upload,) = client.list_multipart_uploads(Bucket="lake", Prefix="canteen")["Uploads"]
    client.abort_multipart_upload(
        Bucket="lake", Key="canteen/orders.csv", UploadId=upload["UploadId"]
    )
    assert_only_difference(world, before, "upload on lake")


def test_the_configuration_is_toml_without_a_secret(world: World) -> None:
    text = world.configuration(["http://127.0.0.1:3161"])
    parsed = tomllib.loads(text)
    assert set(parsed["stores"]) == {holding.store for holding in world.holdings()}
    for secret in (world.postgres.password, world.s3.secret_key, world.s3.access_key):
        assert secret not in text


def test_the_environment_leads_to_the_servers(world: World, tmp_path: Path) -> None:
    import psycopg

    with pytest.MonkeyPatch.context() as patch:
        for name, value in world.environment(tmp_path).items():
            patch.setenv(name, value)
        with psycopg.connect("service=warehouse") as connection:
            assert connection.info.dbname == "postgres"
    assert (tmp_path / "pgpass").stat().st_mode & 0o777 == 0o600
