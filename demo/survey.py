"""A made-up survey: people who do not exist, and what they answered. The same for a seed."""

from __future__ import annotations

import csv
import io
import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

NAME = "survey-2018-05"
TITLE = "User survey of May 2018"


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_FIRST = _phrases(
    "Adele|Bruno|Chloé|Dieter|Elif|Farid|Greta|Håkon|Inès|Jonas|Katarzyna|Lars|Maria|"
    "Noor|Oskar|Petra|Quentin|Rosa|Søren|Tomás|Ursula|Viktor|Wanda|Xenia|Yusuf|Zoë|Anja|"
    "Benoît|Celia|Dmitri"
)


@dataclass(frozen=True, slots=True)
class _Pool:
    """What one survey's people are called and what they say: no two surveys asked the same."""

    host: str
    last: Sequence[str]
    openings: Sequence[str]
    middles: Sequence[str]
    endings: Sequence[str]
    wishes: Sequence[str]


_USERS = _Pool(
    host="example.org",
    last=_phrases(
        "Ackermann|Bäcker|Clark|Dubois|Eriksson|Fischer|García|Hofmann|Ivanova|Jäger|Köhler|"
        "Lindqvist|Müller|Nowak|Öztürk|Petit|Quist|Rossi|Schäfer|Thomsen|Ueda|Vogel|Weiß|Xu|"
        "Yilmaz"
    ),
    openings=_phrases(
        "I use it|Wir nutzen es|My team opens it|Ich brauche es|On l'utilise|We open it|"
        "I would miss it|Nobody here uses it|My manager wants it|Ich öffne es"
    ),
    middles=_phrases(
        "every morning before the shop opens|once a month, für die Abrechnung|only under protest|"
        'because the older one, "Atlas", was switched off|mostly on the road|when trains run late|'
        "since my daughter showed me how|at the surgery, between two patients|à la fin du mois|"
        "whenever the auditors visit|in the warehouse; the light is poor there|auf dem Arbeitsweg"
    ),
    endings=_phrases(
        "and it cost me {n} minutes last week|and I have told {n} colleagues so|in room {n}|"
        "with {n} open questions|which saved us {n} euros|after {n} attempts|and {n} times in May"
    ),
    wishes=_phrases(
        "Larger letters on page {n}|Ein Export, der {n} Zeilen überlebt|Fewer than {n} e-mails|"
        "A map with {n} layers|Nothing, thank you; {n} is enough|Une version pour {n} personnes"
    ),
)
_CANTEEN = _Pool(
    host="example.net",
    last=_phrases(
        "Albrecht|Bianchi|Castro|Dvořák|Evans|Fontaine|Grün|Hansen|Iglesias|Johansson|Kaya|"
        "Lopez|Moreau|Neumann|Olsen|Peeters|Rahman|Santos|Tanaka|Urban|Vinter|Walsh|Young|"
        "Zając"
    ),
    openings=_phrases("The soup|Das Brot|Le poisson|The tea|Die Suppe|The queue|My tray|The salad"),
    middles=_phrases(
        "was colder than outside|schmeckt nach Karton|could feed a horse|never arrived|"
        "deserves a prize|kommt zu spät|manque de sel|is the reason I come"
    ),
    endings=_phrases(
        "(counter {n})|on day {n} of the year|, ticket {n}|; I waited {n} seconds|, Tisch {n}"
    ),
    wishes=_phrases("Menu {n} again|More than {n} chairs|Kein Gericht {n} mehr|{n} plants"),
)


class Record(NamedTuple):
    """One answer sheet, in the order of its columns. Everything is text, as in an export."""

    respondent_id: str
    email: str
    name: str
    birth_year: str
    income: str
    answer_use: str
    answer_wish: str


COLUMNS = Record._fields
ROLES = {
    "respondent_id": "private",
    "email": "person",
    "name": "person",
    "birth_year": "quasi",
    "income": "quasi",
    "answer_use": "private",
    "answer_wish": "private",
}


def records(count: int) -> list[Record]:
    """Make up the survey that has to go."""
    return _made_up(count, "users", _USERS)


def other_records(count: int) -> list[Record]:
    """Make up another survey, of other people, which has to stay."""
    return _made_up(count, "canteen", _CANTEEN)


def _made_up(count: int, seed: str, pool: _Pool) -> list[Record]:
    rng = random.Random(seed)
    return [_record(rng, number, pool) for number in range(count)]


def _record(rng: random.Random, number: int, pool: _Pool) -> Record:
    first, last = rng.choice(_FIRST), rng.choice(pool.last)
    # One answer in 25 has a line break in it, which a quoted field of an export keeps.
    joint = "\n" if rng.random() < 0.04 else " "
    said = (
        rng.choice(pool.openings),
        rng.choice(pool.middles),
        rng.choice(pool.endings).format(n=rng.randrange(2, 99_999)),
    )
    return Record(
        respondent_id=str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        email=f"{_ascii(first)}.{_ascii(last)}.{number}@{pool.host}",
        name=f"{first} {last}",
        birth_year=str(rng.randrange(1938, 2001)),
        income=str(rng.randrange(12_000, 140_000, 500)),
        answer_use=joint.join(said),
        answer_wish=rng.choice(pool.wishes).format(n=rng.randrange(2, 99_999)),
    )


def _ascii(name: str) -> str:
    kept = "".join(c for c in name.lower() if c.isascii() and c.isalpha())
    return kept or "x"


def as_csv(
    rows: Iterable[Sequence[str]],
    header: Sequence[str] = COLUMNS,
    *,
    delimiter: str = ",",
    end: str = "\n",
) -> str:
    """Write rows as an export does; an empty `header` leaves it out."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
