"""XML, HTML and Markdown."""

from __future__ import annotations

import random
from html import escape
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from tests.corpus.tables import Table


def _element(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)


def _records(table: Table, end: str, indent: str) -> str:
    found = []
    for record in table.records():
        inner = [
            f"{indent * 2}<{_element(n)}>{xml_escape(v)}</{_element(n)}>" for n, v in record.items()
        ]
        found.append(end.join([f"{indent}<respondent>", *inner, f"{indent}</respondent>"]))
    return end.join(["<respondents>", *found, "</respondents>"])


def _attributes(table: Table, end: str, indent: str) -> str:
    found = [
        f"{indent}<r " + " ".join(f"{_element(n)}={quoteattr(v)}" for n, v in r.items()) + "/>"
        for r in table.records()
    ]
    return end.join(["<respondents>", *found, "</respondents>"])


def xml(rng: random.Random, table: Table) -> str:
    write = rng.choice((_records, _attributes))
    return '<?xml version="1.0"?>\n' + write(table, "\n", rng.choice(("  ", "\t"))) + "\n"


def xml_one_line(rng: random.Random, table: Table) -> str:
    return '<?xml version="1.0"?>' + rng.choice((_records, _attributes))(table, "", "")


def html(rng: random.Random, table: Table) -> str:
    """A table as pages have it: a row a line, or a cell a line, or no line ends at all."""
    cell_end, row_end = rng.choice((("", "\n"), ("\n", "\n"), ("", "")))

    def row(values: tuple[str, ...], tag: str) -> str:
        cells = cell_end.join(f"<{tag}>{escape(v)}</{tag}>" for v in values)
        return f"<tr>{cell_end}{cells}{cell_end}</tr>"

    rows = [row(table.names, "th")] if table.header else []
    rows += [row(r, "td") for r in table.rows]
    body = row_end.join(["<table>", *rows, "</table>"])
    return f"<!DOCTYPE html><html><head><title>Results</title></head><body>{body}</body></html>"


def markdown(rng: random.Random, table: Table) -> str:
    def line(values: tuple[str, ...]) -> str:
        return "| " + " | ".join(v.replace("|", "\\|").replace("\n", " ") for v in values) + " |"

    ruler = tuple("---" for _ in table.names)
    return "\n".join(map(line, [table.names, ruler, *table.rows])) + "\n"
