"""Definitions and names in a database as SQL tells them: what alters each, its text, and where.

Of each part, five columns: the statement that takes it out (NULL: none does), its text, the
catalogues that have it, its turn, and its oid where it has a part of two turns. Names are given
first; then definitions are dropped, or made anew without the name; then those are made anew from
their own text that do not show it. Who reads the parts again before each finds what is left.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

CATALOGUES: Final = (
    "pg_proc",
    "pg_rewrite",
    "pg_trigger",
    "pg_constraint",
    "pg_attrdef",
    "pg_attribute",
    "pg_type",
    "pg_index",
    "pg_policy",
    "pg_class",
    "pg_enum",
    "pg_statistic_ext",
    "pg_db_role_setting",
    "pg_foreign_table",
    "pg_foreign_server",
    "pg_foreign_data_wrapper",
    "pg_user_mapping",
    "pg_namespace",
    "pg_collation",
    "pg_conversion",
    "pg_event_trigger",
    "pg_language",
    "pg_opclass",
    "pg_opfamily",
    "pg_publication",
    "pg_publication_rel",
    "pg_subscription",
    "pg_tablespace",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_authid",
)
"""Where what can be taken out lies."""
# Turns: tens are read anew. What is in something else has its name before that.
RENAMED, DROPPED, MADE_ANEW = 0, 10, 20
OPTION = 0  # the first of those that are given a name

# Below 16384 (FirstNormalObjectId) lies what initdb made.
_DEFINITIONS = """
SELECT format('DROP ROUTINE IF EXISTS %s', oid::regprocedure),
       CASE prokind WHEN 'a' THEN format('%s(%s)', proname, pg_get_function_arguments(oid))
                    ELSE pg_get_functiondef(oid) END,
       'pg_proc', 10, oid
  FROM pg_proc WHERE oid >= 16384
UNION ALL
SELECT format('DROP %s IF EXISTS %s',
              CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, oid::regclass),
       pg_get_viewdef(oid),
       'pg_rewrite', 10, oid
  FROM pg_class WHERE relkind IN ('v', 'm') AND oid >= 16384
UNION ALL
SELECT format('DROP RULE IF EXISTS %I ON %s', rulename, ev_class::regclass), pg_get_ruledef(oid),
       'pg_rewrite', 10, oid
  FROM pg_rewrite WHERE rulename <> '_RETURN' AND oid >= 16384
UNION ALL
SELECT format('DROP TRIGGER IF EXISTS %I ON %s', tgname, tgrelid::regclass), pg_get_triggerdef(oid),
       'pg_trigger', 10, 0
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT format('ALTER %s DROP CONSTRAINT IF EXISTS %I',
              CASE contypid WHEN 0 THEN format('TABLE %s', conrelid::regclass)
                            ELSE format('DOMAIN %s', contypid::regtype) END, conname),
       pg_get_constraintdef(oid),
       'pg_constraint', 10, 0
  FROM pg_constraint WHERE contype IN ('c', 'x') AND oid >= 16384
UNION ALL
SELECT CASE
       WHEN attgenerated = ''
       THEN format('ALTER TABLE ONLY %s ALTER %I DROP DEFAULT', adrelid::regclass, attname)
       -- With the first one's go those that inherit it, where none inherits from several.
       ELSE (WITH RECURSIVE line(oid, parents) AS (
               SELECT attrelid, attinhcount
               UNION ALL
               SELECT p.attrelid, p.attinhcount
                 FROM line JOIN pg_inherits ON inhrelid = line.oid
                 JOIN pg_attribute p ON p.attrelid = inhparent AND p.attname = a.attname)
             SELECT format(CASE a.attgenerated
                           WHEN 's' THEN 'ALTER TABLE %s ALTER %I DROP EXPRESSION IF EXISTS'
                           ELSE 'ALTER TABLE %s DROP COLUMN IF EXISTS %I' END,
                           max(oid) FILTER (WHERE parents = 0)::regclass, a.attname)
               FROM line HAVING max(parents) < 2) END,
       pg_get_expr(adbin, adrelid),
       'pg_attrdef', 10, 0
  FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = adrelid AND a.attnum = adnum
 WHERE d.oid >= 16384
UNION ALL
SELECT format('ALTER DOMAIN %s DROP DEFAULT', oid::regtype), typdefault, 'pg_type', 10, 0
  FROM pg_type WHERE typtype = 'd' AND typdefault IS NOT NULL AND oid >= 16384
UNION ALL
SELECT format('DROP STATISTICS IF EXISTS %I.%I', nspname, stxname), pg_get_statisticsobjdef(s.oid),
       'pg_statistic_ext', 10, 0
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace WHERE s.oid >= 16384
UNION ALL
SELECT format('DROP INDEX IF EXISTS %s', indexrelid::regclass), pg_get_indexdef(indexrelid),
       'pg_index', 10, 0
  FROM pg_index WHERE indexrelid >= 16384 AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
UNION ALL
SELECT format('ALTER TABLE %s DETACH PARTITION %s', inhparent::regclass, oid::regclass),
       pg_get_expr(relpartbound, oid),
       'pg_class', 10, 0
  FROM pg_class JOIN pg_inherits ON inhrelid = oid
 WHERE relpartbound IS NOT NULL
UNION ALL
SELECT format('DROP POLICY IF EXISTS %I ON %s', polname, polrelid::regclass),
       concat_ws(' ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)),
       'pg_policy', 10, oid
  FROM pg_policy
UNION ALL
-- Which rows a publication takes, from 15 on: without the choice it would tell of more.
SELECT format('ALTER PUBLICATION %I DROP TABLE ONLY %I.%I', pubname, schemaname, tablename),
       to_jsonb(p) ->> 'rowfilter',
       'pg_publication_rel', 10, 0
  FROM pg_publication_tables p WHERE to_jsonb(p) ->> 'rowfilter' IS NOT NULL
"""
# What names hold, and options beside them; they are set to what says nothing.
_NAMES = r"""
SELECT format('ALTER TYPE %s RENAME VALUE %L TO %L', enumtypid::regtype, enumlabel,
              'removed-' || oid),
       enumlabel::text,
       'pg_enum', 1, 0
  FROM pg_enum WHERE oid >= 16384
UNION ALL
SELECT format('ALTER FOREIGN TABLE %s OPTIONS (SET %I %L)', ftrelid::regclass, o.name, 'removed'),
       o.value,
       'pg_foreign_table', 0, 0
  FROM pg_foreign_table, pg_options_to_table(ftoptions) o(name, value)
UNION ALL
SELECT format('ALTER FOREIGN TABLE %s ALTER %I OPTIONS (SET %I %L)', attrelid::regclass, attname,
              o.name, 'removed'),
       o.value,
       'pg_attribute', 0, 0
  FROM pg_attribute, pg_options_to_table(attfdwoptions) o(name, value)
UNION ALL
SELECT format('ALTER SERVER %I OPTIONS (SET %I %L)', srvname, o.name, 'removed'),
       o.value,
       'pg_foreign_server', 0, 0
  FROM pg_foreign_server, pg_options_to_table(srvoptions) o(name, value)
UNION ALL
SELECT format('ALTER FOREIGN DATA WRAPPER %I OPTIONS (SET %I %L)', fdwname, o.name, 'removed'),
       o.value,
       'pg_foreign_data_wrapper', 0, 0
  FROM pg_foreign_data_wrapper, pg_options_to_table(fdwoptions) o(name, value)
UNION ALL
SELECT format('ALTER USER MAPPING FOR %s SERVER %I OPTIONS (SET %I %L)',
              CASE umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(usename) END, srvname, o.name,
              'removed'),
       o.value,
       'pg_user_mapping', 0, 0
  FROM pg_user_mappings, pg_options_to_table(umoptions) o(name, value)
UNION ALL
SELECT NULL, o.name, NULL, 0, 0
  FROM (SELECT ftoptions FROM pg_foreign_table
        UNION ALL SELECT attfdwoptions FROM pg_attribute
        UNION ALL SELECT srvoptions FROM pg_foreign_server
        UNION ALL SELECT fdwoptions FROM pg_foreign_data_wrapper
        UNION ALL SELECT umoptions FROM pg_user_mappings) each(options),
       pg_options_to_table(options) o(name, value)
UNION ALL
-- Columns that are inherited, or a type's, have its name; an index's keep what they were made by.
SELECT CASE relkind WHEN 'c'
       THEN format('ALTER TYPE %s RENAME ATTRIBUTE %I TO %I CASCADE', c.oid::regclass, attname,
                   'removed-' || attnum)
       ELSE format('ALTER TABLE %s RENAME COLUMN %I TO %I', c.oid::regclass, attname,
                   'removed-' || attnum) END,
       attname::text,
       'pg_attribute', 2, 0
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
 WHERE attrelid >= 16384 AND attnum > 0 AND NOT attisdropped AND attinhcount = 0
   AND reloftype = 0 AND relkind <> 't'
   AND NOT (relkind IN ('i', 'I') AND EXISTS (
              SELECT FROM pg_inherits JOIN pg_attribute p ON p.attrelid = inhparent
               WHERE inhrelid = a.attrelid AND p.attnum = a.attnum AND p.attname = a.attname))
UNION ALL
-- An index's constraint has its name; one that is inherited has that of its parent's.
SELECT format('ALTER %s RENAME CONSTRAINT %I TO %I',
              CASE contypid WHEN 0 THEN format('TABLE %s', conrelid::regclass)
                            ELSE format('DOMAIN %s', contypid::regtype) END, conname,
              'removed-' || oid),
       conname::text,
       'pg_constraint', 3, 0
  FROM pg_constraint k
 WHERE oid >= 16384
   AND NOT (contype IN ('p', 'u', 'x')
            AND EXISTS (SELECT FROM pg_class WHERE oid = conindid AND relname = conname))
   AND NOT (contype IN ('c', 'n') AND coninhcount > 0 AND EXISTS (
              SELECT FROM pg_inherits JOIN pg_constraint p ON p.conrelid = inhparent
               WHERE inhrelid = k.conrelid AND p.conname = k.conname))
UNION ALL
-- From 15 on a trigger's name goes down to the partitions, and no other way.
SELECT CASE WHEN tgparentid = 0 OR current_setting('server_version_num')::int < 150000
            THEN format('ALTER TRIGGER %I ON %s RENAME TO %I', tgname, tgrelid::regclass,
                        'removed-' || oid) END,
       tgname::text,
       'pg_trigger', 3, 0
  FROM pg_trigger t
 WHERE NOT tgisinternal
   AND NOT (current_setting('server_version_num')::int >= 150000 AND EXISTS (
              SELECT FROM pg_trigger p WHERE p.oid = t.tgparentid AND p.tgname = t.tgname))
UNION ALL
SELECT format('ALTER RULE %I ON %s RENAME TO %I', rulename, ev_class::regclass, 'removed-' || oid),
       rulename::text,
       'pg_rewrite', 3, 0
  FROM pg_rewrite WHERE rulename <> '_RETURN' AND oid >= 16384
UNION ALL
SELECT format('ALTER POLICY %I ON %s RENAME TO %I', polname, polrelid::regclass, 'removed-' || oid),
       polname::text,
       'pg_policy', 3, 0
  FROM pg_policy
UNION ALL
SELECT format('ALTER %s %s RENAME TO %I', CASE relkind WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
              oid::regclass, 'removed-' || oid),
       relname::text,
       'pg_class pg_type pg_constraint', 5, 0
  FROM pg_class WHERE oid >= 16384 AND relkind <> 't'
UNION ALL
-- Tables' types and those of arrays have names by what they are of.
SELECT format('ALTER TYPE %s RENAME TO %I', oid::regtype, 'removed-' || oid), typname::text,
       'pg_type', 5, 0
  FROM pg_type t
 WHERE oid >= 16384 AND typrelid = 0 AND NOT EXISTS (SELECT FROM pg_type WHERE typarray = t.oid)
UNION ALL
SELECT format('ALTER ROUTINE %s RENAME TO %I', oid::regprocedure, 'removed-' || oid), proname::text,
       'pg_proc', 4, 0
  FROM pg_proc WHERE oid >= 16384
UNION ALL
SELECT format('ALTER STATISTICS %I.%I RENAME TO %I', nspname, stxname, 'removed-' || s.oid),
       stxname::text,
       'pg_statistic_ext', 5, 0
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = stxnamespace WHERE s.oid >= 16384
UNION ALL
SELECT format('ALTER %s %s RENAME TO %I', upper(replace(i.type, '-', ' ')), i.identity,
              'removed-' || x.oid),
       x.name::text,
       x.catalogue::text, x.turn, 0
  FROM (SELECT 'pg_collation'::regclass, oid, collname, 5 FROM pg_collation
        UNION ALL SELECT 'pg_conversion'::regclass, oid, conname, 5 FROM pg_conversion
        UNION ALL SELECT 'pg_opclass'::regclass, oid, opcname, 5 FROM pg_opclass
        UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfname, 5 FROM pg_opfamily
        UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgname, 5 FROM pg_ts_config
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictname, 5 FROM pg_ts_dict
        UNION ALL SELECT 'pg_event_trigger'::regclass, oid, evtname, 5 FROM pg_event_trigger
        UNION ALL SELECT 'pg_publication'::regclass, oid, pubname, 5 FROM pg_publication
        -- Before 14 nobody but a superuser is told its oid; here it is a number and no more.
        UNION ALL SELECT 'pg_subscription'::regclass, min(subid), subname, 5
                    FROM pg_stat_subscription JOIN pg_subscription USING (subname)
                    JOIN pg_database d ON d.oid = subdbid
                   WHERE datname = current_database() GROUP BY subname
        UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvname, 5 FROM pg_foreign_server
        UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, fdwname, 5
                    FROM pg_foreign_data_wrapper
        UNION ALL SELECT 'pg_language'::regclass, oid, lanname, 5 FROM pg_language
        UNION ALL SELECT 'pg_namespace'::regclass, oid, nspname, 6 FROM pg_namespace
                   WHERE nspname !~ '^pg_'
       ) x(catalogue, oid, name, turn),
       pg_identify_object(x.catalogue, x.oid, 0) i
 WHERE x.oid >= 16384
UNION ALL
SELECT NULL, current_database()::text, NULL, 5, 0
UNION ALL
-- What is said beside these names, and is set to nothing by a command that is the same for all.
SELECT NULL, concat_ws(' ', srvtype, srvversion), NULL, 5, 0 FROM pg_foreign_server
UNION ALL
SELECT NULL, dictinitoption, NULL, 5, 0 FROM pg_ts_dict WHERE oid >= 16384
UNION ALL
SELECT NULL, to_jsonb(c) ->> 'collicurules', NULL, 5, 0 FROM pg_collation c WHERE oid >= 16384
UNION ALL
SELECT NULL, concat_ws(' ', subslotname, array_to_string(subpublications, ' ')), NULL, 5, 0
  FROM pg_subscription JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()
UNION ALL
-- Who may not read this column may not have it in a query either: it is asked for in one of its
-- own, and as words, for what runs a query that is given as text, on every server, counts words.
SELECT NULL, CASE WHEN has_column_privilege('pg_subscription', 'subconninfo', 'SELECT')
             THEN (SELECT string_agg(word, ' ') FROM ts_stat($$
               SELECT array_to_tsvector(array_remove(regexp_split_to_array(subconninfo, '\s+'), ''))
                 FROM pg_subscription JOIN pg_database d ON d.oid = subdbid
                WHERE datname = current_database()$$)) END, NULL, 5, 0
"""
# A name is in the trees of what refers to it, too, as it was then; the text tells what it is now.
_TREES = """
SELECT CASE relkind
       WHEN 'v' THEN format('CREATE OR REPLACE VIEW %s %s AS %s', c.oid::regclass,
                            'WITH (' || array_to_string(reloptions, ', ') || ')',
                            pg_get_viewdef(c.oid))
       WHEN 'm' THEN format('DROP MATERIALIZED VIEW IF EXISTS %s', c.oid::regclass) END,
       concat_ws(' ', ev_action, ev_qual),
       'pg_rewrite', 20, c.oid
  FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class
 WHERE r.oid >= 16384 AND rulename = '_RETURN'
UNION ALL
SELECT overlay(pg_get_ruledef(oid) PLACING 'CREATE OR REPLACE RULE' FROM 1 FOR 11),
       concat_ws(' ', ev_action, ev_qual),
       'pg_rewrite', 20, oid
  FROM pg_rewrite WHERE oid >= 16384 AND rulename <> '_RETURN'
UNION ALL
-- What the body of a function was parsed into, from 14 on.
SELECT CASE WHEN prokind <> 'a' THEN pg_get_functiondef(oid) END,
       to_jsonb(p) ->> 'prosqlbody',
       'pg_proc', 20, oid
  FROM pg_proc p WHERE oid >= 16384
UNION ALL
SELECT format('ALTER POLICY %I ON %s %s %s', polname, polrelid::regclass,
              'USING (' || pg_get_expr(polqual, polrelid) || ')',
              'WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')'),
       concat_ws(' ', polqual, polwithcheck),
       'pg_policy', 20, oid
  FROM pg_policy
"""
_SETTINGS = """
SELECT format('ALTER %s RESET %s',
              CASE WHEN setdatabase <> 0 AND setrole <> 0
                   THEN format('ROLE %I IN DATABASE %I', rolname, datname)
                   WHEN setdatabase <> 0 THEN format('DATABASE %I', datname)
                   WHEN setrole <> 0 THEN format('ROLE %I', rolname) ELSE 'ROLE ALL' END,
              (SELECT string_agg(quote_ident(part), '.' ORDER BY number)
                 FROM unnest(string_to_array(split_part(setting, '=', 1), '.'))
                      WITH ORDINALITY parts(part, number))),
       setting,
       'pg_db_role_setting', 10, 0
  FROM pg_db_role_setting CROSS JOIN unnest(setconfig) setting
  LEFT JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase
 WHERE {}
"""
_OF_SERVER = """
-- Nobody renames the role that they connect as; the one that initdb makes has any name.
SELECT CASE WHEN rolname <> session_user
            THEN format('ALTER ROLE %I RENAME TO %I', rolname, 'removed-' || oid) END,
       rolname::text,
       'pg_authid', 7, 0
  FROM pg_roles WHERE oid >= 16384 OR oid = 10
UNION ALL
SELECT format('ALTER TABLESPACE %I RENAME TO %I', spcname, 'removed-' || oid), spcname::text,
       'pg_tablespace', 7, 0
  FROM pg_tablespace WHERE oid >= 16384
UNION ALL
-- By these names others go on where they were: none can be given another.
SELECT NULL, slot_name::text, NULL, 7, 0 FROM pg_replication_slots
UNION ALL
SELECT NULL, roname, NULL, 7, 0 FROM pg_replication_origin
UNION ALL
SELECT NULL, gid, NULL, 7, 0 FROM pg_prepared_xacts
"""
_UNION = " UNION ALL "
OWN: Final = _UNION.join(
    (_DEFINITIONS, _NAMES, _TREES, _SETTINGS.format("datname = current_database()"))
)
OF_ALL: Final = _UNION.join((_SETTINGS.format("setdatabase = 0"), _OF_SERVER))
"""What every database shows."""
TEXTS: Final = tuple(
    sql.SQL("SELECT v FROM ({}) parts(s, v, c, t, o)").format(sql.SQL(parts))
    for parts in (OWN, OF_ALL)
)
# Options of a user mapping are shown to the superuser, and to whom the mapping or the server is; by
# what a subscription connects is shown to the superuser.
ALL_SHOWN: Final = """
SELECT (current_setting('is_superuser') = 'on' OR NOT EXISTS (
  SELECT FROM pg_user_mappings m JOIN pg_foreign_server s ON s.oid = m.srvid
   WHERE NOT CASE umuser WHEN 0 THEN pg_has_role(srvowner, 'USAGE')
                  ELSE (pg_has_role(srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE'))
                       AND usename = current_user END))
   AND (has_column_privilege('pg_subscription', 'subconninfo', 'SELECT') OR NOT EXISTS (
  SELECT FROM pg_subscription JOIN pg_database d ON d.oid = subdbid
   WHERE datname = current_database()))
"""
