"""What may be done to a relation, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from backends.contract import Technique
from backends.postgres._catalog import FOREIGN_TABLE, VIEW, Relation, one
from backends.postgres._session import Connection

# A foreign key's action, a trigger or a rule would take, keep or copy rows that the plan does
# not name. Triggers of foreign keys themselves are the server's, and do what the keys say.
_FACTS = """
WITH fk AS (SELECT * FROM pg_constraint WHERE contype = 'f' AND confrelid = %(oid)s),
     triggers AS (
       SELECT t.tgtype FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = %(oid)s AND t.tgenabled <> 'D'
          AND NOT (p.pronamespace = 'pg_catalog'::regnamespace
                   AND p.proname ~ '^(RI_FKey_|unique_key_recheck$)'))
SELECT EXISTS (SELECT FROM fk WHERE conrelid <> confrelid),
       EXISTS (SELECT FROM fk WHERE conrelid <> confrelid AND confdeltype IN ('c', 'n', 'd')),
       EXISTS (SELECT FROM fk WHERE conrelid = confrelid),
       EXISTS (SELECT FROM fk WHERE conrelid = confrelid AND confdeltype IN ('c', 'n', 'd')),
       EXISTS (SELECT FROM triggers WHERE tgtype & 8 <> 0),
       EXISTS (SELECT FROM triggers WHERE tgtype & 32 <> 0),
       EXISTS (SELECT FROM pg_rewrite WHERE ev_class = %(oid)s AND ev_type = '4'
                                        AND ev_enabled <> 'D'),
       EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND deptype = 'e'
                                       AND objid = %(oid)s),
       EXISTS (SELECT FROM pg_publication_tables p JOIN pg_publication q USING (pubname)
                WHERE p.schemaname = %(schema)s AND p.tablename = %(name)s),
       EXISTS (SELECT FROM pg_publication_tables p JOIN pg_publication q USING (pubname)
                WHERE p.schemaname = %(schema)s AND p.tablename = %(name)s AND q.pubdelete)
         AND NOT (c.relreplident = 'f' OR EXISTS (
               SELECT FROM pg_index i WHERE i.indrelid = c.oid
                AND (i.indisreplident OR c.relreplident = 'd' AND i.indisprimary))),
       has_table_privilege(c.oid, 'TRUNCATE'), has_table_privilege(c.oid, 'DELETE'),
       pg_has_role(c.relowner, 'USAGE'), pg_is_in_recovery()
  FROM pg_class c WHERE c.oid = %(oid)s
"""
# How many tables refer to it in a chain: what refers goes first. Chains may be circular.
_REFERRED_DEPTH = """
WITH RECURSIVE chain(oid, depth) AS (
  SELECT %s::oid, 0
  UNION SELECT f.conrelid, c.depth + 1 FROM chain c
          JOIN pg_constraint f ON f.contype = 'f' AND f.confrelid = c.oid
                              AND f.conrelid <> c.oid
         WHERE c.depth < 20)
SELECT max(depth) FROM chain
"""
# How many materialised views it reads from in a chain, through plain views too.
_VIEW_DEPTH = """
WITH RECURSIVE chain(oid, depth) AS (
  SELECT %s::oid, 0
  UNION SELECT d.refobjid, c.depth + 1 FROM chain c
          JOIN pg_rewrite r ON r.ev_class = c.oid
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
         WHERE c.depth < 20)
SELECT max(depth) FROM chain
"""
_FIRST_VIEW_PHASE = 100  # views are computed anew once the tables are done


class _Facts(NamedTuple):
    """One row of _FACTS."""

    referred: bool  # by another table's foreign key
    action: bool  # which cascades, or sets something
    own_key: bool  # by a foreign key of its own
    own_action: bool
    on_delete: bool  # has triggers
    on_truncate: bool
    rule: bool
    extension: bool
    published: bool
    no_identity: bool  # and the server refuses to publish a deletion
    may_truncate: bool
    may_delete: bool
    owner: bool
    standby: bool


@dataclass(frozen=True, slots=True)
class Rights:
    """The techniques that keep their word on a relation now; see Holding in the contract."""

    whole: Technique | None
    partial: Technique | None
    obstacle: str = ""
    by_truncate: bool = True  # else all rows are deleted one by one: a foreign key refers to it
    refers_to_itself: bool = False  # then all rows must go in one statement
    published: bool = False
    phase: int = 0  # orders run in ascending phases


def rights(connection: Connection, relation: Relation) -> Rights:
    """Find out what may be done. To be asked again once the relation is locked."""
    if relation.kind == FOREIGN_TABLE:  # the rows are another store's
        return Rights(None, None, FOREIGN_TABLE)
    facts = _Facts(
        *one(
            connection,
            _FACTS,
            {"oid": relation.oid, "schema": relation.schema, "name": relation.name},
        )
    )
    if facts.standby or facts.extension:
        return Rights(None, None, "read-only-server" if facts.standby else "extension-member")
    if relation.kind == VIEW:
        phase = _FIRST_VIEW_PHASE + int(one(connection, _VIEW_DEPTH, [relation.oid])[0])
        if not facts.owner:
            return Rights(None, None, "access-denied", phase=phase)
        return Rights(Technique.REFRESH_VIEW, Technique.REFRESH_VIEW, phase=phase)
    phase = int(one(connection, _REFERRED_DEPTH, [relation.oid])[0]) if facts.referred else 0

    def first(**obstacles: bool) -> str:
        return next((code.replace("_", "-") for code, there in obstacles.items() if there), "")

    deleting_all = first(
        foreign_key_action=facts.action,
        delete_trigger=facts.on_delete,
        delete_rule=facts.rule,
        replica_identity=facts.no_identity,
        access_denied=not facts.may_delete,
    )
    deleting_some = deleting_all or first(foreign_key_action=facts.own_action)
    truncating = first(
        foreign_key=facts.referred,
        truncate_trigger=facts.on_truncate,
        access_denied=not facts.may_truncate,
    )
    return Rights(
        whole=None if truncating and deleting_all else Technique.TRUNCATE,
        partial=None if deleting_some else Technique.DELETE_ROWS,
        obstacle=deleting_some or (truncating if deleting_all else ""),
        by_truncate=not truncating,
        refers_to_itself=facts.own_key,
        published=facts.published,
        phase=phase,
    )
