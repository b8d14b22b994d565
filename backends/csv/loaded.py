"""Importing this loads what examining files needs, so that workers forked from here have it."""

from backends.content import ready
from backends.csv import _reader  # noqa: F401
from backends.files import opening  # noqa: F401

ready()
