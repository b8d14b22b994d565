"""Attestations: statements, envelopes, timestamps, policy and the auditor's procedure.

Ground floor: nothing here imports ``shredder`` or ``backends``; it needs only
``cryptography`` and ``rfc3161-client``. The specification is docs/attestation.md.

The issuer's way::

    committer = Committer(secret)                       # secret = Committer.new_secret()
    plan = issue_plan(Plan(...), signers=[signer])      # -> Sealed, checked as an auditor will
    plan = plan.with_timestamps(request_timestamps(plan.envelope, authorities))
    ...                                                 # destroy, verify, sweep
    result = issue_result(Destruction(...), plan=plan, signers=[signer])
    Bundle(plan, result.with_timestamps(...)).write(path)
    ...                                                 # years later, before a certificate ends
    plan = plan.with_renewal(request_renewal(plan, authorities))

The auditor's way::

    report = check_file(bundle_path, Policy.load(policy_path))
"""

from attestations.annex import Annex, read_annex
from attestations.bundle import Bundle, Sealed, read_bundle
from attestations.chain import Link, check_chain
from attestations.commitment import Committer, MerkleBuilder, Opening, inclusion_path
from attestations.destruction import (
    Destruction,
    Finding,
    Fingerprint,
    FingerprintStatus,
    KeyErasure,
    Known,
    Outcome,
    Recipient,
    Risk,
    Status,
    Target,
    Times,
    Told,
    Verification,
)
from attestations.disclosure import (
    Disclosed,
    Disclosure,
    HoldingOpened,
    HoldingShown,
    Leaf,
    ScopeOpened,
    check_disclosure,
    read_disclosure,
    sample_indices,
)
from attestations.disclosure import Request as DisclosureRequest
from attestations.envelope import Envelope, seal
from attestations.errors import (
    AttestationError,
    Code,
    CouldNotTell,
    KeyUnusable,
    PolicyRefused,
    Refused,
    TimestampUnavailable,
    Unreadable,
)
from attestations.issue import issue_plan, issue_result
from attestations.keys import Algorithm, PublicKey
from attestations.outcome import Computed, Obstacle, compute
from attestations.parts import (
    Actor,
    Controller,
    Dataset,
    Decisions,
    Found,
    Method,
    Request,
    ScopeCoverage,
    Sweep,
    Tally,
    Tool,
    Tree,
    UnitStatus,
)
from attestations.paths import root_and_paths
from attestations.plan import (
    FingerprintDecision,
    Plan,
    PlanDecision,
    PlannedFingerprint,
    PlannedTarget,
    PlanTimes,
)
from attestations.policy import (
    Expectations,
    LogRules,
    Policy,
    RoleThreshold,
    Signs,
    TimestampRules,
    TrustedAuthority,
    TrustedKey,
    TrustedLog,
    TrustedWitness,
    trusted_key,
)
from attestations.procedure import check, check_file, verify
from attestations.renewal import told_end
from attestations.report import LogVerdict, Report, SignedBy, TimeVerdict, Verdict
from attestations.signers import KeyFileSigner, Signer
from attestations.statement import from_payload, to_payload
from attestations.supplied import Supplied
from attestations.tsa_client import (
    request_renewal,
    request_timestamp,
    request_timestamps,
    told_time,
)

__all__ = [
    "Actor",
    "Algorithm",
    "Annex",
    "AttestationError",
    "Bundle",
    "Code",
    "Committer",
    "Computed",
    "Controller",
    "CouldNotTell",
    "Dataset",
    "Decisions",
    "Destruction",
    "Disclosed",
    "Disclosure",
    "DisclosureRequest",
    "Envelope",
    "Expectations",
    "Finding",
    "Fingerprint",
    "FingerprintDecision",
    "FingerprintStatus",
    "Found",
    "HoldingOpened",
    "HoldingShown",
    "KeyErasure",
    "KeyFileSigner",
    "KeyUnusable",
    "Known",
    "Leaf",
    "Link",
    "LogRules",
    "LogVerdict",
    "MerkleBuilder",
    "Method",
    "Obstacle",
    "Opening",
    "Outcome",
    "Plan",
    "PlanDecision",
    "PlanTimes",
    "PlannedFingerprint",
    "PlannedTarget",
    "Policy",
    "PolicyRefused",
    "PublicKey",
    "Recipient",
    "Refused",
    "Report",
    "Request",
    "Risk",
    "RoleThreshold",
    "ScopeCoverage",
    "ScopeOpened",
    "Sealed",
    "SignedBy",
    "Signer",
    "Signs",
    "Status",
    "Supplied",
    "Sweep",
    "Tally",
    "Target",
    "TimeVerdict",
    "Times",
    "TimestampRules",
    "TimestampUnavailable",
    "Told",
    "Tool",
    "Tree",
    "TrustedAuthority",
    "TrustedKey",
    "TrustedLog",
    "TrustedWitness",
    "UnitStatus",
    "Unreadable",
    "Verdict",
    "Verification",
    "check",
    "check_chain",
    "check_disclosure",
    "check_file",
    "compute",
    "from_payload",
    "inclusion_path",
    "issue_plan",
    "issue_result",
    "read_annex",
    "read_bundle",
    "read_disclosure",
    "request_renewal",
    "request_timestamp",
    "request_timestamps",
    "root_and_paths",
    "sample_indices",
    "seal",
    "to_payload",
    "told_end",
    "told_time",
    "trusted_key",
    "verify",
]
