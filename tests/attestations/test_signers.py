"""The key file: made once, for its owner alone, refused if anyone else can touch it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attestations import Algorithm, KeyFileSigner, KeyUnusable
from tests.support.mounts import unmount


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("passphrase", [None, b"correct horse"], ids=["bare", "passphrase"])
def test_a_key_signs_after_it_was_made_and_read_back(
    tmp_path: Path, algorithm: Algorithm, passphrase: bytes | None
) -> None:
    path = tmp_path / "signing.pem"
    made = KeyFileSigner.create(path, algorithm=algorithm, passphrase=passphrase)
    read = KeyFileSigner.load(path, passphrase=passphrase)
    assert made.public_key == read.public_key
    made.public_key.verify(read.sign(b"message"), b"message")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (b"ENCRYPTED" in path.read_bytes()) == (passphrase is not None)


def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        KeyFileSigner.create(tmp_path / "open.pem")
        os.umask(0o777)
        KeyFileSigner.create(tmp_path / "shut.pem")
    finally:
        os.umask(before)
    for name in ("open.pem", "shut.pem"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    KeyFileSigner.create(path)
    before = path.read_bytes()
    with pytest.raises(KeyUnusable, match="exists already"):
        KeyFileSigner.create(path)
    assert before == path.read_bytes()


def test_a_dangling_link_in_the_keys_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "signing.pem").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyUnusable):
        KeyFileSigner.create(tmp_path / "signing.pem")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o610, 0o666])
def test_a_key_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "signing.pem"
    KeyFileSigner.create(path)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="by others") as caught:
        KeyFileSigner.load(path)
    assert "600" in caught.value.hint


def test_passphrases_are_asked_for_and_checked(tmp_path: Path) -> None:
    bare, guarded = tmp_path / "bare.pem", tmp_path / "guarded.pem"
    KeyFileSigner.create(bare)
    KeyFileSigner.create(guarded, passphrase=b"correct horse")
    with pytest.raises(KeyUnusable, match="is encrypted"):
        KeyFileSigner.load(guarded)
    with pytest.raises(KeyUnusable, match="no passphrase"):
        KeyFileSigner.load(bare, passphrase=b"correct horse")
    with pytest.raises(KeyUnusable, match="wrong passphrase"):
        KeyFileSigner.load(guarded, passphrase=b"battery staple")
    with pytest.raises(KeyUnusable, match="empty"):
        KeyFileSigner.create(tmp_path / "new.pem", passphrase=b"")
    assert not (tmp_path / "new.pem").exists()


def test_what_is_no_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"

    def refused(match: str) -> None:
        with pytest.raises(KeyUnusable, match=match):
            KeyFileSigner.load(path)

    refused("No such file")
    os.mkfifo(path, 0o600)
    refused("regular file")
    path.unlink()
    path.mkdir(mode=0o700)
    refused("regular file|Is a directory")
    path.rmdir()
    for content in (
        b"",
        b"nonsense",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        refused("neither a PKCS#8 PEM key nor an OpenSSH one")
    path.write_bytes(b"x" * 70_000)
    refused("too long")
    key = rsa.generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    refused("neither Ed25519 nor ECDSA")


def test_a_link_to_a_key_is_not_followed(tmp_path: Path) -> None:
    KeyFileSigner.create(tmp_path / "real.pem")
    (tmp_path / "link.pem").symlink_to(tmp_path / "real.pem")
    with pytest.raises(KeyUnusable):
        KeyFileSigner.load(tmp_path / "link.pem")


def test_a_missing_directory_is_named_by_its_cause(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="No such file"):
        KeyFileSigner.create(tmp_path / "nowhere" / "signing.pem")


@pytest.mark.needs("root")
def test_a_full_disk_leaves_no_torn_key(tmp_path: Path) -> None:
    """A key file cut short would stand in the way of the next attempt."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", disk], check=True)
    try:
        (disk / "filler").write_bytes(b"x" * 4096)
        with pytest.raises(KeyUnusable, match="No space"):
            KeyFileSigner.create(disk / "signing.pem")
        assert not (disk / "signing.pem").exists()
    finally:
        unmount(disk)


@pytest.mark.needs("openssl")
def test_openssl_reads_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    signer = KeyFileSigner.create(path, passphrase=b"correct horse")
    done = subprocess.run(
        ["openssl", "pkey", "-in", path, "-passin", "pass:correct horse", "-pubout"],
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == signer.public_key.pem
