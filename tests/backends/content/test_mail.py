"""Mail as Python's email package writes it: every part is examined, in the characters it means."""

# ruff: noqa: SIM300 - expected == actual, throughout

from __future__ import annotations

import base64
import gzip
import io
import mailbox
import quopri
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from backends.content import Limits, examine_stream
from backends.reference import ReferenceMatcher
from tests.backends.content.wrapping import (
    FOREIGN,
    IDS,
    MATCHER,
    TEXT,
    Dribble,
    read,
    record,
    zipped,
)


def message(subject: str = "hello") -> EmailMessage:
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = "someone@example.com"
    made["To"] = "team@example.com"
    made["Subject"] = subject
    made["Message-ID"] = "<1@example.com>"
    return made


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "8bit", "7bit"])
@pytest.mark.parametrize("step", [11, 1 << 20])
def test_a_body_in_every_transfer_encoding(encoding: str, step: int) -> None:
    mail = message()
    mail.set_content(TEXT.decode(), cte=encoding)
    reading = read(bytes(mail), step=step)
    assert (200, "", ("eml",)) == (reading.evidence.records, reading.reason, reading.layers)


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [("base64", "utf-16")]
    + [(e, c) for e in ("quoted-printable", "base64") for c in ("utf-8", "iso-8859-1", "cp1252")],
)
def test_a_body_in_every_charset(encoding: str, charset: str) -> None:
    value = "façade-für-77"
    mail = message()
    text = f"one\n\n{value}\n" + "näch\n" * 900
    raw = text.encode(charset)
    mail["Content-Type"] = f'text/plain; charset="{charset}"'
    mail["Content-Transfer-Encoding"] = encoding
    packed = base64.encodebytes(raw) if encoding == "base64" else quopri.encodestring(raw)
    mail.set_payload(packed.decode("ascii"))
    reading = examine_stream(Dribble(mail.as_bytes(), 500), ReferenceMatcher([value], []))
    assert (1, "") == (reading.evidence.records, reading.reason)


def test_long_words_broken_by_quoted_printable_are_whole() -> None:
    mail = message()
    text = "".join("x" * n + f" {record(n).decode()}" for n in range(76))
    mail.set_content(text + "é", cte="quoted-printable")
    assert any(b"resp%08d" % n not in bytes(mail) for n in range(76))
    assert 76 == read(bytes(mail)).evidence.records


def test_attachments_are_opened_in_their_turn() -> None:
    mail = message()
    mail.set_content("see the files")
    mail.add_alternative("<p>resp00000005</p>", subtype="html")
    mail.add_attachment(
        gzip.compress(record(1)), maintype="application", subtype="gzip", filename="a.gz"
    )
    mail.add_attachment(record(2).decode(), subtype="csv", filename="b.csv")
    mail.add_attachment(zipped(x=record(3)), maintype="application", subtype="zip", filename="c")
    inner = message("inner")
    inner.set_content(record(4).decode())
    mail.add_attachment(inner)
    reading = read(bytes(mail), step=777)
    assert (5, "") == (reading.evidence.records, reading.reason)
    assert {"eml", "gzip", "zip"} == set(reading.layers)


def test_encoded_words_in_a_header_are_read() -> None:
    value = "façade-für-77"
    mail = message(f"Prüfung von {value} und mehr, für größere Übungen")
    mail.set_content("nothing")
    assert value.encode() not in bytes(mail)
    reading = examine_stream(io.BytesIO(bytes(mail)), ReferenceMatcher([value], []))
    assert 1 == reading.evidence.records


@pytest.mark.parametrize("step", [100, 1 << 20])
def test_an_mbox_streams_message_by_message(tmp_path: Path, step: int) -> None:
    box = mailbox.mbox(tmp_path / "box")
    for number in range(200):
        mail = message(f"number {number}")
        mail.set_content(f"From here on\n\n{record(number).decode()}", cte="base64")
        box.add(mail)
    box.close()
    data = (tmp_path / "box").read_bytes()
    reading = read(data, step=step, limits=Limits(memory=1, members=20))
    assert (200, "") == (reading.evidence.records, reading.reason)
    assert ("mbox", "eml") == reading.layers


def test_what_stands_around_the_parts_is_read() -> None:
    mail = message()
    mail.set_content("hello")
    mail.make_mixed()
    mail.preamble = "resp00000001"
    mail.epilogue = "resp00000002"
    assert 2 == read(bytes(mail)).evidence.records


def test_a_cut_message_is_read_to_its_end() -> None:
    mail = message()
    mail.set_content("hello")
    mail.add_attachment(TEXT, maintype="application", subtype="octet-stream", filename="a.csv")
    data = bytes(mail)
    reading = read(data[: len(data) // 2])
    assert "damaged-container" == reading.reason
    assert 50 < reading.evidence.records < 150


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ('multipart/encrypted; protocol="application/pgp-encrypted"; boundary=x', "encrypted"),
        ("application/pkcs7-mime; smime-type=enveloped-data", "encrypted"),
        ("application/x-pkcs7-mime", "encrypted"),
        ("application/pkcs7-mime; smime-type=signed-data", "container-not-opened"),
        ("multipart/signed; boundary=x", ""),
    ],
)
def test_encrypted_mail_is_named(kind: str, reason: str) -> None:
    data = f"To: a@example.com\nSubject: x\nContent-Type: {kind}\n\n--x\n\n{IDS[1]}\n--x--\n"
    reading = read(data.encode())
    assert (reason, 1) == (reading.reason, reading.evidence.records)


def test_messages_in_messages_are_bounded() -> None:
    data = b"".join(
        b"To: a@example.com\nSubject: x\nContent-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
        % (n, n)
        for n in range(500)
    )
    assert "bomb-limit" == read(data + record(1)).reason


def test_a_text_with_a_colon_in_its_lines_is_a_text() -> None:
    for text in (
        b"name: x\nemail: y\n\n",
        b"To whom it may concern: hello\n\n",
        b"From Paris: 2018\n",
    ):
        assert () == read(text + FOREIGN).layers


def test_a_message_without_end_of_line_is_bounded() -> None:
    data = b"To: a@example.com\nSubject: x\n\n" + b"resp00000001," * 300_000
    reading = examine_stream(io.BytesIO(data), MATCHER)
    assert (1, "") == (reading.evidence.records, reading.reason)
