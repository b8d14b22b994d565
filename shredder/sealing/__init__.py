"""Sealing: files that only the holder of a dataset's key can read, in the format of age.

* ``files``: a file sealed into another, and opened
* ``keys``: a dataset's recipient, and its key for as long as it is needed
* ``values``: a dataset's values, for programs that keep them
"""
