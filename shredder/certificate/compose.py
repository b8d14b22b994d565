"""A certificate's content, composed of what the auditor's procedure has verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from attestations import Destruction, Outcome, Plan, Report, TimeVerdict, Verdict
from shredder.certificate import checking, coverage, done, nist, remains, times, verified
from shredder.certificate.content import (
    Banner,
    Cell,
    Certificate,
    Facts,
    Section,
    cell,
    counted,
    lines,
    moment,
    mono,
    name,
    strong,
)
from shredder.certificate.people import person
from shredder.certificate.words import METHODS, OBSTACLES, OUTCOMES
from shredder.errors import InvalidAttestation


@dataclass(frozen=True, slots=True)
class Checked:
    """A bundle's exact bytes, and what checking them against a policy gave.

    `policy` is the policy's exact bytes; `at` the auditor's clock; `version` this tool's.
    """

    bundle: bytes
    policy: bytes
    report: Report
    at: datetime
    version: str


def compose(checked: Checked) -> Certificate:
    """Compose the content. Raises InvalidAttestation for a bundle that does not verify."""
    report = checked.report
    plan, result = report.plan, report.result
    if report.authentic is not Verdict.VALID or plan is None or result is None:
        raise InvalidAttestation(
            f"the bundle does not verify: {', '.join(report.codes)}",
            hint="no certificate is made of it; `shredder verify` says more",
        )
    return Certificate(
        title="Certificate of data destruction",
        subtitle=cell(name(result.dataset.title or result.dataset.label)),
        attestation_id=result.attestation_id,
        issued=result.issued_at,
        banner=_banner(report, result),
        sections=(
            _glance(report, plan, result),
            coverage.section(plan, result),
            done.section(result),
            verified.section(result),
            times.section(report, plan, result),
            remains.section(result),
            remains.recipients(result),
            checking.signers(report),
            nist.section(result, report),
            checking.recipe(
                report, result, checked.bundle, checked.policy, checked.at, checked.version
            ),
        ),
    )


def _banner(report: Report, result: Destruction) -> Banner:
    complete = report.computed is Outcome.COMPLETE
    timely = report.time is TimeVerdict.VALID
    words = [
        (complete, "Outcome: complete" if complete else f"Not complete: {result.outcome}"),
        (timely, "Time: proven" if timely else "Time not proven"),
    ]
    words.sort()  # what is missing comes first
    sentences = [cell(OUTCOMES[result.outcome])]
    sentences += [cell(strong("Not complete: "), OBSTACLES[each]) for each in report.obstacles]
    if result.dismissed.total:
        left = cell("Left alone, since decided to be no copy: ", result.dismissed.total, ".")
        sentences.append(left)
    if timely and report.no_later_than is not None:
        who = "An authority that the operator does not run vouches for it: issued no later than "
        sentences.append(cell(who, moment(report.no_later_than), "."))
    else:
        sentences.append(
            cell(
                strong("Time not proven: "),
                "no authority that the auditor trusts, and the operator does not run, vouches for "
                "when this was said. Every time below is the operator's own word.",
            )
        )
    return Banner(
        good=complete and timely, words=tuple(word for _, word in words), sentences=tuple(sentences)
    )


def _glance(report: Report, plan: Plan, result: Destruction) -> Section:
    rows = (
        ("Who", _who(report, result)),
        ("What", _what(result)),
        ("Where", coverage.where(result, plan)),
        ("How", _how(result)),
        ("When", times.glance(result)),
        ("What remains", remains.glance(result)),
    )
    return Section("At a glance", (Facts(rows),))


def _who(report: Report, result: Destruction) -> Cell:
    controller, operator = result.controller, result.operator
    reference = (" (", name(controller.reference), ")") if controller.reference else ()
    approved = [cell("Approved by ", *person(each, report)) for each in result.approvers]
    return lines(
        cell("Responsible: ", name(controller.name), *reference),
        cell("Carried out by ", *person(operator, report)),
        *approved,
        cell("Signed with ", counted(len(report.signers), "trusted key"), ": see Signers"),
    )


def _what(result: Destruction) -> Cell:
    dataset, request = result.dataset, result.request
    title = (", ", name(dataset.title)) if dataset.title else ()
    challenge = (
        [cell("Auditor's challenge: ", mono(request.challenge))] if request.challenge else []
    )
    return lines(
        cell("Dataset ", mono(dataset.label), *title),
        cell(
            dataset.records_enrolled,
            " records, of which ",
            dataset.records_recognisable,
            " can be recognised wherever they lie",
        ),
        cell("Ground: ", mono(request.basis)),
        *challenge,
    )


def _how(result: Destruction) -> Cell:
    counts: dict[tuple[str, str], int] = {}
    for target in result.groups:
        if target.status.destroyed:
            key = (target.technique or "", str(target.method))
            counts[key] = counts.get(key, 0) + target.holdings
    ways = [
        cell(number, " by ", mono(technique), ", claimed as ", mono(method))
        for (technique, method), number in sorted(counts.items())
    ]
    claimed = dict.fromkeys(t.method for t in result.groups if t.status.destroyed and t.method)
    return lines(
        *(ways or [cell("Nothing was destroyed.")]),
        *(cell(mono(method), ": ", METHODS[method]) for method in claimed),
    )
