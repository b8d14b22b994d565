"""The backend ``files``: directory trees.

``[stores.NAME]`` with ``backend = "files"`` has these settings:

* ``roots`` (required): folders, relative to the configuration. Nothing outside them is
  read or touched, but for what `neighbours` says; a root may not be a symlink, nor lie within
  another.
* ``exclude``: patterns of names (``*.iso``) or of paths below a root (``cache/*``) that are
  not looked at; the coverage says so. ``*`` also matches slashes.
* ``cross_filesystems``: also go into other file systems that are mounted below a root.
* ``neighbours`` (true where left out): look for what desktops and editors keep of a holding, also
  in the trash and among the thumbnails of its owner, outside of the roots, and, as root, for
  files and snapshots that have blocks of it. What is found is shown, and waits for a decision.
* ``scrub``: also go after what the file systems of the roots have freed: their free space is looked
  at on the raw device (as root), and scrubbed when everything else of a plan is done.
  ``scrub_reserve`` (``"5%"``, ``"2GiB"``) stays free for others, ``scrub_seconds`` is the most that
  it may take.

A unit is a regular file under one of its names. Symlinks, FIFOs, sockets and devices hold no
bytes of their own and are not opened. Files are destroyed as wholes.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract import Context, Setting, Store


class FilesBackend:
    """See :class:`backends.contract.Backend`."""

    settings: Mapping[str, Setting] = {
        "roots": Setting.TEXTS,
        "exclude": Setting.TEXTS,
        "cross_filesystems": Setting.FLAG,
        "neighbours": Setting.FLAG,
        "scrub": Setting.FLAG,
        "scrub_reserve": Setting.TEXT,
        "scrub_seconds": Setting.NUMBER,
    }
    required: frozenset[str] = frozenset({"roots"})

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> Store:
        """Open a store on directory trees; the roots need not be reachable yet."""
        from backends.files import _plain, opening  # noqa: PLC0415 - numpy and clevercsv

        return opening.opened(name, settings, context, _plain.PlainReader())


BACKEND = FilesBackend()
