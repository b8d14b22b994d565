"""What a sweep sees in a bucket: versions, markers, odd keys, labels, what it cannot read."""

# ruff: noqa: SIM300  # expected == actual, throughout

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from backends.contract import (
    CheckStatus,
    CoverageStatus,
    Finding,
    Gap,
    Result,
    SourceSpec,
    Unit,
    Verdict,
)
from backends.errors import AccessDenied, ChangedWhileRead, MissingDriver, SettingError, SourceError
from backends.s3 import BACKEND, _listing
from tests.backends.agefile.made import KEY, OTHER, sealed
from tests.backends.s3.conftest import IDS, MATCHER, Place, found, plan, sweep, text, units
from tests.backends.s3.proxy import Answer, Proxy, refused


def by_key(place: Place, holdings: list[Any]) -> list[tuple[str, str, int | None, int | None]]:
    at = len(place.name) + 1
    return sorted((h.locator[at:], h.kind, h.records, h.foreign_records) for h in holdings)


def test_every_version_is_examined_by_itself(versioned: Place) -> None:
    first = versioned.put("log.csv", text(1, 2, 3))
    versioned.put("log.csv", text(others=2))
    third = versioned.put("log.csv", text(4, others=2))
    holdings = found(versioned.open())
    assert [third, first] == [h.version.split()[0] for h in holdings]
    assert [(1, 2), (3, 0)] == [(h.records, h.foreign_records) for h in holdings]


def test_a_deleted_object_is_found_behind_its_marker(versioned: Place) -> None:
    versioned.put("gone.csv", text(1))
    versioned.client.delete_object(Bucket=versioned.name, Key="gone.csv")
    store = versioned.open()
    assert ["delete-marker", "object"] == sorted(u.kind for u in units(store, versioned.name))
    assert [("gone.csv", "object", 1, 0)] == by_key(versioned, found(store))


def test_suspended_versioning_leaves_null_versions_beside_the_others(
    make_place: Callable[..., Place],
) -> None:
    place = make_place()
    place.put("k", text(1))
    place.version("Enabled")
    place.put("k", text(2))
    place.version("Suspended")
    holdings = found(place.open())
    assert {"null", "id"} == {"null" if h.version.startswith("null ") else "id" for h in holdings}
    assert all(h.details["versioning"] == "suspended" for h in holdings)
    place.client.delete_object(
        Bucket=place.name, Key="k"
    )  # a null marker replaces the null version
    listed = units(place.open(), place.name)
    assert {("delete-marker", True), ("object", False)} == {
        (u.kind, u.version.startswith("null ")) for u in listed
    }


ODD = ["new\nline.csv", "cr\rcr.csv", "crlf\r\n.csv", "tab\t.csv", "a+b c.csv", "a%2Bb%.csv", "ümläut-😀.csv",
       "e\u0301.csv", "users/1", "users/10", "'\"<>&.csv", " lead and trail ", "..a/b..", "\x7f.csv"]  # fmt: skip


def test_odd_keys_are_listed_read_and_named_without_confusion(plain: Place) -> None:
    for n, key in enumerate(ODD):
        plain.put(key, text(n))
    store = plain.open()
    listed = units(store, plain.name)
    assert len(ODD) == len({u.locator for u in listed})
    assert all(u.locator.isprintable() for u in listed)
    holdings = found(store)
    assert [(1, 0)] * len(ODD) == [(h.records, h.foreign_records) for h in holdings]
    assert sorted(ODD) == [bytes.fromhex(u.cursor.split(".")[0]).decode() for u in listed]


def test_a_key_that_the_listing_cannot_show_is_a_gap(plain: Place) -> None:
    """SeaweedFS puts U+FFFD for a control character: what is behind the key stays unknown."""
    plain.put("control\x01.csv", text(1))
    examinations, gaps = sweep(plain.open())
    assert [()] == [e.holdings for e in examinations]
    assert [(CoverageStatus.FAILED, "vanished")] == [(g.status, g.reason) for g in gaps]


def test_dot_segments_in_a_key_go_to_the_server_as_they_are(plain: Place, proxy: Proxy) -> None:
    """SeaweedFS refuses such keys; another server's listing names one."""
    plain.put("other", text(1))

    def with_dots(request: Any, forward: Callable[[], Answer]) -> Answer:
        if "versions" in request.query:
            answer = forward()
            answer.body = answer.body.replace(b"<Key>other</Key>", b"<Key>a/../../other</Key>")
            return answer
        return forward()

    store = plain.open(endpoint_url=proxy.url)
    with proxy.lying(with_dots):
        (unit,) = units(store, plain.name)
        examination = store.examine(unit, MATCHER)
    assert f"{plain.name}/a/../../other" == unit.locator
    assert f"/{plain.name}/a/../../other?versionId=null" == next(
        r.path for r in reversed(proxy.requests) if "/a/" in r.path and r.method == "GET"
    )
    assert () == examination.holdings
    assert examination.gap is not None


MINGLED = ["A", "a", "a!b/c", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "zz-/1", "zz.d/1", "zz/1", "ü"]  # fmt: skip


def test_a_server_that_loses_entries_between_pages_is_not_believed(
    versioned: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SeaweedFS does, where a folder's name begins another's; the walk finds all or says so."""
    for key in MINGLED:
        versioned.put(key, b"x")
    pages = versioned.client.get_paginator("list_object_versions").paginate(
        Bucket=versioned.name, PaginationConfig={"PageSize": 5}
    )
    plainly = [v["Key"] for page in pages for v in page["Versions"]]
    assert set(plainly) < set(MINGLED), "the server lists rightly now: is the walk still needed?"
    store = versioned.open()
    assert MINGLED == keys_of(versioned, list(store.units(versioned.name)))
    for unit in units(store, versioned.name):
        rest = keys_of(versioned, list(store.units(versioned.name, unit.cursor)))
        assert [k for k in MINGLED if k > keys_of(versioned, [unit])[0]] == rest
    time.sleep(1.1)  # listings tell time to the second: what is older than one is settled
    for size in (9, 10, 11, 12):
        monkeypatch.setattr(_listing, "PAGE", size)
        listed = list(store.units(versioned.name))
        assert MINGLED == keys_of(versioned, listed)


def keys_of(place: Place, listed: Sequence[Unit | Gap]) -> list[str]:
    return [u.locator.removeprefix(f"{place.name}/") for u in listed if isinstance(u, Unit)]


def test_an_entry_that_only_the_next_page_shows_is_kept_and_told(
    plain: Place, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listing, "PAGE", 10)
    plain.put_many({f"k{n:05}": b"x" for n in range(25)})
    store = plain.open(endpoint_url=proxy.url)
    everything = list(store.units(plain.name))
    assert 25 == len(everything)
    assert not [u for u in everything if isinstance(u, Gap)]

    def drop(request: Any, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if (
            "key-marker" not in request.query
            and "delimiter" in request.query
            and "prefix" not in request.query
        ):
            answer.body = answer.body.replace(b"<Key>k00005</Key>", b"<Key>k00004</Key>", 1)
        return answer

    time.sleep(1.1)  # older than the listing, to the second
    with proxy.lying(drop):
        again = list(store.units(plain.name))
    assert {u.locator for u in everything} == {u.locator for u in again if isinstance(u, Unit)}
    assert ["listing-uneven"] == [g.reason for g in again if isinstance(g, Gap)]


def test_a_key_with_more_versions_than_a_page_is_listed_in_full(
    versioned: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = {versioned.put("k", text(n)) for n in range(8)} | {versioned.put("k/sub", text(9))}
    ids |= {versioned.put(f"z{n}", text(n)) for n in range(7)}
    monkeypatch.setattr(_listing, "PAGE", 3)
    store = versioned.open()
    listed = units(store, versioned.name)
    assert sorted(ids) == sorted(unit.version.split()[0] for unit in listed)
    orders = plan(found(store))
    assert {Result.DESTROYED} == {answer.result for answer in store.destroy(orders, MATCHER)}
    assert {Finding.ABSENT} == {answer.finding for answer in store.verify(orders, MATCHER)}
    assert {} == versioned.state()


def test_an_excluded_key_is_a_gap_by_choice(plain: Place) -> None:
    plain.put("logs/a.csv", text(1))
    plain.put("data/a.csv", text(2))
    examinations, gaps = sweep(plain.open(exclude=["logs/*"]))
    assert 1 == len(examinations)
    assert [(CoverageStatus.EXCLUDED, "excluded-by-setting", f"{plain.name}/logs/a.csv")] == [
        (g.status, g.reason, g.locator) for g in gaps
    ]


def test_an_unfinished_upload_is_a_gap(plain: Place) -> None:
    plain.upload("big+file.csv", text(1))
    _, gaps = sweep(plain.open())
    assert [(CoverageStatus.FAILED, "upload-unreadable", f"{plain.name}/big+file.csv")] == [
        (g.status, g.reason, g.locator) for g in gaps
    ]


@pytest.mark.parametrize(
    ("key", "more"),
    [
        (f"by-id/{IDS[3]}.txt", {}),
        ("metadata.txt", {"Metadata": {"note": f"made from {IDS[3]}"}}),
        ("tags.txt", {"Tagging": f"source={IDS[3]}"}),
        ("disposition.txt", {"ContentDisposition": f'attachment; filename="{IDS[3]}.txt"'}),
        (f"encoded/{IDS[3].replace('-', '%2D')}", {}),
    ],
)
def test_a_record_in_a_label_makes_a_holding(plain: Place, key: str, more: dict[str, Any]) -> None:
    plain.put(key, b"nothing of the dataset in here\n", **more)
    (holding,) = found(plain.open())
    assert (1, 1, Verdict.COPY) == (holding.records, holding.foreign_records, holding.verdict)
    assert 1 == holding.details["records-in-labels"]
    assert holding.mixed


def test_labels_of_others_do_not_make_a_pure_holding_mixed(plain: Place) -> None:
    plain.put(
        "exports/march.csv", text(1, 2), Metadata={"owner": "someone"}, Tagging="team=research"
    )
    (holding,) = found(plain.open())
    assert (2, 0) == (holding.records, holding.foreign_records)
    assert "" == holding.obstacle


def test_containers_are_opened(plain: Place) -> None:
    plain.put("a.csv.gz", gzip.compress(text(1, 2, 3)))
    plain.put("encoded.csv", gzip.compress(text(4)), ContentEncoding="gzip")
    holdings = found(plain.open())
    assert [3, 1] == [h.records for h in holdings]


def test_a_customer_key_keeps_the_content_from_us(plain: Place) -> None:
    plain.put("secret.csv", text(1), SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
    _, gaps = sweep(plain.open())
    assert ["sse-c"] == [g.reason for g in gaps]


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (403, "InvalidObjectState", "archived"),
        (403, "AccessDenied", "access-denied"),
        (400, "KMS.DisabledException", "kms-key-disabled"),
        (400, "KMS.NotFoundException", "kms-key-missing"),
        (404, "NoSuchVersion", "vanished"),
        (405, "MethodNotAllowed", "changed"),
    ],
)
def test_what_the_server_keeps_from_us_is_a_gap_with_its_reason(
    plain: Place, proxy: Proxy, status: int, code: str, reason: str
) -> None:
    plain.put("kept.csv", text(1))
    store = plain.open(endpoint_url=proxy.url)
    (unit,) = units(store, plain.name)
    with proxy.lying(lambda r, forward: refused(status, code) if "/kept" in r.path else forward()):
        examination = store.examine(unit, MATCHER)
    assert () == examination.holdings
    assert examination.gap is not None
    assert (CoverageStatus.FAILED, reason) == (examination.gap.status, examination.gap.reason)


def test_refused_tags_are_told(plain: Place, proxy: Proxy) -> None:
    plain.put("t.csv", text(1))
    store = plain.open(endpoint_url=proxy.url)
    with proxy.lying(
        lambda r, forward: refused(403, "AccessDenied") if "tagging" in r.query else forward()
    ):
        (holding,) = found(store)
        _, gaps = sweep(store)
    assert (1, 0) == (holding.records, holding.foreign_records)
    assert ["tags-unread"] == [g.reason for g in gaps]


def test_buckets_are_matched_and_what_is_not_there_is_told(
    make_place: Callable[..., Place],
) -> None:
    one, two = make_place(), make_place()
    store = one.open(
        buckets=[one.name, f"{two.name[:-1]}[{two.name[-1]}]", "no-such-bucket-here", "zzz*"]
    )
    scopes = {s.name: s for s in store.scopes()}
    assert {
        one.name: "",
        two.name: "",
        "no-such-bucket-here": "no-such-bucket",
        "zzz*": "no-matching-bucket",
    } == {name: s.problem for name, s in scopes.items()}
    assert scopes[one.name].as_of.endswith("Z")


def test_a_refused_bucket_is_a_problem_of_its_scope_alone(
    make_place: Callable[..., Place], proxy: Proxy
) -> None:
    one, two = make_place(), make_place()
    store = one.open(buckets=[one.name, two.name, "*"], endpoint_url=proxy.url)

    def refuse(request: Any, forward: Callable[[], Answer]) -> Answer:
        denied = request.path.startswith((f"/{two.name}?", "/?"))
        return refused(403, "AccessDenied") if denied else forward()

    with proxy.lying(refuse):
        problems = {s.name: s.problem for s in store.scopes()}
    assert {one.name: "", two.name: "access-denied", "*": "access-denied"} == problems


def test_a_source_is_read_as_delimited_text(plain: Place) -> None:
    rows = [(IDS[n], f"person{n}@dataset.example", f"answer {n}") for n in range(3)]
    plain.put("in/source.csv", text(0, 1, 2))
    plain.put("in/source.csv.gz", gzip.compress(text(0, 1, 2)))
    plain.put("in/source-16.csv", text(0, 1, 2).decode().encode("utf-16"))
    plain.put("in/semicolon.csv", text(0, 1, 2).replace(b",", b";"))
    store = plain.open()
    for key in ("in/source.csv", "in/source.csv.gz", "in/source-16.csv", "in/semicolon.csv"):
        for name in (key, f"{plain.name}/{key}"):
            source = store.source(SourceSpec("lake", key=name))
            assert ("respondent_id", "email", "answer") == source.columns
            assert rows == list(source)
            assert f"{plain.name}/{key}" == source.locator


def test_a_sealed_object_is_a_source(plain: Place) -> None:
    plain.put("in/source.age", sealed(text(0, 1, 2)))
    spec = SourceSpec("lake", key="in/source.age", sealed=True, keys=(KEY,))
    source = plain.open().source(spec)
    assert [IDS[n] for n in range(3)] == [row[0] for row in source]
    assert f"{plain.name}/in/source.age" == source.locator
    with pytest.raises(SourceError, match="not sealed to"):
        plain.open().source(replace(spec, keys=(OTHER,)))


def test_what_is_said_of_a_source_is_not_guessed(plain: Place) -> None:
    plain.put("s.csv", "name|note\nJörg|a,b\nZoë|c,d\n".encode("cp1252"))
    source = plain.open(encoding="cp1252", delimiter="|").source(SourceSpec("lake", key="s.csv"))
    assert [("Jörg", "a,b"), ("Zoë", "c,d")] == list(source)


def test_a_source_that_is_altered_while_it_is_read_raises(plain: Place) -> None:
    plain.put("s.csv", text(1, 2))
    source = plain.open().source(SourceSpec("lake", key="s.csv"))
    plain.put("s.csv", text(3))
    with pytest.raises(ChangedWhileRead, match="altered"):
        list(source)


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\xff\x00\xd8", b"a,b\n1,2,3\n", b"\x1f\x8b\x08broken"]
)
def test_a_source_that_is_no_delimited_text_is_refused(plain: Place, body: bytes) -> None:
    plain.put("bad.csv", body)
    with pytest.raises(SourceError, match=r"store lake, bucket bucket-\d+: ") as caught:
        list(plain.open().source(SourceSpec("lake", key=f"{plain.name}/bad.csv")))
    assert "bad.csv" not in str(caught.value)


def test_the_doctor_names_rights_and_what_limits_deletion(locked: Place, proxy: Proxy) -> None:
    locked.put("k", b"x")
    store = locked.open(endpoint_url=proxy.url)
    checks = list(store.check())
    assert "swap of this machine" in {each.what for each in checks}
    said = {c.what.partition(": ")[2]: (c.status, c.detail, c.hint) for c in checks}
    assert (CheckStatus.OK, "enabled", "") == said["versioning"]
    assert said["Object Lock"][1].startswith("on")
    assert (CheckStatus.OK, "none", "") == said["replication"]

    def refuse(request: Any, forward: Callable[[], Answer]) -> Answer:
        asked = {"uploads", "object-lock", "versioning", "tagging", "replication"} & set(
            request.query
        )
        return refused(403, "AccessDenied") if asked else forward()

    with proxy.lying(refuse):
        said = {
            c.what.partition(": ")[2]: (c.status, c.detail, c.hint)
            for c in locked.open(endpoint_url=proxy.url).check()
        }
    missing = {
        what: hint for what, (status, _, hint) in said.items() if status is CheckStatus.MISSING
    }
    assert {
        "list unfinished uploads": "grant s3:ListBucketMultipartUploads",
        "read tags": "grant s3:GetObjectVersionTagging",
        "versioning": "grant s3:GetBucketVersioning",
        "Object Lock": "grant s3:GetBucketObjectLockConfiguration",
        "replication": "grant s3:GetReplicationConfiguration",
    } == missing


def test_refused_credentials_raise(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.put("k", text(1))
    for name, value in (("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "NOBODY")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            store = plain.open()
            with pytest.raises(AccessDenied, match="credentials are refused"):
                store.scopes()
            with pytest.raises(AccessDenied, match="credentials are refused") as caught:
                list(store.units(plain.name))
            assert plain.server.secret_key not in str(caught.value) + caught.value.hint
            assert CheckStatus.FAILED in {c.status for c in store.check()}


def test_no_credentials_raise(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AccessDenied, match="no usable credentials"):
        plain.open().scopes()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"buckets": []}, "names no bucket"),
        ({"buckets": ["a"], "endpoint_url": "ftp://x"}, "not an http or https URL"),
        ({"buckets": ["a"], "endpoint_url": "http://x:99999"}, "not an http or https URL"),
        ({"buckets": ["a"], "endpoint_url": "http://user:hunter2@x"}, "more in it than"),
        ({"buckets": ["a"], "encoding": "base64"}, "encoding"),
        ({"buckets": ["a"], "delimiter": "::"}, "delimiter"),
        ({"buckets": ["a"], "profile": "nowhere"}, "no such profile"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Any, settings: Any, says: str) -> None:
    from backends.contract import Context

    with pytest.raises(SettingError, match=says) as caught:
        BACKEND.open("lake", settings, Context(tmp_path, tmp_path))
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_without_the_driver_the_extra_is_named(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    from backends.contract import Context

    monkeypatch.setitem(sys.modules, "boto3", None)
    for name in [
        n for n in sys.modules if n.startswith("backends.s3._") and n != "backends.s3._backend"
    ]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingDriver, match="boto3 is not installed") as caught:
        BACKEND.open("lake", {"buckets": ["a"]}, Context(tmp_path, tmp_path))
    assert "shredder-toolkit[s3]" in caught.value.hint


def test_importing_the_backend_loads_no_driver() -> None:
    import subprocess
    import sys

    code = "import sys, backends.s3; sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
