"""File operations that hold against symlinks, races, hard links and sudden death.

Everything goes by directory descriptors from a root that was opened once; no path of more than
one component is ever given to the kernel, and no symlink is ever followed below the root.
The modules, from the ground up:

* ``linux``: what Python's ``os`` lacks: renameat2, inode flags, leases, mounts
* ``tree``: opening roots, descending, walking
* ``identity``: which inode, in which state: versions
* ``by_handle``: finding a file again whose name has gone
* ``handles``: who else has a file open or mapped, where there are no leases
* ``btrfs``, ``xfs``, ``sharing``: subvolumes, layouts, and which other files have the same blocks
* ``space``, ``filesystem``, ``raw``: what lies on a device beneath a file system, and reading it
* ``keystream``, ``directly``, ``overwrite``: the overwriting, and the reading back
* ``condemn``: from a file under its name to no file, one durable step after the other
* ``reasons``: the kernel's refusals as reason codes
"""
