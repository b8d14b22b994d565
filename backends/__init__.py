"""Backends: the code that speaks to one kind of store, and the contract they keep.

Ground floor: nothing here imports ``shredder`` or ``attestations``.
"""
