"""The two routes: chosen as said, equal on any bytes, and working on a machine that is unkind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shredder.errors import UsageError
from shredder.fingerprint import FingerprintMatcher, Role, catalogue, enrol, tokens
from shredder.fingerprint.engine import ROUTE, Engine, choose
from shredder.fingerprint.fast import CompiledEngine
from shredder.fingerprint.keys import derive
from shredder.fingerprint.plain import PlainEngine
from shredder.fingerprint.siphash import siphash24
from shredder.fingerprint.starts import SHORT
from tests.fingerprint.made import KEY, Table


def catalogue_of(path: Path, values: list[str], role: Role = Role.PRIVATE) -> catalogue.Catalogue:
    table = Table(("id",), [(value,) for value in values])
    enrol([table], roles={"id": role}, key=KEY, path=path)
    return catalogue.read(path, derive(KEY).seal)[0]


VALUES = st.lists(
    st.text("0123456789abcxyz-_.é", min_size=9, max_size=130).map(lambda text: f"{text}x777"),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(values=VALUES, data=st.data())
def test_both_routes_find_the_same_in_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], data: st.DataObject
) -> None:
    found = catalogue_of(tmp_path_factory.mktemp("random") / "fingerprint", values)
    engines = [route(found, derive(KEY)) for route in (PlainEngine, CompiledEngine)]
    pieces = st.one_of(
        st.sampled_from([value.encode() for value in values]),
        st.binary(max_size=40),
        st.sampled_from([b" ", b"\n", b"-", b"--", b"\xff", b"@" * 70]),
    )
    block = b"".join(data.draw(st.lists(pieces, max_size=30)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(block)), max_size=10)))
    ends = np.array([*cuts, len(block)], np.int64)
    (places, rows), (same_places, same_rows) = (engine.find(block) for engine in engines)
    assert places.tolist() == same_places.tolist()
    assert rows.tolist() == same_rows.tolist()
    for told, same in zip(*(engine.windows(block, ends) for engine in engines), strict=True):
        assert told.tolist() == same.tolist()


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[Engine]:
    found = catalogue_of(tmp_path_factory.mktemp("routes") / "fingerprint", ["resp-7f3a00c2-x"])
    return [PlainEngine(found, derive(KEY)), CompiledEngine(found, derive(KEY))]


ESCAPES = [rb"\u0041", rb"\n", rb"\\", b"%41", b"%", b"&amp;", b"&", b"&#64;", b";", b"=40", b"="]
ESCAPES += [b"\xc2", b"\xad", b"\xe2\x80", b"\x8b", b"\xe2\x81\xa0", b"\xef\xbb\xbf", b"\xef\xbb"]
ESCAPES += [b"=\n", b"=\r\n", b"=C3", b"=c3", b"a" * 31, b"&a" + b"b" * 31, b" " * 97, b"x", b"7"]


@settings(max_examples=500)
@given(st.lists(st.one_of(st.sampled_from(ESCAPES), st.binary(max_size=3))).map(b"".join))
def test_both_routes_see_the_same_escapes(routes: list[Engine], block: bytes) -> None:
    for told, same in zip(*(engine.marks(block) for engine in routes), strict=True):
        assert told.tolist() == same.tolist()


@settings(max_examples=100, deadline=None)
@given(values=VALUES, data=st.data())
def test_both_routes_find_the_same_tokens_without_delimiters(
    tmp_path_factory: pytest.TempPathFactory, values: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("random") / "fingerprint"
    found = catalogue_of(path, [*values, "tok12345", "1234567890123"])
    engines = [route(found, derive(KEY)) for route in (PlainEngine, CompiledEngine)]
    pieces = st.one_of(
        st.sampled_from([value.encode() for value in values]),
        st.sampled_from([b"TOK12345", b"1234567890123.00", b"a", b"7", b"-", b"\xc3", b"\0", b"."]),
        st.binary(max_size=20),
        st.sampled_from([values[0][:12].encode() * 9]),
    )
    block = b"".join(data.draw(st.lists(pieces, max_size=30)))
    first = data.draw(st.integers(0, len(block)))
    last = data.draw(st.integers(first, len(block)))
    told, same = (
        sorted(zip(*(x.tolist() for x in engine.anchors(block, first, last)), strict=True))
        for engine in engines
    )
    assert told == same
    table = {int(h): row for row, h in reversed(list(enumerate(found.hashes)))}
    folded = block.lower()
    tried = [
        (at, n, table.get(siphash24(derive(KEY).tokens, folded[at : at + n])))
        for at in range(first, last)
        for n in found.lengths
        if n >= SHORT and at + n <= len(block)
    ]
    assert told == sorted(hit for hit in tried if hit[2] is not None)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_routes_find_the_same_binary_forms(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    numbers = data.draw(st.lists(st.integers(10**8, 2**64 - 1), max_size=8))
    ids = data.draw(st.lists(st.uuids(version=4), max_size=5))
    path = tmp_path_factory.mktemp("random") / "fingerprint"
    found = catalogue_of(path, ["resp-0001112", *map(str, numbers), *map(str, ids)])
    forms = [one.bytes for one in ids] + [one.bytes_le for one in ids]
    for near in (0, 1, -1, 10, -10, -1000):
        forms += [
            (number + near).to_bytes(9, order) for number in numbers for order in ("little", "big")
        ]
    pieces = st.one_of(st.binary(max_size=9), st.sampled_from([*forms, b"\0"]))
    block = b"".join(data.draw(st.lists(pieces, max_size=60)))
    first = data.draw(st.integers(0, len(block)))
    last = data.draw(st.integers(first, len(block)))
    plain, fast = (route(found, derive(KEY)) for route in (PlainEngine, CompiledEngine))
    told, same = (engine.uuids(block, first, last).tolist() for engine in (plain, fast))
    assert told == same
    expected = [
        form for at in range(first, last) if (form := block[at : at + 16]) in forms[: 2 * len(ids)]
    ]
    assert len(told) == len(expected)
    told, same = (
        [rows.tolist() for rows in engine.integers(block, first, last)] for engine in (plain, fast)
    )
    assert told == same


def test_both_routes_find_the_same_where_every_position_may_start_a_token(tmp_path: Path) -> None:
    """More candidates than are looked up at once: all begin as tokens do."""
    values = [f"aaaaaaaaaaaa{'a' * n}777" for n in range(100)]
    found = catalogue_of(tmp_path / "fingerprint", values)
    block = (b"a" * 50_000 + b"777") * 3
    told, same = (
        sorted(zip(*(x.tolist() for x in engine.anchors(block, 5, len(block))), strict=True))
        for engine in (route(found, derive(KEY)) for route in (PlainEngine, CompiledEngine))
    )
    assert told == same
    assert len(told) == 300


def test_both_routes_agree_on_many_windows_of_little(routes: list[Engine]) -> None:
    """More windows than are looked at one by one, with what counts far inside some of them."""
    chance = np.random.default_rng(1)
    gaps = chance.choice([0, 1, 2, 30, 90], 4000)
    block = b"".join(b" " * gap + chance.choice([b"", b"a", b"\xe4", b"-"]) for gap in gaps)
    ends = np.append(np.sort(chance.integers(0, len(block), 5000)), len(block))
    starts = np.concatenate(([0], ends[:-1]))
    expected = [
        any(chr(c).isalnum() or c >= 0x80 for c in block[s:e])
        for s, e in zip(starts, ends, strict=True)
    ]
    assert tokens.something(block, starts, ends).tolist() == expected
    for engine in routes:
        found, cuts = engine.windows(block, ends)
        assert found.tolist() == expected[: ends.size]
        parted = [
            end
            for end in sorted(set(ends.tolist()))
            if 0 < end < len(block) and not block[end - 1 : end + 1].count(b" ")
        ]
        assert cuts.tolist() == parted


@given(st.binary(max_size=3000), st.integers(1, 600))
def test_parts_cover_a_block_and_cut_no_token(block: bytes, size: int) -> None:
    cuts = list(tokens.parts(block, size))
    assert [start for start, _ in cuts] == [0, *(end for _, end in cuts)][: len(cuts)]
    assert (cuts[-1][1] if cuts else 0) == len(block)
    for start, _ in cuts[1:]:
        assert not (tokens.CLASSES[block[start - 1]] and tokens.CLASSES[block[start]])


def test_the_environment_forces_a_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = catalogue_of(tmp_path / "fingerprint", ["resp-0001112"])
    assert isinstance(choose(found, derive(KEY)), CompiledEngine)
    monkeypatch.setenv(ROUTE, "numpy")
    assert isinstance(choose(found, derive(KEY)), PlainEngine)
    monkeypatch.setenv(ROUTE, "numba")
    assert isinstance(choose(found, derive(KEY)), CompiledEngine)


def test_without_numba_numpy_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = catalogue_of(tmp_path / "fingerprint", ["resp-0001112"])
    monkeypatch.setitem(sys.modules, "shredder.fingerprint.fast", None)  # importing it now fails
    assert isinstance(choose(found, derive(KEY)), PlainEngine)
    monkeypatch.setenv(ROUTE, "numba")
    with pytest.raises(UsageError, match="does not load") as caught:
        choose(found, derive(KEY))
    assert caught.value.hint == "install shredder-toolkit[fast]"


@pytest.mark.slow
def test_a_full_disk_does_not_stop_the_compiled_route(tmp_path: Path) -> None:
    """Every write of machine code fails; the compiler needs seconds, as it does at first use."""
    path = tmp_path / "fingerprint"
    catalogue_of(path, ["resp-0001112"])
    code = f"""
import resource
from pathlib import Path
from shredder.fingerprint import FingerprintMatcher
scan = FingerprintMatcher(Path({str(path)!r}), bytes(range(32)))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
scan = scan.scan()
print(scan._tools.engine.__class__.__name__, scan.feed(b"resp-0001112 found", [18]))
"""
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, ROUTE: "numba", "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == "CompiledEngine b'\\x01'\n", found.stderr


def test_threads_share_a_matcher(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "fingerprint"
    catalogue_of(path, ["resp-0001112"])
    matcher = FingerprintMatcher(path, KEY)
    text = b"nothing here\n" * 1000 + b"resp-0001112\n"

    def work(_: int) -> int:
        scan = matcher.scan()
        scan.feed(text, [len(text)])
        return scan.evidence().matched

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(64))) == [1] * 64
