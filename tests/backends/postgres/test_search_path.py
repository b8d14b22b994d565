"""Whoever owns a database says what names mean in it: no function of theirs is run as our role."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backends.postgres import leftovers

COUNT = 60
# Functions, relations and operators of the same names as the server's, found before them.
_TRAPS = """
CREATE SCHEMA trap;
DO $$ DECLARE what text; BEGIN
  FOR what IN
    SELECT format('FUNCTION trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS '
                  '''BEGIN RAISE EXCEPTION USING MESSAGE = ''''trapped''''; END''',
                  proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid))
      FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
    UNION ALL
    SELECT format('VIEW trap.%I AS SELECT 1 AS trapped', relname)
      FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
    UNION ALL
    SELECT format('OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.%I)',
                  oprname, oprleft::regtype, oprright::regtype, p.proname)
      FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode
     WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b'
  LOOP
    BEGIN
      EXECUTE 'CREATE ' || what;
    EXCEPTION WHEN OTHERS THEN NULL;  -- some take what no function of ours may
    END;
  END LOOP;
END $$
"""
_SPRUNG = (
    "SELECT pg_is_in_recovery()",
    "SELECT 'a' || 'b'::text",
    "SELECT setting FROM pg_settings",
)


def test_what_a_database_calls_by_the_servers_names_is_never_run(tmp_path: Path) -> None:
    dataset = leftovers.enrolled_matcher(tmp_path)
    with leftovers.server(tmp_path, 18) as place:
        leftovers.planted(place, COUNT)
        leftovers.logged(place)
        place.sql(_TRAPS)
        place.sql(f"ALTER DATABASE {place.name} SET search_path = trap, pg_catalog, public")
        with place.connect() as trapped:
            for statement in _SPRUNG:
                with pytest.raises(Exception, match=r"trapped|setting"):
                    trapped.execute(statement.encode())
        with place.store(residue=True) as store:
            leftovers.assert_nothing_is_left(place, store, dataset, host=True, count=COUNT)
