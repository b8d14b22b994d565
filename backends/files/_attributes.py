"""A file's extended attributes, looked through as its content is.

Programs keep notes, tags and whole alternate streams there (``user.comment``, Samba's
``user.DosStream.*``). What the system itself keeps (ACLs, labels, capabilities) is not data.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace

from backends.content import Examiner, Reading, beside
from backends.contract import Matcher
from backends.files.reader import Content
from backends.fsops.attributes import names_of_data

OBSTACLE = "records-in-attributes"
UNREADABLE = "attributes-unreadable"


def with_attributes(content: Content, fd: int, matcher: Matcher) -> Content:
    """Add to a file's content what its attributes hold of the dataset.

    Raises OSError for what the device reports. Attributes that hold nothing of the dataset are
    nobody's records.
    """
    examiner = Examiner(matcher)
    size, unreadable = 0, False
    for name in names_of_data(fd):
        try:
            value = os.getxattr(fd, name)
        except OSError as error:
            if error.errno == errno.ENODATA:  # gone meanwhile: the change time tells, too
                continue
            if error.errno not in {errno.EACCES, errno.EPERM, errno.ERANGE, errno.E2BIG}:
                raise
            unreadable = True
            continue
        examiner.take(value)
        size += len(value)
    found = examiner.reading()
    if found is not None:
        content = _with(content, replace(found, bytes_read=size))
    if unreadable:
        reading = content.reading
        content = replace(content, reading=replace(reading, reason=reading.reason or UNREADABLE))
    return content


def _with(content: Content, found: Reading) -> Content:
    reading = content.reading
    read = reading.bytes_read + found.bytes_read
    if found.evidence.verdict is None and not found.evidence.matched:
        return replace(
            content,
            reading=replace(reading, bytes_read=read, reason=reading.reason or found.reason),
        )
    alone = reading.evidence.verdict is None
    return Content(
        Reading(
            evidence=beside(reading.evidence, found.evidence),
            bytes_read=read,
            digest=reading.digest,
            reason=reading.reason or found.reason,
            layers=reading.layers,
            texts=reading.texts,
            divided=reading.divided and found.divided,
            regular=reading.regular,
        ),
        # A successor takes the attributes over as they are.
        obstacle=OBSTACLE if content.partial or alone else content.obstacle,
    )
