"""Postgres, any version from 13 on: tables, partitions, materialised views, large objects.

::

    [stores.warehouse]
    backend = "postgres"
    conninfo = "service=warehouse"     # libpq's words; the password never stands here
    databases = ["shop", "survey_*"]   # patterns; left out: every database of the cluster
    exclude = ["audit.*"]              # patterns of schema.table; coverage names them
    foreign_tables = ["crm.*"]         # patterns of foreign tables to read; left out: none is
    lock_timeout_s = 5                 # how long a destruction waits for a lock
    residue = true                     # go after what is left of it, too
    data_directory = "/var/lib/…"      # on this host; left out: where the server says it is
    rewrite = "exclusive"              # of tables that lost rows: or "online", or "none"
    scrub = true                       # then the free space below data_directory, too
    scrub_reserve = "5%"               # of the file system that is left to others meanwhile
    scrub_seconds = 3600               # at the most

A *scope* is a database, its `as_of` an LSN. A *unit* is a table, a leaf partition, a
materialised view or a large object, its locator ``database/schema.table`` as SQL quotes it.
A record window is one row in the text form of its columns. Rows go in the transaction that
found them, by their ctid, and never by value; a table whose rows are all of the dataset is
truncated. A foreign table is read only where the operator names it, for reading one can run
programs and reach other servers; its rows are another store's, so nothing of it is destroyed
here. Every destruction here is a ``logical-delete``: dead tuples, WAL and freed blocks
outlive it, and `BLIND_SPOTS` names them.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.contract import Context, Setting, Store
from backends.errors import MissingDriver


class PostgresBackend:
    """The backend ``postgres``; see :class:`backends.contract.Backend`."""

    settings: Mapping[str, Setting] = {
        "conninfo": Setting.TEXT,
        "databases": Setting.TEXTS,
        "exclude": Setting.TEXTS,
        "foreign_tables": Setting.TEXTS,
        "lock_timeout_s": Setting.NUMBER,
        "residue": Setting.FLAG,
        "rewrite": Setting.TEXT,
        "data_directory": Setting.TEXT,
        "scrub": Setting.FLAG,
        "scrub_reserve": Setting.TEXT,
        "scrub_seconds": Setting.NUMBER,
    }
    required: frozenset[str] = frozenset({"conninfo"})

    def open(self, name: str, settings: Mapping[str, object], context: Context) -> Store:
        """Open a store; connects at first use, not here.

        Raises MissingDriver without psycopg, SettingError for a conninfo that libpq does not
        take or that holds a password, and for a data directory that is to be scrubbed below and
        cannot be entered.
        """
        try:
            from backends.postgres._store import open_store  # noqa: PLC0415 - loads the driver
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "psycopg":
                raise
            raise MissingDriver(
                f"store {name}: psycopg is not installed",
                hint="pip install 'shredder-toolkit[postgres]'",
            ) from None
        store = open_store(name, settings, context.state, context.tell)
        if not any(key.startswith("scrub") for key in settings):
            return store
        from backends.postgres._scrubbing import scrubbed  # noqa: PLC0415 - loads the openers

        return scrubbed(store, settings, context)


BACKEND = PostgresBackend()

__all__ = ["BACKEND", "PostgresBackend"]
