"""Carrying out one order on a file."""

from __future__ import annotations

import os

from backends.contract import (
    Destruction,
    Holding,
    Matcher,
    Order,
    Result,
    Technique,
    Tell,
    untold,
)
from backends.errors import BackendError
from backends.files.claims import destroyed
from backends.files.reader import Reader, Task
from backends.files.trees import Trees
from backends.fsops import condemn as steps
from backends.fsops.condemn import CutShort, Left, Names, Opened
from backends.fsops.identity import Version
from backends.fsops.reasons import RootUnavailable, reason_for, root_reason
from backends.fsops.tree import Descent, descend


def destroy(
    order: Order, trees: Trees, reader: Reader, matcher: Matcher, tell: Tell = untold
) -> Destruction:
    """Carry out an order; whatever the system refuses is its outcome, never an exception."""
    try:
        return _attempt(order, trees, reader, matcher, tell)
    except Left as left:
        return Destruction(order.id, left.result, reason=left.reason)
    except CutShort as short:
        return Destruction(
            order.id,
            Result.FAILED,
            reason=reason_for(short.cause),
            numbers={"bytes-overwritten": short.written},
        )
    except RootUnavailable as error:
        return Destruction(order.id, Result.FAILED, reason=root_reason(error))
    except OSError as error:
        reason = reason_for(error)
        result = Result.CHANGED if reason == "path-replaced" else Result.FAILED
        return Destruction(order.id, result, reason=reason)


def _attempt(
    order: Order, trees: Trees, reader: Reader, matcher: Matcher, tell: Tell
) -> Destruction:
    holding = order.holding
    if order.technique not in reader.techniques:
        raise Left(Result.FAILED, "technique-not-offered")
    if order.technique is Technique.OVERWRITE and holding.mixed and not order.whole:
        raise Left(Result.FAILED, "foreign-records-inside")
    try:
        root, parts = trees.place(holding)
        version = Version.parse(holding.version)
    except BackendError as error:
        raise Left(Result.FAILED, error.code) from None
    except ValueError:
        raise Left(Result.FAILED, "order-not-understood") from None
    with descend(root.path, parts[:-1]) as way:
        names = Names.of(parts[-1], order.id, holding.version)
        task = Task(order, matcher, way.fd, names, version, tell)
        try:
            return _at_the_folder(task, way, reader)
        except Left as left:
            _doubt_absence(left, holding, way)
            raise


def _at_the_folder(task: Task, way: Descent, reader: Reader) -> Destruction:
    if way.missing:
        raise Left(Result.ALREADY_ABSENT)
    if task.order.technique is Technique.REWRITE_WITHOUT_RECORDS:
        return reader.rewrite(task)
    return _overwrite(task)


def _doubt_absence(left: Left, holding: Holding, way: Descent) -> None:
    """Nothing is absent on another file system than the one it was found on.

    An unmounted share leaves its mount point behind: a folder, and empty.
    """
    if left.result is Result.ALREADY_ABSENT and not same_file_system(holding, way):
        raise Left(Result.FAILED, "other-filesystem") from None


def same_file_system(holding: Holding, way: Descent) -> bool:
    """Whether a folder is on the device on which the holding's folder was."""
    return holding.details.get("folder-device") == way.device


def _overwrite(task: Task) -> Destruction:
    folder, names, version = task.folder, task.names, task.version
    at = steps.condemned_name(folder, names, version)
    if at:
        opened = steps.open_condemned(folder, at, version)
    else:
        opened = steps.open_planned(folder, names.original, version, task.digest_of, alone=False)
    try:
        if at:
            # A crash can have come before the renaming was durable.
            os.fsync(folder)
        else:
            steps.condemn(folder, names, version)
        return _finish(task, opened, at)
    finally:
        os.close(opened.fd)


def _finish(task: Task, opened: Opened, at: bytes | None) -> Destruction:
    try:
        at_last = at or task.names.condemned
        done = steps.finish(task.folder, at_last, opened.fd, task.names, task.version, task.tell)
    except CutShort as short:
        if short.written == 0 and at is None:
            steps.restore(task.folder, task.names)  # nothing has been overwritten: as it was
        raise
    return destroyed(task, opened, done)
