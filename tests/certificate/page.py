"""A page as a strict reader finds it: its elements, and its text."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img", "input", "hr"}
SILENT = {"style", "title"}


class Page(HTMLParser):
    """Elements with their attributes, in order, and the text that is shown."""

    def __init__(self, source: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.feed(source.decode("utf-8"))
        self.close()
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), "an attribute stands twice"
        if tag == "br":
            self.pieces.append("\n")
        elif tag not in VOID:
            self.open.append(tag)
            self.pieces.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag not in {"bdi", "code", "strong"}:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        if not SILENT & set(self.open):
            self.pieces.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """All that is shown, with single spaces."""
        return " ".join("".join(self.pieces).split())
