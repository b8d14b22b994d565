"""Signed notes: the published examples, OpenSSL as a second verifier, and what is refused."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import Code, PolicyRefused, Refused
from attestations.errors import LogRefused
from attestations.keys import PublicKey
from attestations.log import Kind, Note, NoteSigner, VerifierKey
from attestations.log.note import MAX_NOTE, MAX_SIGNATURES
from tests.attestations.log.making import LOG, ORIGIN, SECONDS, W1, head_note
from tests.attestations.made import ed25519_signer, p256_signer

TEXT = b"a text\n\nwith an empty line\n"

# The example of the specification, "Verifier keys".
PUBLISHED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED = """\
This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
""".encode()


def refusal(data: bytes) -> Code:
    with pytest.raises(Refused) as caught:
        Note.from_bytes(data)
    return caught.value.verdict


def test_the_published_example_is_read_verified_and_written_as_it_was() -> None:
    key = VerifierKey.parse(PUBLISHED_KEY)
    note = Note.from_bytes(PUBLISHED)
    assert [signed.key for signed in note.verify([key])] == [key]
    assert note.to_bytes() == PUBLISHED
    assert str(key) == PUBLISHED_KEY


def test_a_note_reads_as_it_was_written() -> None:
    note = head_note(TEXT, [W1])
    assert Note.from_bytes(note.to_bytes()) == note
    keys = [LOG.key, W1.key]
    assert [(s.key, s.at) for s in note.verify(keys)] == [(LOG.key, 0), (W1.key, SECONDS)]


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("signer", [LOG, W1], ids=["log", "witness"])
def test_openssl_verifies_the_signatures(signer: NoteSigner, tmp_path: Path) -> None:
    """Over the bytes that the specifications name, put together here a second time."""
    signature = signer.sign(TEXT, at=SECONDS)
    message = TEXT
    body = signature.body
    if signer is W1:
        assert int.from_bytes(body[:8], "big") == SECONDS
        message, body = f"cosignature/v1\ntime {SECONDS}\n".encode() + TEXT, body[8:]
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "sig").write_bytes(body)
    (tmp_path / "key").write_text(signer.key.key.pem)
    command = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "key",
        "-rawin",
        "-in",
        "message",
        "-sigfile",
        "sig",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (tmp_path / "message").write_bytes(message + b" ")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


GOOD = head_note(TEXT).to_bytes()
LINE = GOOD.rpartition(b"\n\n")[2]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        TEXT + b"\n",
        b"\n" + LINE,  # no empty line below the text
        GOOD.removesuffix(b"\n"),
        GOOD + b"\n",
        GOOD + b"not a signature\n",
        GOOD.replace(b"a text", b"a\ttext"),
        GOOD.replace(b"a text", b"a\x00text"),
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"a text", b"a \xff"),
        GOOD.replace("— ".encode(), b"- "),
        GOOD.replace("— ".encode(), "—  ".encode()),
        GOOD.replace("— ".encode(), "—\u00a0".encode()),
        GOOD.replace(ORIGIN.encode(), b"ex+ample"),
        GOOD.replace(ORIGIN.encode(), "ex\u2003ample".encode()),
        GOOD.replace(ORIGIN.encode(), b""),
        GOOD.removesuffix(b"\n") + b" \n",
        GOOD.removesuffix(b"=\n") + b"\n",
        GOOD.removesuffix(b"\n") + b"=\n",
        TEXT + b"\n" + f"— {ORIGIN} {base64.b64encode(b'1234').decode()}\n".encode(),
        TEXT + b"\n" + f"— {ORIGIN} -___\n".encode(),
        TEXT + b"\n" + LINE * (MAX_SIGNATURES + 1),
        b"x" * MAX_NOTE + b"\n\n" + LINE,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    assert refusal(data) == Code.E_LOG_PARSE


def test_unknown_keys_are_left_aside_and_known_ones_must_hold() -> None:
    stranger = NoteSigner(ORIGIN, Kind.LOG, ed25519_signer(60))  # the same name, another key
    note = Note(TEXT, (stranger.sign(TEXT), LOG.sign(TEXT)))
    assert [s.key for s in note.verify([LOG.key])] == [LOG.key]
    assert note.verify([W1.key]) == ()
    failing = LOG.sign(b"another text\n")
    for lines in ((failing,), (failing, W1.sign(TEXT, at=1)), (LOG.sign(TEXT), failing)):
        with pytest.raises(LogRefused) as caught:
            Note(TEXT, lines).verify([LOG.key, W1.key])
        assert caught.value.verdict == Code.E_LOG_SIG


def test_a_signature_of_one_kind_is_none_of_the_other() -> None:
    """The same key as a log's and as a witness's has two IDs; neither can be passed off."""
    both = ed25519_signer(61)
    as_log, as_witness = (NoteSigner("one", kind, both) for kind in Kind)
    assert as_log.key.id != as_witness.key.id
    note = Note(TEXT, (as_log.sign(TEXT),))
    assert note.verify([as_witness.key]) == ()
    from attestations.log import Signature

    dressed = Signature("one", as_witness.key.id, bytes(8) + as_log.sign(TEXT).body)
    with pytest.raises(LogRefused):
        Note(TEXT, (dressed,)).verify([as_witness.key])


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 71, 73])
def test_a_cosignature_has_a_time_and_64_bytes(cut: int) -> None:
    from attestations.log import Signature

    body = (W1.sign(TEXT, at=SECONDS).body + b"xx")[:cut]
    with pytest.raises(LogRefused) as caught:
        Note(TEXT, (Signature(W1.key.name, W1.key.id, body),)).verify([W1.key])
    assert caught.value.verdict == Code.E_LOG_SIG


def test_the_time_of_a_cosignature_is_signed() -> None:
    from attestations.log import Signature

    body = W1.sign(TEXT, at=SECONDS).body
    moved = (SECONDS + 1).to_bytes(8, "big") + body[8:]
    with pytest.raises(LogRefused):
        Note(TEXT, (Signature(W1.key.name, W1.key.id, moved),)).verify([W1.key])
    twice = Note(TEXT, (W1.sign(TEXT, at=SECONDS), W1.sign(TEXT, at=SECONDS - 5)))
    assert [s.at for s in twice.verify([W1.key])] == [SECONDS - 5]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.E_POLICY),
        ("name", Code.E_POLICY),
        (PUBLISHED_KEY.replace("530d903a", "530D903A"), Code.E_POLICY),
        (PUBLISHED_KEY.replace("530d903a", "530d903b"), Code.E_POLICY),
        (PUBLISHED_KEY.replace("foo", "bar"), Code.E_POLICY),
        (PUBLISHED_KEY + "\n", Code.E_POLICY),
        (PUBLISHED_KEY + "=", Code.E_POLICY),
        (PUBLISHED_KEY.replace("/foo", "/f oo"), Code.E_POLICY),
        ("example.com/foo+530d903a+" + base64.b64encode(b"\x02" + bytes(32)).decode(), Code.E_POLICY),
        ("example.com/foo+530d903a+" + base64.b64encode(b"\x01" + bytes(31)).decode(), Code.E_POLICY),
        ("example.com/foo+530d903a+" + base64.b64encode(b"\x01" + bytes(32)).decode(), Code.E_WEAK_KEY),
    ],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text: str, code: Code) -> None:
    with pytest.raises(PolicyRefused) as caught:
        VerifierKey.parse(text)
    assert caught.value.verdict == code


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "x" * 201])
def test_a_signer_needs_a_name_that_can_stand_in_a_line(name: str) -> None:
    with pytest.raises(PolicyRefused):
        NoteSigner(name, Kind.LOG, ed25519_signer())


def test_only_ed25519_signs_notes_and_a_witness_says_when() -> None:
    with pytest.raises(PolicyRefused):
        NoteSigner("name", Kind.LOG, p256_signer())
    with pytest.raises(ValueError, match="time"):
        W1.sign(TEXT)


@given(
    st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20), st.integers(1, 99)
)
def test_a_verifier_key_reads_as_it_was_written(name: str, seed: int) -> None:
    if "+" in name:
        return
    key = NoteSigner(name, Kind.WITNESS, ed25519_signer(seed)).key
    assert VerifierKey.parse(str(key)) == key
    assert PublicKey.from_spki(key.key.spki) == key.key
