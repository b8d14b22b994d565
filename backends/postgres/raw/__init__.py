"""A server's files read as bytes, believing nothing of what SQL shows.

The modules, from the ground up:

* ``compiled``: loops over bytes, compiled where numba is there
* ``pglz``, ``packed``: what is compressed, opened
* ``separate``: values told apart in bytes of rows
* ``pages``, ``toast``: relation files; values that lie in many rows
* ``wal``: the write-ahead log
* ``transactions``: which of them were committed
* ``access``: ways to the files, by the host or through the server
* ``look``: looking for the dataset in all of it
"""
