"""Objects that a server of S3 encrypts under keys that are sent along (SSE-C), one an object.

The server has an object's key while it works with the object, and keeps none; it never has the
dataset's, from which they are derived. By the object's name alone: its replica in another bucket is
the same bytes under the same key.
"""

from __future__ import annotations

from backends.sealedvalue._values import Values


def customer_key(values: Values, name: str) -> dict[str, str | bytes]:
    """What boto3 sends along with every request about an object; `name` is its key in the bucket.

    ::

        client.put_object(Bucket=…, Key=name, Body=…, **customer_key(values, name))
    """
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": values.object_key(name)}
