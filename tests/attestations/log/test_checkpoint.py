"""Heads of logs: one way to write each."""

from __future__ import annotations

import base64
import hashlib

import pytest

from attestations import Code, Refused
from attestations.log import Checkpoint, Note, open_checkpoint
from attestations.log.checkpoint import MAX_SIZE
from tests.attestations.log.making import LOG, W1, W2, head_note

ROOT = hashlib.sha256(b"root").digest()
ROOT64 = base64.b64encode(ROOT).decode()
EMPTY64 = base64.b64encode(hashlib.sha256(b"").digest()).decode()


@pytest.mark.parametrize(
    ("text", "head"),
    [
        (f"o\n7\n{ROOT64}\n", Checkpoint("o", 7, ROOT)),
        (f"o\n{MAX_SIZE}\n{ROOT64}\n", Checkpoint("o", MAX_SIZE, ROOT)),
        (f"o\n0\n{EMPTY64}\n", Checkpoint("o", 0, hashlib.sha256(b"").digest())),
        (f"o p\n7\n{ROOT64}\nmore\nlines\n", Checkpoint("o p", 7, ROOT, ("more", "lines"))),
    ],
)
def test_a_head_reads_as_it_was_written(text: str, head: Checkpoint) -> None:
    assert Checkpoint.from_text(text.encode()) == head
    assert head.to_text() == text.encode()


@pytest.mark.parametrize("size", ["1_000", "\uff11\uff10", "\u0661", "07", "+7", "-7", " 7", "7 ", "7.0", "7e0", "0x7", "", "00", str(MAX_SIZE + 1), "9" * 5000])  # fmt: skip
def test_a_size_that_is_no_plain_decimal_is_refused(size: str) -> None:
    with pytest.raises(Refused) as caught:
        Checkpoint.from_text(f"o\n{size}\n{ROOT64}\n".encode())
    assert caught.value.verdict == Code.E_LOG_PARSE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "o\n7\n",
        f"o\n7\n{ROOT64}",
        f"\n7\n{ROOT64}\n",
        f"o\n7\n{ROOT64}\n\n",
        f"o\n7\n{ROOT64}\nmore\n\n",
        f"o\n7\n{ROOT64.replace('=', '')}\n",
        f"o\n7\n{ROOT64} \n",
        f"o\n7\n{base64.b64encode(ROOT[:31]).decode()}\n",
        f"o\n7\n{base64.b64encode(ROOT + b'x').decode()}\n",
        f"o\n7\n{'_' * 42}8=\n",  # the other alphabet of base64
        f"o\n0\n{ROOT64}\n",  # nothing, with a root of something
    ],
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        Checkpoint.from_text(text.encode())
    assert caught.value.verdict == Code.E_LOG_PARSE


def test_a_head_needs_its_logs_signature_and_tells_who_witnessed_it() -> None:
    text = Checkpoint("o", 7, ROOT).to_text()
    head, witnesses = open_checkpoint(head_note(text, [W1, W2]), [LOG.key], [W2.key])
    assert (head.size, [each.key for each in witnesses]) == (7, [W2.key])
    witnessed = Note(text, (W1.sign(text, at=1),))
    for note, keys in ((witnessed, [LOG.key]), (head_note(text), [])):
        with pytest.raises(Refused) as caught:
            open_checkpoint(note, keys, [W1.key])
        assert caught.value.verdict == Code.E_LOG_SIG
