"""Attestations: statements, envelopes, timestamps, policy and the auditor's procedure.

Ground floor: nothing here imports ``shredder`` or ``backends``; it needs only
``cryptography`` and ``rfc3161-client``.
"""
