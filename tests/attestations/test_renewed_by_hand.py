"""The document's recipe on renewed bundles: what openssl says of each, good and spoilt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from attestations import Bundle, Code, Sealed, request_renewal
from demo.servers.tsa import TimestampAuthority
from tests.attestations.forge import Forge
from tests.attestations.kinds import issued
from tests.attestations.renewals import (
    FIRST,
    HOSTILE,
    RENEWED,
    ROOT,
    SECOND,
    STAMPED,
    THIRD,
    TWICE,
)
from tests.attestations.test_by_hand import Run, by_hand, stamped

pytestmark = pytest.mark.needs("jq", "openssl")

__all__ = ["by_hand"]  # the fixture


def run(by_hand: Run, of: Bundle) -> tuple[int, str]:
    """As an auditor who has the certificates of all three."""
    assert FIRST.leaf
    assert SECOND.leaf
    assert THIRD.leaf
    return by_hand(
        of,
        root=FIRST.root.pem,
        leaf=FIRST.leaf.pem,
        more={"renewal-root.pem": ROOT.pem, "renewal.pem": SECOND.leaf.pem + THIRD.leaf.pem},
    )


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimestampAuthority]:
    with TimestampAuthority(tmp_path_factory.mktemp("second"), name="Second TSA") as authority:
        yield authority


def test_real_authorities_renewals_are_accepted(
    by_hand: Run, tsa: TimestampAuthority, second: TimestampAuthority
) -> None:
    stamp, of = stamped(tsa), issued()

    def renewed(sealed: Sealed) -> Sealed:
        once = stamp(sealed)
        return once.with_renewal(request_renewal(once, [second.url]))

    bundle = Bundle(renewed(of.plan), renewed(of.result))
    pems = {"renewal-root.pem": second.root_pem, "renewal.pem": second.leaf_pem}
    code, said = by_hand(bundle, more=pems)
    assert (code, said.count("renewed at")) == (0, 2), said
    others = {"renewal-root.pem": tsa.root_pem, "renewal.pem": tsa.leaf_pem}
    code, said = by_hand(bundle, more=others)
    assert (code, said.strip()) == (9, "REFUSED: plan: the renewal is not good")


@pytest.mark.parametrize(
    ("bundle", "count"), [(STAMPED, 0), (RENEWED, 2), (TWICE, 4)], ids=["never", "once", "twice"]
)
def test_each_renewal_is_looked_at(by_hand: Run, bundle: Bundle, count: int) -> None:
    code, said = run(by_hand, bundle)
    assert (code, said.count("renewed at")) == (0, count), said
    assert said.count("signed no later than 2026-10-01") == 2


# A clock, the second of two timestamps, and what was asked for, are left to the verifiers.
LEFT_OUT = {
    "of the future",
    "granted otherwise than asked",
    "after the end of one certificate of two",
    "a renewal for a timestamp",
}


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in LEFT_OUT])
def test_what_the_verifiers_refuse_is_refused(by_hand: Run, name: str) -> None:
    make, code = HOSTILE[name]
    exit_code, said = run(by_hand, make())
    assert exit_code == 9, said
    assert said.startswith("REFUSED: result: "), said
    if code is Code.E_TS_WINDOW and "its own" not in name:
        assert said.split(": ")[2].strip() in {
            "the renewal is older than what it renews",
            "the renewal came too late",
        }


def test_another_authority_below_the_renewers_root_is_another(by_hand: Run, tmp_path: Path) -> None:
    sibling = Forge(root=ROOT)
    assert sibling.leaf is not None
    sealed = HOSTILE["by another authority below a known root"][0]().result
    code, said = run(by_hand, replace(STAMPED, result=sealed))
    assert (code, said.strip()) == (9, "REFUSED: result: another authority's renewal")
