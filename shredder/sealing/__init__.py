"""Sealing: files and values that only the holder of a dataset's key can read.

* ``columns``: chosen columns of a CSV file, value by value
* ``files``: a file sealed into another, and opened; in the format of age
* ``keys``: a dataset's recipient, and its key for as long as it is needed
* ``records``: the own keys of single records, and their end
* ``values``: a dataset's values, for programs that keep them
"""
