"""The text that proves an entry to be in a log: c2sp.org/tlog-proof@v1."""

from __future__ import annotations

from dataclasses import dataclass

from attestations.commitment import MAX_PATH
from attestations.log.checkpoint import Checkpoint, decimal
from attestations.log.note import MAX_NOTE, Note, malformed, standard_base64
from attestations.text import encode_base64

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF = MAX_NOTE + 8192  # bytes

_HASH = 32


@dataclass(frozen=True, slots=True)
class LogProof:
    """Index and inclusion path of an entry, and the head of the log that it leads to."""

    index: int
    path: tuple[bytes, ...]
    head: Note

    @classmethod
    def from_text(cls, text: str) -> LogProof:
        """Read a proof, strictly; without the optional extra data, for which there is no use.

        Raises LogRefused: E_LOG_PARSE.
        """
        if len(text) > MAX_PROOF:
            raise malformed(f"a log proof of more than {MAX_PROOF} characters")
        above, gap, below = text.partition("\n\n")
        header, _, rest = above.partition("\n")
        if not gap or header != HEADER:
            raise malformed(f"a log proof does not begin with {HEADER}")
        index, *path = rest.split("\n")
        word, _, number = index.partition(" ")
        if word != "index":
            raise malformed("a log proof without the index in its second line")
        if len(path) > MAX_PATH:
            raise malformed(f"a log proof with more than {MAX_PATH} hashes")
        hashes = tuple(standard_base64(line, "a log proof's hash") for line in path)
        if any(len(each) != _HASH for each in hashes):
            raise malformed("a log proof with a hash that is not of 32 bytes")
        try:
            note = below.encode("utf-8")
        except UnicodeEncodeError:
            raise malformed("a log proof that is not text") from None
        head = Note.from_bytes(note)
        Checkpoint.from_text(head.text)
        return cls(decimal(number, "a log proof's index"), hashes, head)

    def to_text(self) -> str:
        """Write the proof."""
        lines = (HEADER, f"index {self.index}", *map(encode_base64, self.path), "")
        return "".join(f"{line}\n" for line in lines) + self.head.to_bytes().decode()
