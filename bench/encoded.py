"""How fast a log goes that has a token in base64 in each line, beside one that has none.

    python bench/encoded.py [--size 64MB]

The tokens are JSON Web Tokens of three parts, of which two are text; those of the other log are
as long, and hexadecimal. A second is one
of processor time; MB is 10**6 bytes of the log.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backends.content import examine_stream
from bench.matcher import KEY, MEGA, Survey, size_of
from shredder.fingerprint import FingerprintMatcher, enrol
from shredder.sweep.memory import keep_what_is_freed

_ROUNDS = 3


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def log(size: int, *, encoded: bool) -> bytes:
    """Make a log of about `size` bytes."""
    chance = random.Random(4)
    head = _part(b'{"alg":"HS256","typ":"JWT"}')
    lines: list[str] = []
    total = 0
    while total < size:
        claims = {"sub": f"user{chance.randrange(10**6)}", "iat": len(lines)}
        token = ".".join((head, _part(json.dumps(claims).encode()), _part(chance.randbytes(32))))
        if not encoded:
            token = chance.randbytes(len(token) // 2).hex()
        lines.append(f"2018-05-04T12:01:11Z GET /item token={token} 200\n")
        total += len(lines[-1])
    return "".join(lines).encode()


def rate(matcher: FingerprintMatcher, data: bytes) -> float:
    """Return bytes a second of processor time, the best of some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        begun = time.thread_time()
        examine_stream(io.BytesIO(data), matcher)
        best = min(best, time.thread_time() - begun)
    return len(data) / best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size_of, default=size_of("64MB"))
    size: int = parser.parse_args().size
    keep_what_is_freed()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "catalogue")
        enrol([Survey(1_000_000)], roles={}, key=KEY, path=path)
        matcher = FingerprintMatcher(path, KEY)
        plain, tokens = log(size, encoded=False), log(size, encoded=True)
        rate(matcher, tokens[: MEGA // 10])
        print(f"no base64            {rate(matcher, plain) / MEGA:8.0f} MB/s")
        print(f"a token in each line {rate(matcher, tokens) / MEGA:8.0f} MB/s")


if __name__ == "__main__":
    main()
