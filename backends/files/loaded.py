"""Importing this loads what examining files needs, so that workers forked from here have it."""

from backends.content import ready
from backends.files import _plain, opening  # noqa: F401

ready()
