"""A stream written as one object, a part at a time, and read again."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from backends.errors import BackendError, SettingError, SourceError
from backends.s3._abort import is_taken_back
from backends.s3._bucket import Bucket
from backends.s3._errors import code_of, is_gone, speaking
from backends.s3._source import opener_of

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART = 32 << 20  # bytes; of 10,000 parts at the most, so that 320 GB can be written
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}  # somebody else wrote it since


def put(bucket: Bucket, key: str, chunks: Iterator[bytes]) -> None:
    """Write an object; see :class:`backends.deposit.Deposits`."""
    with _writing(bucket):
        if _is_there(bucket, key):
            raise _taken(bucket)
    parts = _parts(chunks)
    first, second = next(parts, b""), next(parts, None)
    if second is not None:
        _upload(bucket, key, itertools.chain((first, second), parts))
        return
    with _writing(bucket):
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=first, IfNoneMatch="*")


def _upload(bucket: Bucket, key: str, parts: Iterable[bytes]) -> None:
    """Write an object in parts; where that breaks off, take back those that were written."""
    client, name = bucket.client, bucket.name
    with _writing(bucket):
        upload = client.create_multipart_upload(Bucket=name, Key=key)["UploadId"]
    try:
        done: list[CompletedPartTypeDef] = []
        for number, part in enumerate(parts, start=1):
            with _writing(bucket):
                answer = client.upload_part(
                    Bucket=name, Key=key, UploadId=upload, PartNumber=number, Body=part
                )
            done.append({"PartNumber": number, "ETag": answer["ETag"]})
        with _writing(bucket):
            client.complete_multipart_upload(
                Bucket=name,
                Key=key,
                UploadId=upload,
                MultipartUpload={"Parts": done},
                IfNoneMatch="*",
            )
    except BackendError as error:
        raise error if is_taken_back(bucket, key, upload) else _with_rest(error) from None
    except BaseException:
        is_taken_back(bucket, key, upload)
        raise


def _with_rest(error: BackendError) -> BackendError:
    """The same error, which also says that not all is as it was."""
    return type(error)(
        f"{error.message}; the parts that were written stay, as an unfinished upload",
        hint="abort it: 'aws s3api list-multipart-uploads' lists them",
        reason=error.code,
    )


@contextmanager
def _writing(bucket: Bucket) -> Iterator[None]:
    with speaking(bucket.where):
        try:
            yield
        except ClientError as error:
            if code_of(error) in _TAKEN:
                raise _taken(bucket) from None
            raise


def get(bucket: Bucket, key: str) -> tuple[io.BufferedReader, int]:
    """Open an object's current version; see :class:`backends.deposit.Deposits`."""
    try:
        opener, size = opener_of(bucket, key)
    except SourceError:
        raise SettingError(f"{bucket.where}: no object of that key is there") from None
    return opener(), size


def _is_there(bucket: Bucket, key: str) -> bool:
    try:
        bucket.client.head_object(Bucket=bucket.name, Key=key)
    except ClientError as error:
        if is_gone(error):
            return False
        raise
    return True


def _taken(bucket: Bucket) -> SettingError:
    return SettingError(
        f"{bucket.where}: an object of that key is there, and is not replaced unasked",
        hint="take another key",
    )


def _parts(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, in pieces of one part's size and a last one."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= PART:
            yield bytes(held[:PART])
            del held[:PART]
    if held:
        yield bytes(held)
