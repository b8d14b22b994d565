"""Anchor mode: values planted in bytes without delimiters."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import struct
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.contract import Evidence, Verdict
from backends.reference import ReferenceMatcher
from shredder.fingerprint import FingerprintMatcher, Role
from shredder.fingerprint.engine import ROUTE
from tests.fingerprint.made import Table, enrolled
from tests.fingerprint.test_matcher import PERSON, PRIVATE, ROLES, TABLE, UUID


@pytest.fixture(scope="module", params=["numpy", "numba"])
def matcher(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> FingerprintMatcher:
    os.environ[ROUTE] = request.param
    try:
        matcher = enrolled(tmp_path_factory.mktemp("anchors") / "fingerprint", TABLE, ROLES)
        matcher.scan()
    finally:
        del os.environ[ROUTE]
    return matcher


def probed(matcher: FingerprintMatcher, *blocks: bytes) -> Evidence:
    scan = matcher.scan()
    for block in blocks:
        scan.probe(block)
    return scan.evidence()


@pytest.mark.parametrize("value", PRIVATE)
def test_a_private_value_is_found_in_the_middle_of_anything(
    matcher: FingerprintMatcher, value: str
) -> None:
    junk = bytes(random.Random(1).choices(range(0x20), k=3000))
    evidence = probed(matcher, junk + value.upper().encode() + junk)
    assert (evidence.verdict, evidence.signs.probed) == (Verdict.COPY, 1)
    assert evidence.records == 1
    assert evidence.windows == 0


def test_a_uuid_is_itself_within_a_word(matcher: FingerprintMatcher) -> None:
    for form in (UUID, UUID.replace("-", "")):
        assert probed(matcher, b"U1" + form.encode() + b"4x").verdict is Verdict.COPY


def test_a_shorter_value_within_a_word_is_shown_and_no_more(matcher: FingerprintMatcher) -> None:
    for glued in (b"1234567890123" + b"4", b"11234567890123", b"xR-000017", b"R-0000172"):
        assert probed(matcher, b"\0" + glued + b"\0").verdict is Verdict.MAYBE
    for apart in (b"x1234567890123y", b"7R-000017a"):
        assert probed(matcher, b"\0" + apart + b"\0").verdict is Verdict.COPY


def test_an_address_points_to_a_person(matcher: FingerprintMatcher) -> None:
    evidence = probed(matcher, b"\x17" + PERSON[0].encode() + b"yes")
    assert (evidence.verdict, evidence.matched, evidence.records) == (Verdict.MAYBE, 0, 0)
    many = b"".join(b"p%03d@example.orgno" % n for n in range(8))
    assert probed(matcher, many).verdict is Verdict.LIKELY


def test_of_values_within_one_another_the_longest_counts(tmp_path: Path) -> None:
    names = ["resp0001@a.example", "xresp0001@a.example", "resp0001@a.example.org"]
    table = Table(("email",), [(name,) for name in (*names, "other@a.example")])
    matcher = enrolled(
        tmp_path / "fingerprint",
        Table(
            ("id", *table.columns), [(f"ident-{n:06}", *row) for n, row in enumerate(table.rows)]
        ),
        {},
    )
    assert probed(matcher, b"\0resp0001@a.example.org\0").signs.probed == 1
    assert probed(matcher, b"\0xresp0001@a.example\0").signs.probed == 1


def test_nothing_is_found_in_nothing(matcher: FingerprintMatcher) -> None:
    noise = random.Random(2).randbytes(300_000)
    assert probed(matcher, noise, b"", b"x" * 5000).verdict is None
    assert probed(matcher).verdict is None


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_how_a_run_is_cut_changes_nothing(matcher: FingerprintMatcher, data: st.DataObject) -> None:
    value = st.sampled_from([v.encode() for v in PRIVATE + PERSON])
    filler = st.one_of(st.binary(max_size=300), st.sampled_from([b"a", b"7", b"\0", b"z" * 200]))
    run = b"".join(data.draw(st.lists(st.one_of(value, filler), max_size=20)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(run)), max_size=6)))
    blocks = [run[a:b] for a, b in zip([0, *cuts], [*cuts, len(run)], strict=True)]
    whole = probed(matcher, run)
    assert probed(matcher, *filter(None, blocks)) == whole


def test_the_end_of_a_run_parts(matcher: FingerprintMatcher) -> None:
    half = len(UUID) // 2
    first, second = UUID[:half].encode(), UUID[half:].encode()
    assert probed(matcher, first, second).verdict is Verdict.COPY
    assert probed(matcher, first, b"", second).verdict is None


def test_a_dropped_table_is_found_in_the_free_pages(
    matcher: FingerprintMatcher, tmp_path: Path
) -> None:
    file = tmp_path / "survey.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE answers (id TEXT, email TEXT, answer TEXT)")
        database.executemany("INSERT INTO answers VALUES (?, ?, ?)", TABLE.rows)
        database.commit()
        database.execute("DROP TABLE answers")
        database.commit()
        assert database.execute("PRAGMA freelist_count").fetchone()[0] > 0
    evidence = probed(matcher, file.read_bytes())
    assert evidence.verdict is Verdict.COPY
    assert evidence.records >= len(PRIVATE) - 1


def test_the_reference_matcher_probes_too() -> None:
    scan = ReferenceMatcher([UUID], ["anna@example.org"]).scan()
    scan.probe(b"\0\0" + UUID[:20].upper().encode())
    scan.probe(UUID[20:].encode() + b"anna@example.orgno")
    evidence = scan.evidence()
    assert (evidence.verdict, evidence.records, evidence.signs.probed) == (Verdict.COPY, 1, 2)
    apart = ReferenceMatcher([UUID]).scan()
    for block in (UUID[:20].encode(), b"", UUID[20:].encode()):
        apart.probe(block)
    assert apart.evidence().verdict is None


IDS = [uuid.UUID(int=random.Random(n).getrandbits(128), version=4) for n in range(30)]
NUMBERS = [random.Random(n).randrange(10**9, 4 * 10**9) for n in range(40)]
LONG = [random.Random(n).randrange(10**11, 10**12) for n in range(40)]


@pytest.fixture(params=["numpy", "numba"])
def enrol_ids(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[object]], FingerprintMatcher]:
    monkeypatch.setenv(ROUTE, request.param)

    def enrol_these(values: Sequence[object]) -> FingerprintMatcher:
        table = Table(("id",), [(str(value),) for value in values])
        return enrolled(tmp_path / "fingerprint", table, {"id": Role.PRIVATE})

    return enrol_these


Enrol = Callable[[Sequence[object]], FingerprintMatcher]


@pytest.mark.parametrize("order", ["bytes", "bytes_le"])
def test_a_uuid_of_sixteen_bytes_is_found(enrol_ids: Enrol, order: str) -> None:
    matcher = enrol_ids(IDS)
    run = b"".join(b"\x25" + getattr(one, order) + b"answer" for one in IDS)
    evidence = probed(matcher, *(run[at : at + 7] for at in range(0, len(run), 7)))
    assert (evidence.verdict, evidence.records, evidence.signs.probed) == (Verdict.COPY, 30, 30)
    broken = b"".join(getattr(one, order)[:-1] + b"\0" for one in IDS)
    assert probed(matcher, broken).verdict is None


def test_arrow_buffers_of_fixed_size_binary_are_found(enrol_ids: Enrol) -> None:
    matcher = enrol_ids(IDS)
    evidence = probed(matcher, pickle.dumps([one.bytes for one in IDS[:3]], protocol=4))
    assert (evidence.verdict, evidence.records) == (Verdict.COPY, 3)
    assert probed(matcher, pickle.dumps(IDS[:3], protocol=2)).verdict is None  # LONG: see docs


@pytest.mark.parametrize("code", ["<q", ">q", "<I", ">I", "<Q"])
def test_integers_are_evidence_together(enrol_ids: Enrol, code: str) -> None:
    matcher = enrol_ids(NUMBERS)
    packed = [struct.pack(code, number) for number in NUMBERS]
    evidence = probed(matcher, b"\x01".join(packed))
    assert (evidence.verdict, evidence.records, evidence.signs.probed) == (Verdict.COPY, 40, 40)
    assert probed(matcher, b"\x01".join(packed[:15] * 9)).verdict is None


def test_integers_in_a_pickle_and_in_the_pages_of_a_database(
    enrol_ids: Enrol, tmp_path: Path
) -> None:
    matcher = enrol_ids(NUMBERS[:20] + LONG[:20])
    for protocol in (1, 2, 5):
        run = pickle.dumps([(n, "yes", {"a": n}) for n in NUMBERS[:20] + LONG[:20]], protocol)
        if protocol > 1:  # before, LONG is written as digits
            assert probed(matcher, run).records == 40
    file = tmp_path / "survey.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE answers (id INTEGER, answer TEXT)")
        rows = [(n, "agree") for n in NUMBERS[:20] + LONG[:20]]
        database.executemany("INSERT INTO answers VALUES (?, ?)", rows)
        database.commit()
    assert probed(matcher, file.read_bytes()).records == 40


@pytest.mark.parametrize("step", [1, 10, 1000])
def test_what_goes_up_steadily_is_no_evidence(enrol_ids: Enrol, step: int) -> None:
    """A counter in foreign data runs over the dataset's numbers, and over their neighbours."""
    base = 4_000_000_000_000
    own = sorted(random.Random(3).sample(range(base, base + 2000 * step, step), 200))
    matcher = enrol_ids(own)
    counter = b"".join(
        struct.pack("<qi", n, 7) for n in range(base - 50 * step, base + 2050 * step, step)
    )
    assert probed(matcher, counter).verdict is None
    closed = enrol_ids(range(base, base + 200 * step, step))
    assert (
        probed(closed, b"".join(struct.pack("<qi", base + n * step, 7) for n in range(200))).verdict
        is None
    )
    sparse = sorted(random.Random(3).sample(range(base, base + 10**9), 200))
    chosen = b"".join(struct.pack("<qi", n, 7) for n in sparse[::4])
    assert probed(enrol_ids(sparse), chosen).verdict is Verdict.COPY


def test_noise_hits_integers_by_chance_and_is_no_evidence(enrol_ids: Enrol) -> None:
    own = random.Random(1).sample(range(3 * 10**9, 4 * 10**9), 9_000)
    evidence = probed(enrol_ids(own), random.Random(2).randbytes(8_000_000))
    assert evidence.verdict is None
    assert evidence.signs.probed == 0


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", [b"\x01", b"\x01\x02", b"\x01\0", b"\0"])
def test_wide_text_is_found_at_odd_and_even_places(
    matcher: FingerprintMatcher, order: str, before: bytes
) -> None:
    for value in (UUID, "R-000017", "1234567890123"):
        run = before + value.encode(order) + b"\xfe\x07"
        for size in (1, 9, len(run)):
            blocks = (run[at : at + size] for at in range(0, len(run), size))
            evidence = probed(matcher, *blocks)
            assert (evidence.verdict, evidence.signs.probed) == (Verdict.COPY, 1)
    assert probed(matcher, before + "xR-0000171".encode(order)).verdict is Verdict.MAYBE
