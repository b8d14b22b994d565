"""Which buckets a store has: names as they are, patterns by what the server lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from backends.contract import Scope
from backends.errors import AccessDenied, CouldNotTell, Unreachable
from backends.s3._backend import WILDCARDS
from backends.s3._bucket import Bucket
from backends.s3._errors import speaking
from backends.s3._model import stamp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_DIRECTORY = "--x-s3"  # how the name of each directory bucket (S3 Express) ends


def is_pattern(name: str) -> bool:
    """Whether it stands for more than the one bucket of this name."""
    return bool(WILDCARDS.intersection(name))


def scopes(
    client: S3Client,
    store: str,
    wanted: Sequence[str],
    bucket_of: Callable[[str], Bucket],
    *,
    aws: bool,
) -> list[Scope]:
    """Return the buckets, each tried; what cannot be listed has a problem.

    At `aws` a pattern is held to directory buckets, too, which another service lists.

    Raises AccessDenied or Unreachable where nothing is known of any of them.
    """
    names = [name for name in wanted if not is_pattern(name)]
    patterns = [name for name in wanted if is_pattern(name)]
    found: list[Scope] = []
    if patterns:
        try:
            there = _names(client, store)
        except AccessDenied:
            if not names:
                raise
            found += [Scope(pattern, problem="access-denied") for pattern in patterns]
        else:
            directories = _directory_names(client, store) if aws else []
            if directories is None:
                found += [Scope(each, problem="directory-buckets-not-listed") for each in patterns]
            for pattern in patterns:
                every = (*there, *(directories or ()))
                matching = [name for name in every if fnmatchcase(name, pattern)]
                names += matching
                if not matching:  # perhaps there are some that these credentials do not see
                    found.append(Scope(pattern, problem="no-matching-bucket"))
    found += _tried(dict.fromkeys(names), bucket_of)
    return sorted(found, key=lambda scope: scope.name)


def _tried(names: Iterable[str], bucket_of: Callable[[str], Bucket]) -> list[Scope]:
    found: list[Scope] = []
    refusals: list[AccessDenied] = []
    for name in names:
        if name.endswith(_DIRECTORY):
            found.append(Scope(name, problem="directory-bucket"))
            continue
        try:
            page = bucket_of(name).listing.page(size=1)
        except Unreachable:
            raise
        except AccessDenied as refusal:
            refusals.append(refusal)
            found.append(Scope(name, problem=refusal.code))
        except CouldNotTell as error:
            found.append(Scope(name, problem=error.code))
        else:
            found.append(Scope(name, as_of=stamp(page.at)))
    if refusals and len(refusals) == len(found):
        raise refusals[0]
    return found


def _names(client: S3Client, store: str) -> list[str]:
    names: list[str] = []
    where = f"store {store}"
    with speaking(where):
        for page in client.get_paginator("list_buckets").paginate(
            PaginationConfig={"PageSize": 1000}
        ):
            if not {"Owner", "Buckets"}.intersection(page):
                raise CouldNotTell(
                    f"{where}: the server's list of buckets is not one", reason="no-listing"
                )
            names += [bucket["Name"] for bucket in page.get("Buckets", ())]
    return names


def _directory_names(client: S3Client, store: str) -> list[str] | None:
    """The names of the directory buckets; None if they may not be listed."""
    try:
        with speaking(f"store {store}"):
            pages = client.get_paginator("list_directory_buckets").paginate()
            return [bucket["Name"] for page in pages for bucket in page.get("Buckets", ())]
    except AccessDenied:
        return None
