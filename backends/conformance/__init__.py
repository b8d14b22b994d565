"""The rules of :mod:`backends.contract` as tests that any backend can join.

A backend joins with a harness, which plants and breaks things by other means than the backend's
own, and a class of a few lines::

    class PigeonHarness(Harness):
        ...  # backend, settings, plant, state, alter, remove; sever, deny, source if it can

    class TestPigeons(
        BackendConformance, cannot={"partial": "a pigeon is set free as a whole"}
    ):
        @pytest.fixture
        def harness(self, tmp_path):
            return PigeonHarness(tmp_path)

What a harness or its backend cannot do is declared in ``cannot``, with the reason. The tests
that would need it are then not collected, and those of the opposite case are: nothing is
skipped, and nothing passes without having looked. ``pytest`` is imported here only; call
``pytest.register_assert_rewrite("backends.conformance")`` in ``conftest.py`` to see the values
in a failure. ``docs/writing-a-backend.md`` holds a complete example.
"""

from __future__ import annotations

from backends.conformance._destroying import Destroying
from backends.conformance._harness import (
    ROWS,
    Harness,
    Row,
    acquaintances,
    excerpts,
    records,
    strangers,
)
from backends.conformance._looking import Looking
from backends.conformance._refusing import Refusing
from backends.conformance._suite import HOOKS


class BackendConformance(Looking, Destroying, Refusing):
    """Everything that is asked of a backend."""


__all__ = [
    "HOOKS",
    "ROWS",
    "BackendConformance",
    "Destroying",
    "Harness",
    "Looking",
    "Refusing",
    "Row",
    "acquaintances",
    "excerpts",
    "records",
    "strangers",
]
