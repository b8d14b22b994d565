"""Annexes of names for the tests, and everything that is none."""

from __future__ import annotations

import base64
import json
from typing import Any

from attestations import Annex
from tests.attestations import made

RUN = made.plan().attestation_id
_NAMES = {"staff-17": "Ada Example", "staff-3": "Grace Example"}
ANNEX = Annex.new(RUN, _NAMES).to_bytes()
OTHER = Annex.new(RUN, _NAMES).to_bytes()

GOOD = json.loads(ANNEX)
NO_ANNEXES: list[Any] = [
    {**GOOD, "attestationId": "another"},
    {**GOOD, "mediaType": "application/json"},
    {**GOOD, "salt": base64.b64encode(bytes(31)).decode()},
    {**GOOD, "salt": "*" * 44},
    {**GOOD, "salt": None},
    {**GOOD, "names": []},
    {**GOOD, "names": GOOD["names"] * 2},
    {**GOOD, "names": [{"reference": "staff-17", "name": ""}]},
    {**GOOD, "names": [{"reference": "a b", "name": "Ada"}]},
    {**GOOD, "names": [{"reference": "staff-17", "name": "Ada", "born": 1815}]},
    {**GOOD, "names": [{"reference": f"s-{n}", "name": "x"} for n in range(65)]},
    {**GOOD, "note": "x"},
    {key: GOOD[key] for key in ("mediaType", "salt", "names")},
    [],
]
NO_JSON = [b"", b"\xff", b"{" * 9, ANNEX[:-2] + b',"salt":"x"}', b"\xef\xbb\xbf" + ANNEX]
