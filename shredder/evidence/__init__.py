"""Evidence: from the plan, the journal and the second sweep to a signed, timestamped bundle.

Nothing here is made of what was intended: a statement is built of files and journal entries
that were durable before it.
"""

from shredder.evidence.announce import announce, announced_file
from shredder.evidence.attest import attest, bundle_file, foreseen
from shredder.evidence.later import add_timestamps, renew_timestamps
from shredder.evidence.logged import heads_of, inspect_log, log_folder, open_log, prove_bundle

__all__ = [
    "add_timestamps",
    "announce",
    "announced_file",
    "attest",
    "bundle_file",
    "foreseen",
    "heads_of",
    "inspect_log",
    "log_folder",
    "open_log",
    "prove_bundle",
    "renew_timestamps",
]
