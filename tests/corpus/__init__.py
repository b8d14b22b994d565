"""A corpus of copies and decoys, made by a seed, and a judge of what is said of them.

``python -m tests.corpus`` judges; see :mod:`tests.corpus.__main__`. What is decidable says
:mod:`tests.corpus.truth`. Rules are written looking at seeds below 1000 only; what is reported
and tested comes from seeds of 1000 and more.
"""
