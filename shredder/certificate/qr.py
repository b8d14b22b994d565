"""A text as a QR code (ISO/IEC 18004), drawn as one path."""

from __future__ import annotations

_QUIET = 4  # modules around the symbol, as the standard asks for


def svg(text: str, label: str) -> str:
    """The symbol as SVG, black on white whatever surrounds it; `label` has no markup in it."""
    import segno  # noqa: PLC0415 - of an extra

    rows = segno.make(text, error="m", micro=False).matrix
    size = len(rows) + 2 * _QUIET
    strokes = [
        f"M{x + _QUIET} {y + _QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="{label}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path fill="#000" d="{"".join(strokes)}"/></svg>'
    )
