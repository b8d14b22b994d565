"""Delimited text: how a file writes its records, and its records as values."""

from backends.delimited._format import Format, detect
from backends.delimited._rows import Rows

__all__ = ["Format", "Rows", "detect"]
