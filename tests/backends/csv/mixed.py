"""A mixed export: four records of the dataset among six of others."""

from tests.backends.trees import HEADER, line, stranger

OTHERS = [stranger(n) for n in range(6)]
MIXED = HEADER + line(1) + OTHERS[0] + line(2) + line(3) + b"".join(OTHERS[1:]) + line(4)
KEPT = HEADER + b"".join(OTHERS)
