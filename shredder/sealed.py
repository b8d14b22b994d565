"""The statements of a bundle, read back. What is read here has not been verified by that.

Apart from the rest of the evidence, so that an auditor's command loads no operator's code.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from attestations import Bundle, Destruction, Plan, Sealed, told_end
from attestations.envelope import Envelope
from attestations.statement import from_payload


def read_plan(sealed: Sealed) -> Plan:
    """The plan's statement as it was sealed."""
    plan = from_payload(Envelope.from_bytes(sealed.envelope, "plan").payload, Plan)
    assert isinstance(plan, Plan)
    return plan


def read_result(sealed: Sealed) -> Destruction:
    """The result's statement as it was sealed."""
    result = from_payload(Envelope.from_bytes(sealed.envelope, "result").payload, Destruction)
    assert isinstance(result, Destruction)
    return result


def renew_before(path: Path) -> datetime | None:
    """When the first certificate of a bundle's newest tokens ends, as they show it themselves."""
    bundle = Bundle.load(path)
    ends = (told_end(bundle.plan), told_end(bundle.result))
    return min(filter(None, ends), default=None)


def left_anything(path: Path) -> bool:
    """Whether a bundle says that some holding was left where it was, for whatever reason."""
    result = read_result(Bundle.load(path).result)
    decided = result.undecided.total + result.dismissed.total
    return bool(decided) or any(not target.status.destroyed for target in result.targets)
