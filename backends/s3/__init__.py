"""Objects of S3 and of servers that speak like it: every version, marker and unfinished upload.

Settings of ``[stores.NAME]``: `buckets` (names or patterns), `endpoint_url` (left out: AWS),
`region`, `profile`, `exclude` (patterns of keys that are not looked into), and, where guessing
goes wrong, `encoding` and `delimiter` of sources. Credentials come from boto3's own chain only.
boto3 loads when a store is opened, not before.

Who runs the server may name it: `server` = "seaweedfs" with `master`, `filer` and `data_directory`
offers what it keeps of deleted objects as holdings of residue; see :mod:`backends.seaweedfs`. With
`scrub` (`scrub_reserve`, `scrub_seconds`) the free space below its files is one, too.
"""

from backends.s3._backend import BACKEND, S3Backend

__all__ = ["BACKEND", "S3Backend"]
