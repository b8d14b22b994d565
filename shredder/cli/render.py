"""What people see of a sweep, a plan and a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from shredder.cli.console import Console, counted, shown, sized

Json = dict[str, Any]
AFTER = {
    "keep": "kept, to recheck",
    "destroy": "destroyed as well, once the outcome is complete",
}
_MOST = 200  # holdings that a table shows


def holdings(console: Console, found: Iterable[Json], number: int, *, last: str = "") -> None:
    """A table of holdings; `last` is the key of the last column: decision, status or none."""
    if not number:
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
            ", ".join(counted(n, kind.removesuffix("s"), kind) for kind, n in h["signs"].items()),
            _last(h, last),
            h["locator"],
        )
        for h in islice(found, _MOST)
    ]
    console.table(head, rows)
    if number > _MOST:
        console.say(f"  … and {number - _MOST:,} more: --json names them all")


def _last(holding: Json, key: str) -> str:
    value = str(holding.get(key) or "")
    if key == "decision" and value == "destroy":
        told = (f"{value}: {holding['technique']}", *_costs(holding["cost"]))
        return ", ".join(told) + (" (all of it)" if holding["whole"] else "")
    return f"{value}: {holding['reason']}" if holding.get("reason") else value


def _costs(cost: Json | None) -> Iterator[str]:
    if cost is None:
        return
    if cost["exclusive"]:
        yield "locks others out"
    if cost["seconds"] is not None:
        yield f"about {cost['seconds']:,} s"
    if cost["writes"]:
        yield f"writes {sized(cost['writes'])}"


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


def problems(console: Console, entries: Iterable[Json], *, most: int = 20) -> None:
    """What was not examined, one by one."""
    number = sum(1 for _ in entries)
    if not number:
        return
    console.say()
    console.say(f"not examined ({counted(number, 'gap')}):")
    for entry in islice(entries, most):
        where = entry["locator"] or f"all of {entry['scope']}"
        console.say(f"  {entry['store']}: {shown(where)}: {entry['status']}, {entry['reason']}")
    if number > most:
        console.say(f"  … and {number - most:,} more: --json names them all")


def looked(console: Console, report: Json) -> None:
    """What `locate`, `plan` and `recheck` say."""
    if console.as_json:
        return
    found = report["holdings"]
    number = records = 0
    waits = Counter[tuple[str, int]]()
    last = ""
    ends = report.get("by_key", ())
    for holding in found.single():
        number += 1
        if days := holding["waits_days"]:
            waits[holding["until"] or "", days] += 1
        records += holding["records"] or 0
        last = "decision" if "decision" in holding else ""
    number += sum(group["holdings"] for group in ends)
    records += sum(group["records"] or 0 for group in ends)
    console.say(
        f"{shown(report['dataset'])}: {counted(number, 'holding')}, "
        f"{counted(records, 'record')} in them"
    )
    console.say()
    holdings(console, found, number, last=last)
    if number:
        console.say()
    for line in _waiting(waits):
        console.say(line)
    if waits:
        console.say()
    for group in ends:
        console.say(f"{_of(group)} left to the end of the key, and not deleted")
    if ends:
        console.say()
    for store, codes in report.get("not_by_key", {}).items():
        console.say(f"what is sealed in {shown(store)} is not left to the key: {', '.join(codes)}")
    if report.get("not_by_key"):
        console.say()
    coverage(console, report["coverage"])
    problems(console, report.get("problems", []))
    if after := report.get("fingerprint"):
        console.say()
        console.say(f"fingerprint: {AFTER.get(after, f'kept until {after}')}")


def _waiting(keys: Counter[tuple[str, int]]) -> Iterator[str]:
    """A line for keys whose deletion waits alike, or is to wait once it is told.

    `keys`: how many wait until when, empty if they are not told yet, and for how many days.
    """
    pending = Counter[str]()
    for (until, _), number in keys.items():
        pending[until] += number
    del pending[""]
    for until, number in sorted(pending.items()):
        yield f"the deletion of {counted(number, 'key')} is pending until {until}"
    for (until, days), number in sorted(keys.items()):
        if not until:
            told = f"{counted(days, 'day')}, or more with replicas"
            yield f"the deletion of {counted(number, 'key')} would be pending for {told}"


def _of(group: Json) -> str:
    where = f"{shown(group['store'])}, {shown(group['kind'])}"
    return f"{where}: {counted(group['holdings'], 'holding')}"


def came(console: Console, report: Json) -> None:
    """What `destroy` and `resume` say at the end."""
    if console.as_json:
        return
    console.say()
    counts = Counter(h["status"] for h in report["holdings"])
    holdings(console, report["holdings"], counts.total(), last="status")
    for group in report["by_key"]:
        counts[group["status"]] += group["holdings"]
        why = f": {group['reason']}" if group["reason"] else ""
        console.say(f"{_of(group)} left to the key: {group['status']}{why}")
    if appeared := sum(1 for _ in report["appeared"]):
        console.say()
        console.say("found by the second sweep, and in no plan:")
        holdings(console, report["appeared"], appeared, last="decision")
    console.say()
    coverage(console, report["coverage"])
    console.say()
    told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    console.say(f"outcome: {report['outcome']} ({told})")
    console.say(f"attestation: {shown(report['attestation'])}")
    if report["fingerprint"] == "destroyed":
        console.say("the fingerprint is destroyed: nothing of the dataset is recognised any more")
    if report["time"] != "timestamped":
        console.say("its time is not proved yet: add timestamps with `shredder timestamp`")
