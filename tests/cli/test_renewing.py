"""Timestamps renewed: by real authorities, before a certificate ends, and seen by auditors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attestations import Bundle
from attestations.bundle import MAX_RENEWALS
from demo.servers.tsa import TimestampAuthority
from tests.attestations import made
from tests.attestations.forge import Forge, certify
from tests.attestations.renewing import both_renewed
from tests.cli.operating import SURVEY, HereOperator, Operator

NOWHERE = "http://127.0.0.1:9/"  # discard: nobody listens


@pytest.fixture
def desk(here: Operator) -> Operator:
    return here


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    with TimestampAuthority(tmp_path_factory.mktemp("second"), name="Second TSA") as authority:
        yield authority


@pytest.fixture
def both(desk: Operator, authority: TimestampAuthority, second: TimestampAuthority) -> Operator:
    """A desk whose second authority stands behind the first."""
    desk.edit(f'["{authority.url}"]', f'["{authority.url}", "{second.url}"]')
    return desk


@pytest.fixture
def bundle(desk: Operator) -> Path:
    done = desk.run("destroy", SURVEY, "--yes", "--json")
    assert done.code == 0, done.err
    return Path(done.json["attestation"])


@pytest.fixture
def auditor(
    tmp_path: Path, desk: Operator, authority: TimestampAuthority, second: TimestampAuthority
) -> Operator:
    """An auditor who knows both authorities."""
    folder = tmp_path / "audit"
    folder.mkdir()
    shutil.copy(desk.state / "keys" / "signing.pub.pem", folder / "operator.pem")
    for name, each in (("first", authority), ("second", second)):
        (folder / f"{name}-root.pem").write_text(each.root_pem)
        (folder / f"{name}.pem").write_text(each.leaf_pem)
    place = HereOperator(folder)
    done = place.run(
        "policy", "new", "policy.json", "--key", "operator.pem",
        "--tsa-root", "first-root.pem", "--tsa-certificate", "first.pem",
        "--tsa-root", "second-root.pem", "--tsa-certificate", "second.pem",
    )  # fmt: skip
    assert done.code == 0, done.err
    return place


def compromised(auditor: Operator, name: str, when: datetime) -> None:
    """Write into the policy what the auditor heard of an authority."""
    path = auditor.folder / "policy.json"
    policy = json.loads(path.read_bytes())
    (entry,) = (each for each in policy["timestamps"]["authorities"] if each["name"] == name)
    entry["compromisedAt"] = f"{when:%Y-%m-%dT%H:%M:%SZ}"
    path.write_text(json.dumps(policy))


def verified(auditor: Operator, bundle: Path) -> dict[str, Any]:
    return auditor.run("verify", bundle, "--policy", "policy.json", "--json").json


def renewals(bundle: Path) -> list[int]:
    loaded = Bundle.load(bundle)
    return [len(loaded.plan.renewals), len(loaded.result.renewals)]


def test_a_renewal_outlives_the_first_authoritys_compromise(
    both: Operator, bundle: Path, auditor: Operator
) -> None:
    before = verified(auditor, bundle)
    done = both.run("timestamp", bundle, "--renew", "--json")
    assert (done.code, done.json["added"], done.json["renewed"]) == (0, 0, True)
    assert renewals(bundle) == [1, 1]
    after = verified(auditor, bundle)
    assert (after["exit_code"], after["no_later_than"]) == (0, before["no_later_than"])

    compromised(auditor, "first", datetime.now(UTC) + timedelta(seconds=5))
    upheld = verified(auditor, bundle)
    assert (upheld["exit_code"], upheld["time"]) == (0, "valid")
    assert upheld["no_later_than"] == before["no_later_than"]
    compromised(auditor, "second", datetime.now(UTC) - timedelta(days=1))
    fallen = verified(auditor, bundle)
    assert (fallen["exit_code"], fallen["codes"]) == (8, ["E_TS_THRESHOLD"])


def test_it_is_said_until_when_a_renewal_is_in_time(
    both: Operator, bundle: Path, auditor: Operator
) -> None:
    told = both.run("timestamp", bundle, "--json").json["renew_before"]
    assert timedelta(days=3640) < datetime.fromisoformat(told) - datetime.now(UTC)
    for place, words in (
        (both, ("timestamp", bundle)),
        (both, ("show", bundle)),
        (auditor, ("show", bundle, "--policy", "policy.json")),
        (auditor, ("verify", bundle, "--policy", "policy.json")),
    ):
        assert place.run(*words, "--json").json["renew_before"] == told, words
        assert f"renew before: {told}" in place.run(*words).out.splitlines(), words
    later = both.run("timestamp", bundle, "--renew", "--json").json["renew_before"]
    assert later > told
    assert verified(auditor, bundle)["renew_before"] == later


def test_the_same_certificate_renews_nothing(desk: Operator, bundle: Path) -> None:
    """It ends as early, and falls with the first."""
    content = bundle.read_bytes()
    done = desk.run("timestamp", bundle, "--renew")
    assert (done.code, "another certificate" in done.error) == (8, True), done.err
    assert bundle.read_bytes() == content


def test_a_second_renewal_may_be_by_the_first_authority(
    both: Operator, bundle: Path, auditor: Operator
) -> None:
    for count in (1, 2, 3):
        assert both.run("timestamp", bundle, "--renew").code == 0
        assert renewals(bundle) == [count, count]
    assert verified(auditor, bundle)["exit_code"] == 0


def test_a_renewal_is_of_both_or_of_neither(
    both: Operator, bundle: Path, second: TimestampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second authority answers once, and then no more."""
    asked: list[bytes] = []
    reply = second.reply

    def once(query: bytes) -> bytes:
        asked.append(query)
        if len(asked) > 1:
            raise OSError("out of order")
        return reply(query)

    monkeypatch.setattr(second, "reply", once)
    content = bundle.read_bytes()
    done = both.run("timestamp", bundle, "--renew")
    assert (done.code, "it answered 500" in done.error) == (8, True), done.err
    assert len(asked) > 1
    assert bundle.read_bytes() == content


def test_what_was_written_meanwhile_is_not_undone(
    both: Operator, bundle: Path, second: TimestampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another command puts a proof into the bundle while the authority takes its time."""
    reply, loaded = second.reply, Bundle.load(bundle)
    other = Bundle(plan=loaded.plan, result=loaded.result.with_log("a proof"))

    def slowly(query: bytes) -> bytes:
        other.write(bundle)
        return reply(query)

    monkeypatch.setattr(second, "reply", slowly)
    done = both.run("timestamp", bundle, "--renew")
    assert (done.code, "by another command" in done.error) == (6, True), done.err
    assert Bundle.load(bundle) == other


def test_nothing_is_renewed_where_nothing_is(desk: Operator, authority: TimestampAuthority) -> None:
    desk.edit(authority.url, NOWHERE)
    done = desk.run("destroy", SURVEY, "--yes", "--timestamp-later", "--json")
    bare = done.json["attestation"]
    desk.edit(NOWHERE, authority.url)
    done = desk.run("timestamp", bare, "--renew")
    assert (done.code, "no timestamps to renew" in done.error) == (2, True), done.err
    assert "without --renew" in done.hint


def test_no_timestamp_is_added_below_a_renewal(
    both: Operator, bundle: Path, authority: TimestampAuthority, second: TimestampAuthority
) -> None:
    assert both.run("timestamp", bundle, "--renew").code == 0
    content = bundle.read_bytes()
    assert both.run("timestamp", bundle, "--json").json["added"] == 0
    both.edit(f'"{second.url}"]', f'"{second.url}"]\nwanted = 2')
    done = both.run("timestamp", bundle)
    assert (done.code, "were renewed" in done.error) == (6, True), done.err
    assert bundle.read_bytes() == content


def test_a_renewal_that_would_be_refused_is_not_written(desk: Operator) -> None:
    """The certificate behind the tokens has ended; this says so, and writes nothing."""
    begin, end = datetime(2015, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    root = certify("Root", begin=begin)
    ended = Forge(root=root, leaf=certify("Old TSA", root, begin=begin, end=end))
    path = desk.folder / "old.json"
    made.bundle(stamp=lambda message, _: ended.plain(message, end)).write(path)
    content = path.read_bytes()
    done = desk.run("timestamp", path, "--renew")
    assert (done.code, "too late" in done.error, "2020-01-01" in done.error) == (6, True, True)
    assert path.read_bytes() == content
    shown = desk.run("show", path).out
    assert "renew before: 2020-01-01T00:00:00+00:00 (past: a renewal is refused now)" in shown


def test_the_last_renewal_that_fits(desk: Operator) -> None:
    first = Forge(leaf=None)
    full = made.bundle(stamp=first.plain)
    for _ in range(MAX_RENEWALS):
        full = both_renewed(full, first, made.at(40))
    path = desk.folder / "full.json"
    full.write(path)
    done = desk.run("timestamp", path, "--renew")
    assert (done.code, "no more fit" in done.error) == (6, True), done.err
