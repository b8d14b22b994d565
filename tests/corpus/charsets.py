"""How text becomes bytes: encodings, with and without a byte order mark."""

from __future__ import annotations

import random

# name, codec, weight
_ENCODINGS = (
    ("utf-8", "utf-8", 10),
    ("utf-8-bom", "utf-8-sig", 2),
    ("utf-16-bom", "utf-16", 2),
    ("utf-16-le", "utf-16-le", 2),
    ("utf-16-be", "utf-16-be", 2),
    ("utf-32-bom", "utf-32", 1),
    ("utf-32-le", "utf-32-le", 1),
    ("latin-1", "iso-8859-1", 2),
    ("cp1252", "cp1252", 2),
    ("shift-jis", "shift_jis", 1),
    ("cp037", "cp037", 1),
)
NAMES = tuple(name for name, _, _ in _ENCODINGS)
_CODECS = {name: codec for name, codec, _ in _ENCODINGS}


def encoded(rng: random.Random, text: str) -> tuple[str, bytes]:
    """Encode a text in an encoding that can, chosen by chance."""
    weights = [weight for _, _, weight in _ENCODINGS]
    while True:
        name = rng.choices(NAMES, weights)[0]
        try:
            return name, text.encode(_CODECS[name])
        except UnicodeEncodeError:
            continue
