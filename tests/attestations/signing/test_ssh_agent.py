"""A key in an SSH agent: OpenSSH's own, and one that answers nonsense."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from attestations import KeyUnusable, Verdict, verify
from attestations.signing.ssh_agent import AgentSigner
from tests.attestations import made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "id"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", path], check=True
    )
    return path


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """An agent of our own, with no key in it."""
    where = tmp_path / "agent"
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", where], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()  # the socket is there
        yield where
        running.terminate()


def add(agent: Path, key: Path) -> None:
    subprocess.run(
        ["ssh-add", "-q", key], env={"SSH_AUTH_SOCK": str(agent), "PATH": "/usr/bin"}, check=True
    )


@pytest.mark.needs("ssh-agent")
def test_an_agent_signs_what_an_auditor_accepts(agent: Path, key: Path) -> None:
    add(agent, key)
    signer = AgentSigner(str(agent), key.with_suffix(".pub").read_text())
    report = verify(made.bundle(signers=[signer]).to_bytes(), made.policy(signer), now=made.NOW)
    assert report.authentic is Verdict.VALID


@pytest.mark.needs("ssh-agent")
def test_a_key_that_the_agent_does_not_hold_is_told(agent: Path, key: Path) -> None:
    with pytest.raises(KeyUnusable, match="does not sign with this key") as caught:
        AgentSigner(str(agent), key.with_suffix(".pub").read_text())
    assert "ssh-add" in caught.value.hint


@pytest.mark.needs("ssh-agent")
def test_a_statement_that_no_agent_takes_is_told_before(agent: Path, key: Path) -> None:
    add(agent, key)
    signer = AgentSigner(str(agent), key.with_suffix(".pub").read_text())
    signer.sign(bytes(250_000))
    with pytest.raises(KeyUnusable, match="too long"):
        signer.sign(bytes(2**18))


LINE = "ssh-ed25519 " + "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


def test_an_agent_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="No such file") as caught:
        AgentSigner(str(tmp_path / "none"), LINE)
    assert "SSH_AUTH_SOCK" in caught.value.hint


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def _response(kind: bytes, signature: bytes, after: bytes = b"") -> bytes:
    return _framed(b"\x0e" + _framed(_framed(kind) + _framed(signature)) + after)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x09\x0e",
        _framed(b"\x05"),
        _framed(b"\x0e"),
        _framed(b"\x0e\0\0\0\xff"),
        _response(b"ssh-ed25519", bytes(64)),
        _response(b"ssh-ed25519", bytes(63)),
        _response(b"ssh-ed25519", bytes(64), b"more"),
        _response(b"ecdsa-sha2-nistp256", bytes(64)),
    ],
)
def test_an_agent_that_answers_nonsense_is_not_believed(tmp_path: Path, answer: bytes) -> None:
    where = tmp_path / "agent"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(where))
        server.listen(1)

        def once() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        with pytest.raises(KeyUnusable):
            AgentSigner(str(where), LINE)
        thread.join()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 %%%",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ==",
        "ssh-rsa " + LINE.split()[1],
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAQE=",
    ],
)
def test_a_line_that_is_no_ed25519_key_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(KeyUnusable, match="not a line of ssh-ed25519"):
        AgentSigner(str(tmp_path / "agent"), line)
