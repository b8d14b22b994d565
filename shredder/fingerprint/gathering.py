"""From chunks of source rows to keyed hashes, spilled to disk; no row is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shredder.fingerprint import starts
from shredder.fingerprint.catalogue import PERSON_TOKEN, PRIVATE_TOKEN
from shredder.fingerprint.columns import Column, name_columns
from shredder.fingerprint.keys import Keys
from shredder.fingerprint.phrases import hashed, hashed_rows, pair_rows, passage_rows
from shredder.fingerprint.postings import RAW, ROW, WEAK
from shredder.fingerprint.roles import Role
from shredder.fingerprint.siphash import Hashes
from shredder.fingerprint.sorter import Column as Long
from shredder.fingerprint.sorter import Scratch, Sorter
from shredder.fingerprint.values import Reason, short_number, unspaced, weigh
from shredder.fingerprint.words import PASSAGE, name_pairs, value_form, words_of

POSTING = np.dtype([("hash", "u8"), ("row", "u4")])
COUNTED = np.dtype([("hash", "u8"), ("count", "u4")])
WORD = np.dtype([("hash", "u8")])

MOST_PASSAGES = 24  # of one value: the lowest hashes, which are a sample by chance
_MOST_DIGITS = 8
Chunk = list[tuple[str | None, ...]]
Texts = list[tuple[int, str]]  # with the row of each


class Gathered:
    """What has been seen of all sources so far, on disk."""

    def __init__(self, keys: Keys, scratch: Scratch) -> None:
        self._keys = keys
        self._scratch = scratch
        self.count = 0  # rows
        self.mixed = False
        self.tokens = Sorter(scratch, ROW)
        self.names, self.passages = Sorter(scratch, POSTING), Sorter(scratch, POSTING)
        self.numbers = Sorter(scratch, POSTING)
        self.name_words, self.text_words = Sorter(scratch, WORD), Sorter(scratch, WORD)
        self.starts = Sorter(scratch, WORD)
        self.start_lengths: set[int] = set()
        self.value_counts = Sorter(scratch, COUNTED)
        self.digests = Sorter(scratch, POSTING)
        self.values: list[tuple[int, Long]] = []  # by value column: from which row on, and what
        self.digits: npt.NDArray[np.uint8] | None = None  # a bit for each short number

    def take(self, columns: Sequence[Column], chunk: Chunk) -> None:
        """Take in a chunk of a source's rows."""
        self._digest(columns, chunk)
        self._tokens(columns, chunk)
        self._names(columns, chunk)
        for at, column in enumerate(columns):
            if column.private:
                self._passages(column, self._present(chunk, at))
                self._numbers(column, self._present(chunk, at))
        self._values(columns, chunk)
        self.count += len(chunk)

    def _present(self, chunk: Chunk, at: int) -> Texts:
        rows = enumerate(chunk, self.count)
        return [(row, v) for row, values in rows if (v := values[at]) and not v.isspace()]

    def _tokens(self, columns: Sequence[Column], chunk: Chunk) -> None:
        tokens: list[bytes] = []
        raw: list[bytes] = []
        postings: list[tuple[int, int, int, int, int, int, bool]] = []
        raw_postings: list[tuple[int, int, int, int, int, int, bool]] = []
        for at, column in enumerate(columns):
            present = self._present(chunk, at)
            column.values += len(present)
            for row, value in present if column.role is not Role.QUASI else ():
                weight = weigh(value, person=column.role is Role.PERSON)
                if weight.reason:
                    column.unused[weight.reason] += 1
                    continue
                tag = min(weight.digits, WEAK - 1) or WEAK * weight.weak
                person = weight.person or column.role is Role.PERSON
                kind = PERSON_TOKEN if person else PRIVATE_TOKEN
                tokens += weight.tokens
                postings += [
                    (0, row, column.number, tag, kind, len(token), n == 0)
                    for n, token in enumerate(weight.tokens)
                ]
                raw += weight.raw
                raw_postings += [
                    (0, row, column.number, tag, kind, RAW + len(form), False)
                    for form in weight.raw
                ]
        if tokens:
            rows = np.array(postings, ROW)
            rows["hash"] = hashed(self._keys.tokens, tokens)
            self.mixed = self.mixed or not b"".join(tokens).isascii()
            self.tokens.add(rows)
            for size, heads in starts.heads(tokens).items():
                self.start_lengths.add(size)
                self.starts.add(_words(starts.hashes_of(self._keys, heads)))
        if raw:
            rows = np.array(raw_postings, ROW)
            rows["hash"] = hashed(self._keys.raw, raw)
            self.tokens.add(rows)

    def _names(self, columns: Sequence[Column], chunk: Chunk) -> None:
        places = name_columns(columns)
        pairs: list[tuple[int, tuple[bytes, bytes]]] = []

        def read(row: int, parts: Sequence[str], of: Sequence[Column]) -> None:
            if any("@" in part or any(map(str.isdigit, part)) for part in parts):
                return
            found = name_pairs(parts)
            pairs.extend((row, pair) for pair in found)
            for column in of if found else ():
                column.names += 1

        if places is not None:
            both = [columns[at] for at in places]
            for row, values in enumerate(chunk, self.count):
                read(row, [values[at] or "" for at in places], both)
        for at, column in enumerate(columns):
            if column.role is Role.PERSON and at not in (places or ()):
                for row, value in self._present(chunk, at):
                    read(row, [value], [column])
        if not pairs:
            return
        words = hashed(self._keys.words, [word for _, pair in pairs for word in pair])
        hashes = hashed_rows(self._keys.phrases, pair_rows(words[0::2], words[1::2]))
        self.names.add(_postings(hashes, [row for row, _ in pairs]))
        self.name_words.add(_words(words))

    def _passages(self, column: Column, present: Texts) -> None:
        counts: list[int] = []
        texts: list[bytes] = []
        rows: list[int] = []
        for row, value in present:
            words = words_of(value)
            # One passage is a phrase, unless it is an identifier of as many parts.
            if len(words) > PASSAGE or (len(words) == PASSAGE <= len(value.split())):
                column.passages += 1
                column.unused[weigh(value, person=False).reason] -= 1
                counts.append(len(words))
                texts += words
                rows.append(row)
        if not texts:
            return
        words_hashed = hashed(self._keys.words, texts)
        value_of = np.repeat(np.arange(len(rows)), counts)
        inside = value_of[: 1 - PASSAGE] == value_of[PASSAGE - 1 :]
        spaced = np.array([not unspaced(word) for word in texts])
        inside &= np.lib.stride_tricks.sliding_window_view(spaced, PASSAGE).all(axis=1)
        value_of = value_of[: inside.size][inside]
        hashes = hashed_rows(self._keys.phrases, passage_rows(words_hashed)[inside])
        order = np.lexsort((hashes, value_of))
        hashes, value_of = hashes[order], value_of[order]
        new = np.ones(hashes.size, np.bool_)
        new[1:] = (hashes[1:] != hashes[:-1]) | (value_of[1:] != value_of[:-1])
        hashes, value_of = hashes[new], value_of[new]
        rank = np.arange(hashes.size) - np.searchsorted(value_of, value_of)
        kept = rank < MOST_PASSAGES
        self.passages.add(_postings(hashes[kept], np.array(rows, np.uint32)[value_of[kept]]))
        self.text_words.add(_words(words_hashed))

    def _numbers(self, column: Column, present: Texts) -> None:
        rows, words = [], []
        for row, value in present:
            number = short_number(value)
            if number:
                column.short += 1
                column.unused[Reason.PLAIN] -= 1
                column.unused[Reason.SHORT] += 1
                self._mark(int(number))
                for form in {number, number.lstrip("0") or "0"}:
                    rows.append(row)
                    words.append(form.encode())
        if words:
            self.numbers.add(_postings(hashed(self._keys.words, words), rows))

    def _mark(self, number: int) -> None:
        if self.digits is None:
            self.digits = np.zeros(10**_MOST_DIGITS // 8, np.uint8)
        self.digits[number >> 3] |= np.uint8(1 << (number & 7))

    def _values(self, columns: Sequence[Column], chunk: Chunk) -> None:
        for at, column in enumerate(columns):
            if column.value_column < 0:
                continue
            while len(self.values) <= column.value_column:
                self.values.append((self.count, Long(self._scratch, "<u4")))
            first, long = self.values[column.value_column]
            present = self._present(chunk, at)
            forms = {form for _, value in present if (form := value_form(value))}
            known = dict(zip(forms, value_hashes(self._keys, list(forms)).tolist(), strict=True))
            told = np.zeros(self.count + len(chunk) - first - long.count, np.uint32)
            offset = first + long.count
            for row, value in present:
                told[row - offset] = known.get(value_form(value), 0)
            long.add(told)
            hashes, counts = np.unique(told[told != 0], return_counts=True)
            rows = np.empty(hashes.size, COUNTED)
            rows["hash"] = np.uint64(column.value_column << 32) | hashes
            rows["count"] = counts
            self.value_counts.add(rows)

    def _digest(self, columns: Sequence[Column], chunk: Chunk) -> None:
        """Digest each row, whatever the order of its columns."""
        order = sorted(range(len(columns)), key=lambda at: columns[at].name)
        head = "\0".join(columns[at].name for at in order)
        keyed = hashlib.blake2b(head.encode(), key=self._keys.rows, digest_size=8)

        def digest(values: tuple[str | None, ...]) -> bytes:
            # repr() sets the values apart, and None from every text
            one = keyed.copy()
            one.update(repr([values[at] for at in order]).encode("utf-8", "surrogatepass"))
            return one.digest()

        rows = np.arange(self.count, self.count + len(chunk), dtype=np.uint32)
        self.digests.add(_postings(np.frombuffer(b"".join(map(digest, chunk)), "<u8"), rows))


def value_hashes(keys: Keys, forms: list[bytes]) -> npt.NDArray[np.uint32]:
    """Hash plain values to 32 bits, none of which is 0."""
    found = (hashed(keys.values, forms) >> np.uint64(32)).astype(np.uint32)
    return np.maximum(found, np.uint32(1))


def _postings(hashes: Hashes, rows: Sequence[int] | npt.NDArray[np.uint32]) -> npt.NDArray[np.void]:
    made = np.empty(hashes.size, POSTING)
    made["hash"], made["row"] = hashes, rows
    return made


def _words(hashes: Hashes) -> npt.NDArray[np.void]:
    return np.unique(hashes).view(WORD)
