"""What runs in reading processes, see :mod:`backends.content.apart`: one module a library."""
