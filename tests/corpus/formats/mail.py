"""Mail: a message for each record, and one message with all of them attached."""

from __future__ import annotations

import random
from email import policy
from email.message import EmailMessage

from tests.corpus.formats import delimited
from tests.corpus.tables import Table


def _message(subject: str, number: int) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "survey@example.org"
    message["To"] = "team@example.org"
    message["Subject"] = subject
    message["Date"] = "Tue, 15 May 2018 10:00:00 +0000"
    message["Message-ID"] = f"<{number}.survey@example.org>"
    return message


def mbox(rng: random.Random, table: Table) -> bytes:
    """A message a record, in quoted-printable, base64 or 8 bits (RFC 4155's From_ lines)."""
    encoding = rng.choice(("quoted-printable", "base64", "8bit"))
    found = []
    for number, record in enumerate(table.records()):
        message = _message("New answer", number)
        lines = "\n".join(f"{n}: {v}" for n, v in record.items())
        message.set_content(f"A new answer came in.\n\n{lines}\n", cte=encoding)
        found.append(b"From survey@example.org Tue May 15 10:00:00 2018\n" + bytes(message))
    return b"\n".join(found).replace(b"\r\n", b"\n") + b"\n"


def eml_attachment(rng: random.Random, table: Table) -> bytes:
    message = _message("The data as promised", rng.randrange(1000))
    message.set_content("Hi,\n\nsee the file. Please delete it afterwards!\n")
    data = delimited.csv_plain(rng, table).encode()
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename="a.csv")
    return bytes(message)
