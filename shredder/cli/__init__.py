"""The command line: it parses, calls, renders and exits. The only place that does."""

from shredder.cli.main import main

__all__ = ["main"]
