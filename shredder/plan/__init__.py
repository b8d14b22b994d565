"""The plan: which holding goes, and how; frozen, digested, approved, then carried out."""

from shredder.plan.codec import dump_options, load_options
from shredder.plan.decide import decide, is_declared
from shredder.plan.file import (
    digest_of,
    read_header,
    read_items,
    read_lines,
    to_destroy,
    write_plan,
)
from shredder.plan.model import Decision, Header, Item, Mixed, Options, Sealed
from shredder.plan.rulings import Ruling, read_rulings, undecided

__all__ = [
    "Decision",
    "Header",
    "Item",
    "Mixed",
    "Options",
    "Ruling",
    "Sealed",
    "decide",
    "digest_of",
    "dump_options",
    "is_declared",
    "load_options",
    "read_header",
    "read_items",
    "read_lines",
    "read_rulings",
    "to_destroy",
    "undecided",
    "write_plan",
]
