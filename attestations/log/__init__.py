"""Transparency logs: notes, checkpoints, proofs, a log on disk, and witnesses (C2SP, RFC 9162).

An entry is the SHA-256 of an envelope's exact bytes, in 32 bytes; its leaf hash is that of
RFC 6962 over the entry.
"""

from attestations.log.checkpoint import Checkpoint, open_checkpoint
from attestations.log.cosigned import best, leave, signed_heads
from attestations.log.inspection import Fault, inspect
from attestations.log.note import Kind, Note, NoteSigner, Signature, VerifierKey
from attestations.log.proof import consistency_spans, verify_consistency, verify_inclusion
from attestations.log.store import LogStore, check_extends, prove, read_head
from attestations.log.tiles import Tiles
from attestations.log.tlogproof import LogProof
from attestations.log.witness import Cosigned, Memory, cosign

__all__ = [
    "Checkpoint",
    "Cosigned",
    "Fault",
    "Kind",
    "LogProof",
    "LogStore",
    "Memory",
    "Note",
    "NoteSigner",
    "Signature",
    "Tiles",
    "VerifierKey",
    "best",
    "check_extends",
    "consistency_spans",
    "cosign",
    "inspect",
    "leave",
    "open_checkpoint",
    "prove",
    "read_head",
    "signed_heads",
    "verify_consistency",
    "verify_inclusion",
]
