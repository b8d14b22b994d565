"""What may be claimed of a file that was overwritten and unlinked."""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract import Destruction, Method, Result
from backends.files.reader import Task
from backends.fsops.condemn import Finished, Opened
from backends.fsops.ground import OBSTACLES


def destroyed(
    task: Task, opened: Opened, done: Finished, numbers: Mapping[str, int] | None = None
) -> Destruction:
    """Return the record of an order that was carried out.

    `clear` (NIST SP 800-88) is earned where nothing stands against it, neither in the plan nor
    when it was done: the same blocks were overwritten, and read back past the cache.
    """
    planned = task.order.holding.limitations
    unproved = {*done.unproved, *(code for code in planned if code in OBSTACLES)}
    return Destruction(
        task.order.id,
        Result.DESTROYED,
        method=Method.LOGICAL_DELETE if unproved else Method.CLEAR,
        limitations=tuple(
            dict.fromkeys((*planned, *done.unproved, *done.limitations, *opened.codes))
        ),
        numbers={
            "bytes-overwritten": done.overwritten.written,
            "bytes-read-back": done.overwritten.read_back,
            **(numbers or {}),
        },
    )
