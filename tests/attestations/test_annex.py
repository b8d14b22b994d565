"""The annex of names: what it shows, and everything that is none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attestations import Annex, Bundle, Code, Refused, Report, Supplied, read_annex, verify
from attestations.annex import LIMITS
from tests.attestations import made
from tests.attestations.annexes import ANNEX, NO_ANNEXES, NO_JSON, OTHER, RUN
from tests.attestations.made import NOW, bundle, policy


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def committed(data: bytes = ANNEX, **changes: Any) -> Bundle:
    both = digest(data)
    return bundle(plan_of=made.plan(annex=both), changes={"annex": both, **changes})


def shown(data: bytes, of: Bundle) -> Report:
    return verify(of.to_bytes(), policy(), now=NOW, supplied=Supplied(annex=data))


def refused(data: bytes, of: Bundle) -> Code:
    with pytest.raises(Refused) as caught:
        shown(data, of)
    return caught.value.verdict


def test_a_committed_annex_names_people() -> None:
    report = shown(ANNEX, committed())
    assert report.names == {"staff-17": "Ada Example", "staff-3": "Grace Example"}
    assert "annex: 2 names are the ones that were committed to" in report.findings
    alone = verify(committed().to_bytes(), policy(), now=NOW)
    assert (alone.names, alone.authentic) == (None, report.authentic)


def test_a_reference_that_the_annex_does_not_name_is_said() -> None:
    data = Annex.new(RUN, {"staff-9": "Mary Example"}).to_bytes()
    findings = shown(data, committed(data)).findings
    assert {"annex: no name for staff-17", "annex: no name for staff-3"} <= set(findings)


def test_either_statements_annex_will_do() -> None:
    for of in (
        bundle(plan_of=made.plan(annex=digest(ANNEX))),
        bundle(changes={"annex": digest(ANNEX)}),
    ):
        assert shown(ANNEX, of).names is not None


def test_another_annex_is_refused() -> None:
    assert OTHER != ANNEX, "each has a salt of its own"
    for data in (OTHER, ANNEX + b"\n", ANNEX[:-1], ANNEX.replace(b"Ada", b"Eve"), b""):
        assert refused(data, committed()) == Code.E_DISCLOSURE
    assert refused(ANNEX, bundle()) == Code.E_DISCLOSURE


@pytest.mark.parametrize("value", NO_ANNEXES)
def test_what_is_no_annex_is_refused_though_it_was_committed_to(value: Any) -> None:
    data = json.dumps(value).encode()
    assert refused(data, committed(data)) == Code.E_DISCLOSURE


@pytest.mark.parametrize("data", NO_JSON, ids=["empty", "bytes", "deep", "twice", "mark"])
def test_what_is_no_json_is_refused_though_it_was_committed_to(data: bytes) -> None:
    assert refused(data, committed(data)) == Code.E_DISCLOSURE


def test_an_annex_is_read_as_far_as_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "annex.json"
    path.write_bytes(ANNEX)
    assert read_annex(path) == ANNEX
    with path.open("wb") as file:
        file.truncate(LIMITS.size + 1)
    with pytest.raises(Refused) as caught:
        read_annex(path)
    assert caught.value.verdict == Code.E_DISCLOSURE


def test_an_annex_reads_as_it_was_written() -> None:
    annex = Annex.from_bytes(ANNEX)
    assert annex.to_bytes() == ANNEX
    assert replace(annex, salt=Annex.new(RUN, {"a": "b"}).salt).to_bytes() != ANNEX
