"""What people see of a sweep, a plan and a run."""

from __future__ import annotations

from collections import Counter
from typing import Any

from shredder.cli.console import Console, counted, shown, sized

Json = dict[str, Any]


def holdings(console: Console, found: list[Json], *, last: str = "") -> None:
    """A table of holdings; `last` is the key of the last column: decision, status or none."""
    if not found:
        return
    head = ("store", "kind", "verdict", "records", "foreign", "size", "seen", last, "locator")
    rows = [
        (
            h["store"],
            h["kind"],
            h["verdict"],
            h["records"],
            h["foreign_records"],
            sized(h["size"]) if h["size"] is not None else "?",
            ", ".join(f"{number} {kind}" for kind, number in h["signs"].items()),
            _last(h, last),
            h["locator"],
        )
        for h in found
    ]
    console.table(head, rows)


def _last(holding: Json, key: str) -> str:
    value = str(holding.get(key) or "")
    if key == "decision" and value == "destroy":
        return f"{value}: {holding['technique']}" + (" (all of it)" if holding["whole"] else "")
    return f"{value}: {holding['reason']}" if holding.get("reason") else value


def coverage(console: Console, entries: list[Json]) -> None:
    """A table of scopes with what was examined of each."""
    console.table(
        ("store", "scope", "coverage", "examined", "of", "reason"),
        [
            (
                entry["store"],
                entry["scope"],
                entry["status"],
                entry["units_examined"],
                entry["units_total"],
                entry["reason"] or "",
            )
            for entry in entries
        ],
    )


def problems(console: Console, entries: list[Json], *, most: int = 20) -> None:
    """What was not examined, one by one."""
    if not entries:
        return
    console.say()
    console.say(f"not examined ({counted(len(entries), 'gap')}):")
    for entry in entries[:most]:
        where = entry["locator"] or f"all of {entry['scope']}"
        console.say(f"  {entry['store']}: {shown(where)}: {entry['status']}, {entry['reason']}")
    if len(entries) > most:
        console.say(f"  … and {len(entries) - most} more: --json names them all")


def looked(console: Console, report: Json) -> None:
    """What `locate`, `plan` and `recheck` say."""
    found = report["holdings"]
    records = sum(h["records"] or 0 for h in found)
    console.say(
        f"{shown(report['dataset'])}: {counted(len(found), 'holding')}, "
        f"{counted(records, 'record')} in them"
    )
    console.say()
    holdings(console, found, last="decision" if found and "decision" in found[0] else "")
    if found:
        console.say()
    coverage(console, report["coverage"])
    problems(console, report.get("problems", []))


def came(console: Console, report: Json) -> None:
    """What `destroy` and `resume` say at the end."""
    console.say()
    holdings(console, report["holdings"], last="status")
    if report["appeared"]:
        console.say()
        console.say("found by the second sweep, and in no plan:")
        holdings(console, report["appeared"], last="decision")
    console.say()
    coverage(console, report["coverage"])
    console.say()
    counts = Counter(h["status"] for h in report["holdings"])
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    console.say(f"outcome: {report['outcome']} ({told})")
    console.say(f"attestation: {shown(report['attestation'])}")
    if report["time"] != "timestamped":
        console.say("its time is not proved yet: add timestamps with `shredder timestamp`")
