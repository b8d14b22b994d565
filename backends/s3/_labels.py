"""What is written on an object: its key, metadata and tags. Records can be in them, too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from backends.contract import Evidence, Matcher
from backends.s3._bucket import Bucket
from backends.s3._errors import is_denied, is_gone, is_unsupported, speaking

_HEADERS = ("ContentDisposition", "ContentType", "WebsiteRedirectLocation", "CacheControl")
_ENDINGS = 4  # .tar.gz.age and one more


def labels(key: str, answer: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[str]:
    """Yield each text, and as it reads decoded where it is encoded (RFC 2047, RFC 3986)."""
    metadata: Mapping[str, str] = answer.get("Metadata", {})
    yield from _readings(key)
    for name in _HEADERS:
        if name in answer:
            yield from _readings(str(answer[name]))
    for name, value in (*metadata.items(), *tags.items()):
        yield from _readings(name)
        yield from _readings(value)


def tags_of(
    bucket: Bucket, key: str, version_id: str, answer: Mapping[str, Any]
) -> Mapping[str, str] | None:
    """Read the tags of a version; None: they cannot be read.

    GetObject counts them only for who may read them, so that no count is no answer.
    """
    if answer.get("TagCount") == 0:
        return {}
    with speaking(bucket.where):
        try:
            found = bucket.client.get_object_tagging(
                Bucket=bucket.name, Key=key, VersionId=version_id
            )
        except ClientError as error:
            if is_unsupported(error):
                return {}
            if is_denied(error) or is_gone(error):
                return None
            raise
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def evidence_in(texts: Iterator[str], matcher: Matcher) -> Evidence:
    """Classify all labels of one object as one record window."""
    window = "\n".join(dict.fromkeys(texts)).encode("utf-8", "replace")
    scan = matcher.scan()
    scan.feed(window, [len(window)])
    return scan.evidence()


def _readings(text: str) -> Iterator[str]:
    yield text
    yield unquote(text)
    yield from _stems(unquote(text))
    if "=?" in text:
        try:
            yield str(make_header(decode_header(text)))
        except (HeaderParseError, LookupError, UnicodeError):
            return


def _stems(path: str) -> Iterator[str]:
    """Each part of a path without its endings: a matcher can take ``7301.csv`` for one word."""
    for part in path.split("/"):
        stem = part
        for _ in range(_ENDINGS):
            stem, dot, _ending = stem.rpartition(".")
            if not dot:
                break
            yield stem
