"""Attestations as an auditor checked them, and the certificates of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from attestations import (
    Finding,
    Found,
    KeyErasure,
    Known,
    Method,
    Plan,
    Policy,
    Recipient,
    Risk,
    Status,
    Sweep,
    Tally,
    Told,
    UnitStatus,
    Verification,
    check,
)
from shredder.certificate import Certificate, Checked, compose
from tests.attestations import made
from tests.attestations.forge import Forge
from tests.attestations.judge import timed

FORGE = Forge()


def checked(
    plan: Plan | None = None, changes: dict[str, Any] | None = None, *, stamped: bool = True
) -> Checked:
    """A run's attestation, checked against a policy with the authority that stamped it."""
    stamp = FORGE.plain if stamped else None
    bundle = made.bundle(plan_of=plan, changes=changes, stamp=stamp).to_bytes()
    policy: Policy = timed(FORGE) if stamped else made.policy()
    report = check(bundle, policy, now=made.NOW)
    return Checked(bundle, policy.to_bytes(), report, made.NOW, "9.8.7")


def mixed() -> Checked:
    """A run that came to little: every status, gaps before and after, risks and recipients.

    Its numbers are odd ones, so that none stands on the page by chance.
    """
    before = (
        made.scope("share", "one", units_total=1009, units_examined=1009, as_of="lsn 0/77"),
        made.unreachable_scope("vault", "two"),
        made.scope("vault", "three", units_total=None, units_examined=311, units_failed=1117,
                   units_excluded=1223, status=UnitStatus.EXCLUDED,
                   reasons=(Tally("access-denied", 2341),)),
    )  # fmt: skip
    after = (*before[:1], made.scope("vault", "two", units_total=613, units_examined=613))
    counts = {
        "holdings": 17, "records": 2003,
        "holdings_unknown_records": 13, "holdings_unknown_foreign": 11,
    }  # fmt: skip
    targets = (
        made.target(holdings=3, records=120),
        made.left(Status.RETAINED, store="vault", **counts),
        made.target(
            store="vault", status=Status.DESTROYED_UNVERIFIED, reasons=(Tally("not-verified", 1),),
            verification=Verification(Finding.INCONCLUSIVE), holdings=31, records=0,
            holdings_unknown_records=29, holdings_unknown_foreign=27, foreign_records_destroyed=907,
            limitations=("reflinks-and-snapshots", "unheard-of-code"),
        ),
        made.target(store="vault", kind="object", technique="delete-version",
                    status=Status.PENDING, method=None, until=made.at(59), holdings=2, records=4,
                    reasons=(Tally("waiting-period", 2),),
                    verification=Verification(Finding.NOT_LOOKED)),
    )  # fmt: skip
    plan = made.plan(
        inventory=made.tree("inventory", 53),
        sweep=replace(made.plan().sweep, coverage=before, found=Found(copy=53)),
        targets=(
            made.planned(),
            made.planned(store="vault", holdings=48, records=2003),
            made.planned(store="vault", kind="object", technique="delete-version", holdings=2),
        ),
    )
    sweep = Sweep(made.at(21), made.at(22), after, Found(copy=19))
    return checked(
        plan,
        {
            "targets": targets,
            "sweep": sweep,
            "results": made.tree("results", 53),
            "residual_risks": (Risk("postgres-wal", made.at(58)), Risk("s3-provider-backups")),
            "recipients": (Recipient(made.NONE, "Auditors & Sons", Told.TOLD),
                           Recipient(made.tree("inventory", 2).root, None, Told.NOT_TOLD)),
        },
    )  # fmt: skip


def final() -> Checked:
    """A run that found nothing more of what an earlier one had left pending."""
    conditions = KeyErasure(
        ever_in_clear=Known.UNKNOWN, escrowed=Known.NO, backed_up=Known.YES, strength_bits=137,
        entropy_bits=251, keys_total=3, keys_destroyed=3, keys_scheduled=0,
    )  # fmt: skip
    settled = made.target(
        store="keys", kind="key", technique="cryptographic-erase", method=Method.LOGICAL_DELETE,
        holdings=1303, records=2011, holdings_unknown_records=17, erasure=conditions,
        verification=Verification(Finding.ABSENT, ("kms-keys",), (Tally("asked", 1489),)),
        limitations=("kms-erase-not-shown",),
    )  # fmt: skip
    nothing = made.plan(
        inventory=made.tree("inventory", 0),
        targets=(),
        sweep=replace(made.plan().sweep, found=Found()),
    )
    changes = {"targets": (), "settled": (settled,), "supersedes": made.tree("x", 5).root}
    return checked(nothing, changes)


RUNS: tuple[Callable[[], Checked], ...] = (checked, mixed, final)


def certificate(of: Checked | None = None) -> Certificate:
    """The content, of a good run if none is given."""
    return compose(of or checked())
