"""The matcher against a naive one, in both routes."""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from backends.contract import Matcher, RecordClass, Verdict
from backends.reference import ReferenceMatcher
from shredder.errors import UsageError
from shredder.fingerprint import CatalogueDamaged, FingerprintMatcher, NotEnrolled, Role, enrol
from shredder.fingerprint.engine import ROUTE
from tests.fingerprint.made import KEY, Naive, Table, enrolled

ESCAPES = (b"\xef\xbb\xbf", b"\xe2\x80", b"\xc2\xad", b"=", b"%", b"\\", b"&")
UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
PRIVATE = [
    UUID,
    "R-000017",
    "0123456789ab",
    "tok_99887766",
    "1234567890123",
    "größe-12345",
    "x1y2z3w4v5",
]
PERSON = ["anna@example.org", "a1@b.de", "bo.li@example.org", "möller@example.org"]
ROLES = {"respondent_id": Role.PRIVATE, "email": Role.PERSON, "answer": Role.QUASI}


def rows() -> list[tuple[str | None, ...]]:
    found: list[tuple[str | None, ...]] = [
        (value, PERSON[n % len(PERSON)] if n != 3 else None, str(n))
        for n, value in enumerate(PRIVATE)
    ]
    found.append((PRIVATE[0], "twice@example.org", "again"))  # one id, two records
    return found + [(None, f"p{n:03}@example.org", "person only") for n in range(30)]


TABLE = Table(("respondent_id", "email", "answer"), rows())


def naive() -> Naive:
    private: dict[bytes, set[int]] = defaultdict(set)
    person: dict[bytes, set[int]] = defaultdict(set)
    for number, (identifier, email, _) in enumerate(TABLE.rows):
        if identifier:
            for form in forms(identifier):
                private[form].add(number)
        if email:
            for form in forms(email):
                person[form].add(number)
    return Naive(private, person)


def forms(value: str) -> set[bytes]:
    if value == UUID:
        return {value.encode(), value.replace("-", "").encode()}
    if value.isdigit():
        return {value.encode(), f"{value}.0".encode(), f"{value}.00".encode()}
    if value.isascii():
        return {value.lower().encode()}
    decomposed = {"ö": "o\u0308", "Ö": "O\u0308"}
    found = set()
    for spelling in (value, value.upper(), value.casefold()):
        found.add(spelling.encode().lower())
        apart = "".join(decomposed.get(letter, letter) for letter in spelling)
        found.add(apart.encode().lower())
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "fingerprint"
    enrol([TABLE], roles=ROLES, key=KEY, path=path)
    return path


def open_by(route: str, path: Path) -> FingerprintMatcher:
    previous = os.environ.get(ROUTE)
    os.environ[ROUTE] = route
    try:
        matcher = FingerprintMatcher(path, KEY)
        matcher.scan()
    finally:
        if previous is None:
            del os.environ[ROUTE]
        else:
            os.environ[ROUTE] = previous
    return matcher


@pytest.fixture(scope="module", params=["numpy", "numba"])
def matcher(request: pytest.FixtureRequest, path: Path) -> FingerprintMatcher:
    return open_by(request.param, path)


def lines(text: bytes) -> tuple[bytes, list[int]]:
    ends, at = [], 0
    for line in text.splitlines(keepends=True):
        at += len(line)
        ends.append(at)
    return text, ends


def test_it_satisfies_the_contract(matcher: FingerprintMatcher) -> None:
    typed: Matcher = matcher
    assert typed.commitment.startswith("sha256:")
    assert typed.columns == {"respondent_id", "email", "answer"}


FILLER = [
    b" ",
    b"\n",
    b"\t",
    b",",
    b'"',
    b";",
    b":",
    b"/",
    b"-",
    b".",
    b"_",
    b"@",
    b"+",
    b"=",
    b"\0",
    b"a",
    b"7",
]
PIECES = st.one_of(
    st.sampled_from([p.encode() for p in PRIVATE + PERSON]),
    st.sampled_from([p.upper().encode() for p in PRIVATE + PERSON]),
    st.sampled_from([b"p%03d@example.org" % n for n in range(30)]),
    st.sampled_from([UUID.replace("-", "").encode(), b"1234567890123.00", b"twice@example.org"]),
    st.sampled_from(
        ["„".encode(), "\u00a0".encode(), b"\xef\xbb\xbf", b"\x93", "größe".encode(), b"-" * 40]
    ),
    st.sampled_from(FILLER),
    st.binary(max_size=12),
    st.text("abc019-_.@ ", max_size=20).map(str.encode),
    st.just(b"z" * 200),
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    text = b"".join(draw(st.lists(st.one_of(PIECES, st.sampled_from(FILLER)), max_size=40)))
    if draw(st.booleans()):
        return lines(text)
    cuts = draw(st.lists(st.integers(0, len(text)), max_size=8))
    return text, [*sorted(cuts), len(text)]


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(blocks=st.lists(texts(), max_size=3))
def test_it_says_what_a_naive_matcher_says(
    matcher: FingerprintMatcher, blocks: list[tuple[bytes, list[int]]]
) -> None:
    # The naive one undoes no escapes: test_escapes.py is about these.
    assume(not any(mark in block for block, _ in blocks for mark in ESCAPES))
    scan, oracle = matcher.scan(), naive()
    for block, ends in blocks:
        assert scan.feed(block, ends) == oracle.feed(block, ends)
    assert scan.evidence() == oracle.evidence()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=texts(), data=st.data())
def test_how_text_is_cut_into_blocks_changes_nothing(
    matcher: FingerprintMatcher, text: tuple[bytes, list[int]], data: st.DataObject
) -> None:
    block, ends = text
    whole, parts = matcher.scan(), matcher.scan()
    classes = whole.feed(block, ends)
    cut = data.draw(st.integers(0, len(ends)))
    middle = ends[cut - 1] if cut else 0
    first = parts.feed(block[:middle], ends[:cut])
    rest = parts.feed(block[middle:], [end - middle for end in ends[cut:]])
    assert first + rest == classes
    assert parts.evidence() == whole.evidence()


def test_a_block_of_many_parts(matcher: FingerprintMatcher) -> None:
    """Tokens at every alignment, near every place where a block is cut for the cache."""
    filler = b"lorem ipsum 4711 dolor-sit " * 3
    row = filler + UUID.encode() + b"," + PERSON[0].encode() + b"\n"
    text = b"".join(row[n % 50 :] for n in range(16_000))
    block, ends = lines(text)
    scan, oracle = matcher.scan(), naive()
    assert len(block) > 3 << 18
    assert scan.feed(block, ends) == oracle.feed(block, ends)
    assert scan.evidence() == oracle.evidence()


def test_one_window_without_any_boundary(matcher: FingerprintMatcher) -> None:
    block = b"a" * 700_000 + b" " + UUID.encode()
    scan = matcher.scan()
    assert scan.feed(block, [len(block)]) == bytes([RecordClass.RECORD])


def test_ends_may_be_an_array(matcher: FingerprintMatcher) -> None:
    block, ends = lines(f"{UUID}\n\nnothing\n".encode())
    array = np.array(ends, np.int32)
    assert matcher.scan().feed(block, array) == bytes(  # type: ignore[arg-type]
        [RecordClass.RECORD, RecordClass.BLANK, RecordClass.FOREIGN]
    )


def test_nothing_gives_nothing(matcher: FingerprintMatcher) -> None:
    scan = matcher.scan()
    assert scan.feed(b"", []) == b""
    assert scan.feed(b"", [0]) == bytes([RecordClass.BLANK])
    evidence = scan.evidence()
    assert (evidence.windows, evidence.blank, evidence.verdict) == (1, 1, None)


@pytest.mark.parametrize("ends", [[3], [2, 1, 4], [4, 4, 5], []])
def test_windows_that_do_not_part_the_block_are_refused(
    matcher: FingerprintMatcher, ends: list[int]
) -> None:
    with pytest.raises(ValueError, match="ends must ascend"):
        matcher.scan().feed(b"abcd", ends)


def verdict(matcher: FingerprintMatcher, text: str) -> Verdict | None:
    scan = matcher.scan()
    scan.feed(*lines(text.encode()))
    return scan.evidence().verdict


def test_one_private_value_makes_a_copy(matcher: FingerprintMatcher) -> None:
    assert verdict(matcher, f"a log line\nrespondent={UUID.upper()} failed\n") is Verdict.COPY


def test_persons_alone_are_a_maybe_and_in_source_order_a_likely(
    matcher: FingerprintMatcher,
) -> None:
    addresses = [f"p{n:03}@example.org" for n in range(30)]
    assert verdict(matcher, "\n".join(addresses[:7])) is Verdict.MAYBE
    assert verdict(matcher, "\n".join(addresses[:8])) is Verdict.LIKELY
    assert verdict(matcher, "\n".join(addresses[:8:-1])) is Verdict.MAYBE
    assert verdict(matcher, "\nsomebody else\n".join(addresses[0:24:3])) is Verdict.LIKELY
    assert verdict(matcher, "\n".join(addresses[0:30:4])) is Verdict.MAYBE
    twice = [address for address in addresses[:8] for _ in range(2)]
    assert verdict(matcher, "\n".join(twice)) is Verdict.LIKELY
    assert verdict(matcher, "\n".join(twice[:14])) is Verdict.MAYBE
    assert verdict(matcher, "nobody@example.org\n") is None


def test_source_order_is_seen_across_blocks(matcher: FingerprintMatcher) -> None:
    scan = matcher.scan()
    for n in range(10, 18):
        scan.feed(*lines(f"p{n:03}@example.org\n".encode()))
    assert scan.evidence().verdict is Verdict.LIKELY


def test_source_order_that_breaks_off_in_a_later_block(matcher: FingerprintMatcher) -> None:
    addresses = [f"p{n:03}@example.org" for n in (10, 11, 12, 13, 14, 15, 16, 17, 2)]
    for count, expected in ((9, Verdict.LIKELY), (8, Verdict.MAYBE)):
        scan = matcher.scan()
        chosen = addresses[-count:]
        scan.feed(*lines("\n".join(chosen[:4]).encode()))
        scan.feed(*lines("\n".join(chosen[4:]).encode()))
        assert scan.evidence().verdict is expected


def test_the_reference_matcher_agrees_on_plain_text(matcher: FingerprintMatcher) -> None:
    ascii_only = [value for value in PRIVATE[:6] if value.isascii()]
    reference = ReferenceMatcher(ascii_only, [p for p in PERSON if p.isascii()]).scan()
    block, ends = lines(
        "".join(f'"{p}",{q}\n{q}\n\nx,y\n' for p in ascii_only for q in PERSON[:3]).encode()
    )
    scan = matcher.scan()
    assert scan.feed(block, ends) == reference.feed(block, ends)


def test_a_matcher_travels_and_opens_the_same_catalogue(
    matcher: FingerprintMatcher, path: Path
) -> None:
    there = pickle.loads(pickle.dumps(matcher))
    assert there.commitment == matcher.commitment
    assert verdict(there, UUID) is Verdict.COPY
    unopened = FingerprintMatcher(path, KEY)
    assert pickle.loads(pickle.dumps(unopened)).commitment == matcher.commitment
    assert KEY.hex() not in repr(unopened)
    assert "\\x1e" not in repr(unopened)


def test_a_matcher_that_travels_refuses_another_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "fingerprint"
    matcher = enrolled(file, TABLE, ROLES)
    assert matcher.commitment
    travelling = pickle.dumps(matcher)
    enrolled(file, Table(("respondent_id",), [(UUID,)]), {})
    with pytest.raises(CatalogueDamaged, match="taken anew"):
        pickle.loads(travelling).scan()


def test_what_is_not_enrolled_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled) as caught:
        FingerprintMatcher(tmp_path / "nothing", KEY).scan()
    assert caught.value.exit_code == 2


def test_the_digest_is_keyed(matcher: FingerprintMatcher, path: Path) -> None:
    def digest(by: FingerprintMatcher, *parts: bytes) -> str:
        digest = by.digest()
        for part in parts:
            digest.update(part)
        return digest.hexdigest()

    assert len(digest(matcher, b"content")) == 32
    assert digest(matcher, b"con", b"tent") == digest(matcher, b"content")
    assert digest(matcher, b"content") != digest(FingerprintMatcher(path, bytes(32)), b"content")


def test_an_unknown_route_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROUTE, "abacus")
    with pytest.raises(UsageError, match="abacus"):
        FingerprintMatcher(path, KEY).scan()
