"""A verified attestation as a document for people: HTML for screen and print, and PDF.

Composed of verified bytes only, once, and rendered twice::

    content = compose(Checked(bundle, policy, report, at, version))
    html = to_html(content)     # one file, no script, no request
    pdf = to_pdf(content)       # PDF/A-2a and PDF/UA-1

Needs the extra ``certificate``.
"""

from shredder.certificate.compose import Checked, compose
from shredder.certificate.content import Certificate
from shredder.certificate.html import to_html
from shredder.certificate.pdf import Paper, to_pdf

__all__ = ["Certificate", "Checked", "Paper", "compose", "to_html", "to_pdf"]
