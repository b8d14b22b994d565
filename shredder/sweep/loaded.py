"""Importing this loads what workers need, so that the processes forked from this one have it."""

from __future__ import annotations

import os
from contextlib import suppress

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process that is forked has no other threads

import numpy as np

import shredder.fingerprint.matcher
import shredder.sweep.worker
from shredder.fingerprint.engine import ROUTE

if os.environ.get(ROUTE) != "numpy":
    with suppress(ImportError):  # numba is an extra
        import shredder.fingerprint.fast  # noqa: F401
        from backends.lanes import compile_by, rest

        compile_by(lambda: rest(np.zeros(1, np.uint8), 0))  # the first one takes the longest
