"""Words, and what is made of them: names of two words, passages of five, and plain values.

A word is a maximal run of ASCII letters, digits and bytes of 0x80 and above. One without such a
byte is folded to lower case. Any other is read as UTF-8, or else as cp1252, and taken apart anew:
compatibility forms, accents and case folded away (NFKD, combining marks dropped, case folding),
and what is no letter or digit parts it. So it does not matter how quotes, dashes and accents were
written, nor whether they were lost. Of a word the first :data:`LONGEST_WORD` bytes count.

A text without spaces between its words is one word from one punctuation mark to the next.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

LONGEST_WORD = 64  # bytes
LONGEST_RUN = 256  # bytes of a run with other than ASCII characters that are looked at
PASSAGE = 5  # words
REACH = 5  # words from a name's one part to the other; JSON has a key in between, XML two

_RUN = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
_PART = re.compile(r"[^\W_]+")
_GROUPED = re.compile(
    r"(?<![\w.,])[0-9]{1,3}(?:([,.' ])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?(?!\w)"
)
_DECIMAL = re.compile(r"(?<![\w.,])[0-9]+\.[0-9]+(?!\w)")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_MOST_WORDS = 4  # of a plain value


@lru_cache(maxsize=1 << 16)
def unfold(run: bytes) -> tuple[bytes, ...]:
    """Take apart a run that has a byte of 0x80 or above: its words, in UTF-8."""
    run = run[:LONGEST_RUN]
    try:
        text = run.decode()
    except UnicodeDecodeError as error:
        # Cut short by us in mid-character, or not UTF-8 at all.
        cut = len(run) == LONGEST_RUN and error.reason == "unexpected end of data"
        text = run[: error.start].decode() if cut else run.decode("cp1252", "replace")
    plain = folded(text)
    return tuple(word.encode()[:LONGEST_WORD] for word in _PART.findall(plain))


def folded(text: str) -> str:
    """Fold away compatibility forms, accents and case."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return unicodedata.normalize("NFKD", bare.casefold())


def words_of(text: str) -> list[bytes]:
    """Return the words of a text, as a scan finds them in its UTF-8."""
    return list(_words(text.encode("utf-8", "surrogatepass")))


def _words(text: bytes) -> Iterator[bytes]:
    for match in _RUN.finditer(text):
        run = match[0]
        if run.isascii():
            yield run[:LONGEST_WORD].lower()
        else:
            yield from unfold(run)


def value_form(value: str) -> bytes:
    """Return the form in which a plain value is compared: its number, or its words; or nothing.

    A number loses its grouping, its plus sign and its zeros at the end: ``52,000.00`` is ``52000``.
    """
    text = folded(value.strip())
    number = _number(text.removeprefix("+").removeprefix("-"))
    if number:
        return number
    words = _PART.findall(text)
    return " ".join(words).encode() if len(words) <= _MOST_WORDS else b""


def value_forms(window: str) -> set[bytes]:
    """Return the forms of every plain value that may stand in a window."""
    text = folded(window)
    words = _PART.findall(text)
    found = {
        " ".join(words[at : at + count])
        for count in range(1, _MOST_WORDS + 1)
        for at in range(len(words) - count + 1)
    }
    forms = {form.encode() for form in found}
    forms |= {_plain_number(word) for word in words if word.isascii() and word.isdigit()}
    for pattern in (_GROUPED, _DECIMAL):
        forms |= {_number(match[0]) for match in pattern.finditer(text)}
    return forms - {b""}


def _number(text: str) -> bytes:
    grouped = _GROUPED.fullmatch(text)
    if grouped:
        text = text.replace(grouped[1], "").replace(",", ".")
    match = _NUMBER.fullmatch(text)
    if not match or not text.isascii():
        return b""
    fraction = (match[2] or "").rstrip("0")
    return _plain_number(match[1]) + (b"." + fraction.encode() if fraction else b"")


def _plain_number(digits: str) -> bytes:
    return digits.lstrip("0").encode() or b"0"


def name_pairs(parts: Sequence[str]) -> set[tuple[bytes, bytes]]:
    """Return the pairs of words by which a person's name is recognised, each in order of bytes.

    `parts` are a full name, or a first and a last one: neighbours in it, and the outermost.
    """
    words = [word for part in parts for word in words_of(part)]
    if not 2 <= len(words) <= 6:
        return set()
    pairs = {*pairwise(words), (words[0], words[-1])}
    return {(min(pair), max(pair)) for pair in pairs if min(map(len, pair)) > 1}
