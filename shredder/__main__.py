"""``python -m shredder``."""

from shredder.cli import main

main()
