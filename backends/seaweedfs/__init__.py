"""What a SeaweedFS keeps of deleted objects, for an operator who runs the server.

SeaweedFS appends: what was deleted through S3 stays in the volumes until they are compacted; names,
tags and metadata of it stay in the filer's store and in the log of the filer's changes.
:class:`backends.seaweedfs.store.ResidueStore` lays itself round the store of the buckets, and
offers these places as holdings of residue. The files read here have the form of SeaweedFS 3 and 4;
measured was 4.48. Settings are checked by :mod:`backends.seaweedfs.settings`, without the rest.
"""
