"""Key files as ssh-keygen makes them, and lines of its public keys."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from unittest import mock

import pytest

from attestations import Algorithm, KeyFileSigner, KeyUnusable, PolicyRefused, PublicKey

pytestmark = pytest.mark.needs("ssh-agent")

HEAD, TAIL = "-----BEGIN OPENSSH PRIVATE KEY-----", "-----END OPENSSH PRIVATE KEY-----"


def made(folder: Path, kind: str = "ed25519", passphrase: str = "", *more: str) -> Path:
    path = folder / f"id_{kind}"
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "staff-17", *more]
    subprocess.run([*words, "-f", path], check=True, stdin=subprocess.DEVNULL)
    return path


def public(path: Path) -> str:
    return path.with_suffix(".pub").read_text()


@pytest.mark.parametrize("passphrase", ["", "correct horse"], ids=["bare", "passphrase"])
@pytest.mark.parametrize(
    ("kind", "algorithm"), [("ed25519", Algorithm.ED25519), ("ecdsa", Algorithm.ECDSA_P256)]
)
def test_a_key_of_ssh_keygen_signs_and_its_line_verifies(
    tmp_path: Path, kind: str, algorithm: Algorithm, passphrase: str
) -> None:
    path = made(tmp_path, kind, passphrase)
    signer = KeyFileSigner.load(path, passphrase=passphrase.encode() or None)
    assert signer.public_key.algorithm is algorithm
    of_line = PublicKey.from_text(public(path))
    assert of_line == signer.public_key == PublicKey.from_text(signer.public_key.pem)
    of_line.verify(signer.sign(b"message"), b"message")


@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_passphrases_are_asked_for_and_checked(tmp_path: Path, cipher: str) -> None:
    guarded = made(tmp_path, "ed25519", "correct horse", "-Z", cipher)
    with pytest.raises(KeyUnusable, match="is encrypted"):
        KeyFileSigner.load(guarded)
    with pytest.raises(KeyUnusable, match="wrong passphrase"):
        KeyFileSigner.load(guarded, passphrase=b"battery staple")
    signer = KeyFileSigner.load(guarded, passphrase=b"correct horse")
    assert signer.public_key == PublicKey.from_text(public(guarded))
    bare = made(tmp_path, "ecdsa")
    with pytest.raises(KeyUnusable, match="no passphrase"):
        KeyFileSigner.load(bare, passphrase=b"correct horse")


def test_a_passphrase_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    path = made(tmp_path, "ed25519", "correct horse")
    with (
        mock.patch("attestations.signers.find_spec", return_value=None),
        pytest.raises(KeyUnusable, match="an extra that is not installed") as caught,
    ):
        KeyFileSigner.load(path, passphrase=b"correct horse")
    assert caught.value.hint == "pip install 'shredder-toolkit[ssh]'"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_a_key_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = made(tmp_path)
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match="by others"):
        KeyFileSigner.load(path)


@pytest.mark.parametrize(("kind", "bits"), [("rsa", "3072"), ("ecdsa", "384")])
def test_other_algorithms_are_refused(tmp_path: Path, kind: str, bits: str) -> None:
    path = made(tmp_path, kind, "", "-b", bits)
    with pytest.raises(KeyUnusable, match="neither Ed25519 nor ECDSA P-256"):
        KeyFileSigner.load(path)
    with pytest.raises(PolicyRefused, match="neither a PEM public key nor a line"):
        PublicKey.from_text(public(path))


def string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def security_key(folder: Path) -> tuple[Path, str]:
    """What ssh-keygen -t ed25519-sk leaves (PROTOCOL.u2f): no machine of a test has a token."""
    kind, application = b"sk-ssh-ed25519@openssh.com", string(b"ssh:")
    blob = string(kind) + string(os.urandom(32)) + application
    check = os.urandom(4) * 2
    private = check + blob + b"\x01" + string(b"handle") + string(b"") + string(b"staff-17")
    private += bytes(range(1, -len(private) % 8 + 1))
    body = b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"")
    body += (1).to_bytes(4, "big") + string(blob) + string(private)
    path = folder / "id_ed25519_sk"
    path.write_text(f"{HEAD}\n{base64.encodebytes(body).decode()}{TAIL}\n")
    path.chmod(0o600)
    return path, f"{kind.decode()} {base64.b64encode(blob).decode()} staff-17"


def test_a_security_key_is_refused_by_its_name(tmp_path: Path) -> None:
    path, line = security_key(tmp_path)
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[:2] == line.split()[:2]  # it is one
    with pytest.raises(KeyUnusable, match="of a security key") as caught:
        KeyFileSigner.load(path)
    assert "ssh-keygen -t ed25519" in caught.value.hint
    with pytest.raises(PolicyRefused, match="neither a PEM public key nor a line"):
        PublicKey.from_text(line)


@pytest.mark.parametrize("spoil", ["cut", "junk", "empty", "no end"])
def test_what_is_no_openssh_key_is_refused(tmp_path: Path, spoil: str) -> None:
    path = made(tmp_path)
    text = path.read_text()
    path.write_text(
        {
            "cut": f"{HEAD}\n{text.splitlines()[1][:40]}\n{TAIL}\n",
            "junk": f"{HEAD}\nA*A\n{TAIL}\n",
            "empty": f"{HEAD}\n{TAIL}\n",
            "no end": text.replace(TAIL, ""),
        }[spoil]
    )
    with pytest.raises(KeyUnusable, match="nor an OpenSSH one"):
        KeyFileSigner.load(path)


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "nonsense", "ssh-ed25519 \u00e9"]
)
def test_what_is_no_line_of_a_public_key_is_refused(line: str) -> None:
    with pytest.raises(PolicyRefused):
        PublicKey.from_text(line)
