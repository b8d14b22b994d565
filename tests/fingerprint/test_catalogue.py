"""What lies on disk: sealed, durable, and without a token in any form but its keyed hash."""

from __future__ import annotations

import hashlib
import hmac
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from shredder.fingerprint import (
    CatalogueDamaged,
    FingerprintMatcher,
    NotEnrolled,
    Role,
    enrol,
    unfinished,
)
from shredder.fingerprint import catalogue as module
from shredder.fingerprint.keys import derive
from shredder.fingerprint.siphash import siphash24
from tests.fingerprint.made import KEY, Table, enrolled

IDS = [f"resp-{n:06d}-x7" for n in range(200)]
EMAILS = [f"person{n}@example.org" for n in range(200)]
TABLE = Table(("respondent_id", "email"), list(zip(IDS, EMAILS, strict=True)))
ROLES = {"respondent_id": Role.PRIVATE, "email": Role.PERSON}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "fingerprint"
    enrol([TABLE], roles=ROLES, key=KEY, path=path)
    return path


def test_it_is_for_its_owner_alone_and_nothing_else_is_left(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_any_flipped_byte_is_an_error(path: Path) -> None:
    sound = path.read_bytes()
    everywhere = {*range(0, len(sound), len(sound) // 150), *range(12), len(sound) - 1}
    for at in sorted(everywhere):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        with pytest.raises(CatalogueDamaged) as caught:
            FingerprintMatcher(path, KEY).scan()
        assert caught.value.exit_code == 8
    path.write_bytes(sound)
    assert FingerprintMatcher(path, KEY).report.records == 200


@pytest.mark.parametrize("keep", [0, 1, 31, 32, 33, 500, -1])
def test_a_cut_catalogue_is_an_error(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CatalogueDamaged):
        FingerprintMatcher(path, KEY).scan()


def test_another_key_is_an_error(path: Path) -> None:
    with pytest.raises(CatalogueDamaged, match="another key"):
        FingerprintMatcher(path, bytes(32)).scan()


def test_another_version_is_said_to_be_one(path: Path) -> None:
    content = path.read_bytes()[:-32].replace(b"SHRDFP\x00\x02", b"SHRDFP\x00\x01")
    seal = hmac.digest(derive(KEY).seal, content, "sha256")
    path.write_bytes(content + seal)
    with pytest.raises(CatalogueDamaged, match="another version"):
        FingerprintMatcher(path, KEY).scan()


def test_what_cannot_be_read_is_not_taken_for_missing(path: Path) -> None:
    path.unlink()
    path.mkdir()
    with pytest.raises(CatalogueDamaged, match="cannot be read"):
        FingerprintMatcher(path, KEY).scan()


def test_it_holds_no_token_but_under_the_key(path: Path) -> None:
    raw = path.read_bytes()
    keyed = derive(KEY).tokens
    for value in [*IDS, *EMAILS]:
        token = value.encode()
        assert (
            siphash24(keyed, token).to_bytes(8, "little") in raw
        )  # the search finds what is there
        for form in unkeyed(token):
            assert form not in raw
            assert form.hex().encode() not in raw


def unkeyed(token: bytes) -> Iterator[bytes]:
    yield token
    yield token.upper()
    yield token[:8]
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s"):
        yield hashlib.new(name, token).digest()[:8]
    for key in (bytes(16), KEY[:16], KEY[16:]):
        value = siphash24(key, token)
        yield value.to_bytes(8, "little")
        yield value.to_bytes(8, "big")


def test_the_key_is_not_in_it(path: Path) -> None:
    raw = path.read_bytes()
    keys = derive(KEY)
    for secret in (KEY, keys.tokens, keys.rows, keys.seal, keys.content):
        assert secret[:8] not in raw
        assert secret.hex().encode() not in raw


def test_the_commitment_is_the_seal_and_follows_content_and_key(path: Path, tmp_path: Path) -> None:
    first = FingerprintMatcher(path, KEY).commitment
    assert first == "sha256:" + path.read_bytes()[-32:].hex()
    again = enrolled(tmp_path / "again", TABLE, ROLES).commitment
    fewer = enrolled(tmp_path / "fewer", Table(TABLE.columns, TABLE.rows[1:]), ROLES).commitment
    enrol([TABLE], roles=ROLES, key=bytes(32), path=tmp_path / "other")
    other = FingerprintMatcher(tmp_path / "other", bytes(32)).commitment
    assert again == first
    assert len({first, fewer, other}) == 3


def test_a_full_disk_leaves_the_earlier_catalogue(path: Path) -> None:
    before = path.read_bytes()
    more = Table(TABLE.columns, [(f"other-{n:06d}-y8", None) for n in range(5000)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            enrol([more], roles=ROLES, key=KEY, path=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert not unfinished(path).exists()


def test_what_a_crash_left_is_overwritten(path: Path) -> None:
    unfinished(path).write_bytes(b"half a catalogue" * 10_000)
    enrol([TABLE], roles=ROLES, key=KEY, path=path)
    assert not unfinished(path).exists()
    assert FingerprintMatcher(path, KEY).report.records == 200


def test_a_link_in_its_place_is_not_followed(path: Path) -> None:
    victim = path.with_name("victim")
    victim.write_text("precious")
    unfinished(path).symlink_to(victim)
    with pytest.raises(OSError):
        enrol([TABLE], roles=ROLES, key=KEY, path=path)
    assert victim.read_text() == "precious"


def test_without_records_it_is_empty_and_sound(tmp_path: Path) -> None:
    matcher = enrolled(tmp_path / "empty", Table(("respondent_id",), []), {})
    scan = matcher.scan()
    scan.feed(b"anything at all\n", [16])
    assert matcher.report.records == 0
    assert scan.evidence().verdict is None


def test_a_missing_catalogue_is_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled):
        module.read(tmp_path / "none", derive(KEY).seal)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive(b"short")


def test_each_purpose_has_its_own_key() -> None:
    keys = derive(KEY)
    assert len({keys.tokens, keys.rows[:16], keys.seal[:16], keys.content[:16]}) == 4
    assert str(keys.tokens) not in repr(keys)
