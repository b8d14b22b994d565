"""Asking authorities: a real one, several, and servers that answer as badly as they can."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rfc3161_client import decode_timestamp_response

from attestations import TimestampUnavailable, request_timestamp, request_timestamps
from attestations._token import signer
from attestations.tsa_client import MAX_RESPONSE
from demo.servers.tsa import TimestampAuthority
from tests.attestations import made
from tests.attestations.forge import Forge

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def server(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def do_GET(self) -> None:
            answer(self, b"")

        def log_message(self, *_: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}/tsa?token=secret"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def reply(
    http: BaseHTTPRequestHandler, body: bytes, kind: str = "application/timestamp-reply"
) -> None:
    http.send_response(200)
    http.send_header("Content-Type", kind)
    http.end_headers()
    http.wfile.write(body)


def drip(http: BaseHTTPRequestHandler, _: bytes) -> None:
    """One byte at a time, each well within a socket's time-out."""
    http.send_response(200)
    http.send_header("Content-Type", "application/timestamp-reply")
    http.end_headers()
    try:
        for _n in range(100):
            http.wfile.write(b"0")
            http.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def redirect(http: BaseHTTPRequestHandler, _: bytes) -> None:
    http.send_response(302)
    http.send_header("Location", "file:///etc/passwd")
    http.end_headers()


def hang_up(http: BaseHTTPRequestHandler, _: bytes) -> None:
    http.connection.shutdown(socket.SHUT_RDWR)


FORGE = Forge()

BAD: dict[str, tuple[Answer, str]] = {
    "an error": (lambda http, _: http.send_error(503), "answered 503"),
    "a page": (lambda http, _: reply(http, b"<html>", "text/html"), "not a timestamp reply"),
    "nothing": (lambda http, _: reply(http, b""), "cannot be read"),
    "nonsense": (lambda http, _: reply(http, b"nonsense"), "cannot be read"),
    "too much": (lambda http, _: reply(http, bytes(MAX_RESPONSE + 1)), "too long"),
    "a refusal": (lambda http, _: reply(http, b"\x30\x05\x30\x03\x02\x01\x02"), "status 2"),
    "another nonce": (
        lambda http, _: reply(http, FORGE.stamp(b"envelope", made.NOW)),
        "another request",
    ),
    "a redirection": (redirect, "answered 302"),
    "a hang-up": (hang_up, "no timestamp"),
    "a drip": (drip, "timed out"),
}


@pytest.mark.parametrize(("answer", "match"), BAD.values(), ids=BAD.keys())
def test_a_bad_answer_is_no_timestamp(answer: Answer, match: str) -> None:
    with server(answer) as url, pytest.raises(TimestampUnavailable, match=match) as caught:
        request_timestamp(b"envelope", url, timeout=0.3)
    assert "127.0.0.1" in caught.value.message
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "data:,x",
        "127.0.0.1",
        "",
        "http://",
        "http://[::1",
        "http://a:b@127.0.0.1/",
    ],
)
def test_only_http_is_spoken(url: str) -> None:
    with pytest.raises(TimestampUnavailable, match="not an http"):
        request_timestamp(b"envelope", url)


def test_a_server_that_is_down_is_unavailable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(TimestampUnavailable, match="refused"):
        request_timestamp(b"envelope", url, timeout=1)


def test_no_authority_is_unavailable() -> None:
    with pytest.raises(TimestampUnavailable, match="too few") as caught:
        request_timestamps(b"envelope", [])
    assert caught.value.exit_code == 8


@pytest.mark.needs("openssl")
def test_the_next_authority_is_asked_where_one_fails(tsa: TimestampAuthority) -> None:
    with server(hang_up) as down:
        (token,) = request_timestamps(b"envelope", [down, tsa.url], timeout=2)
        assert token
        with pytest.raises(TimestampUnavailable):
            request_timestamps(b"envelope", [down, tsa.url], wanted=2, timeout=2)


@pytest.mark.needs("openssl")
def test_one_authority_does_not_count_twice(tsa: TimestampAuthority) -> None:
    with pytest.raises(TimestampUnavailable, match="too few"):
        request_timestamps(b"envelope", [tsa.url, tsa.url], wanted=2)


@pytest.mark.needs("openssl")
def test_many_may_ask_at_once(tsa: TimestampAuthority) -> None:
    """Serial numbers lie in a file; no two replies may share one."""
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda n: request_timestamp(b"%d" % n, tsa.url), range(16)))
    from attestations._token import decode

    assert len({decode(token)[1].tst_info.serial_number for token in tokens}) == 16


# --- Several authorities, tries, policies -------------------------------------------------


@contextmanager
def second_authority(folder: Path) -> Iterator[TimestampAuthority]:
    with TimestampAuthority(folder, name="Second TSA") as authority:
        yield authority


def flaky(authority: TimestampAuthority, *, fails: int, asked: list[float]) -> Answer:
    """Answers as the authority does, but for the first few times."""

    def answer(http: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(time.monotonic())
        if len(asked) <= fails:
            http.send_error(503)
        else:
            reply(http, authority.reply(body))

    return answer


@pytest.mark.needs("openssl")
def test_two_authorities_give_two_tokens(tsa: TimestampAuthority, tmp_path: Path) -> None:
    with second_authority(tmp_path) as second, server(hang_up) as down:
        urls = [down, tsa.url, second.url]
        tokens = request_timestamps(b"envelope", urls, wanted=2, timeout=5, pause=0.01)
        assert len({signer(token) for token in tokens}) == 2
        # What is held already is not asked for twice.
        (more,) = request_timestamps(b"envelope", urls, held=tokens[:1], timeout=5, pause=0.01)
        assert signer(more) == signer(tokens[1])


@pytest.mark.needs("openssl")
def test_two_addresses_of_one_authority_are_one(tsa: TimestampAuthority) -> None:
    with server(flaky(tsa, fails=0, asked=[])) as other:
        with pytest.raises(TimestampUnavailable, match="too few") as caught:
            request_timestamps(b"envelope", [tsa.url, other], wanted=2, timeout=5, pause=0.01)
        assert len(caught.value.got) == 1  # what was given is not lost


@pytest.mark.needs("openssl")
def test_trouble_that_passes_is_tried_again_and_later_each_time(tsa: TimestampAuthority) -> None:
    asked: list[float] = []
    with server(flaky(tsa, fails=2, asked=asked)) as url:
        (token,) = request_timestamps(b"envelope", [url], timeout=5, pause=0.05)
    first, second, third = asked
    assert token
    assert second - first >= 0.05
    assert third - second >= 0.1


@pytest.mark.needs("openssl")
def test_the_tries_come_to_an_end(tsa: TimestampAuthority) -> None:
    asked: list[float] = []
    with (
        server(flaky(tsa, fails=99, asked=asked)) as url,
        pytest.raises(TimestampUnavailable, match="503"),
    ):
        request_timestamps(b"envelope", [url], timeout=5, pause=0.01)
    assert len(asked) == 3


def test_a_wrong_answer_is_not_asked_for_again() -> None:
    asked: list[bytes] = []

    def nonsense(http: BaseHTTPRequestHandler, body: bytes) -> None:
        asked.append(body)
        reply(http, b"nonsense")

    with server(nonsense) as url, pytest.raises(TimestampUnavailable, match="cannot be read"):
        request_timestamps(b"envelope", [url], timeout=5, pause=0.01)
    assert len(asked) == 1


@pytest.mark.needs("openssl")
def test_an_answer_under_another_policy_is_none(tsa: TimestampAuthority) -> None:
    with pytest.raises(TimestampUnavailable, match="another policy"):
        request_timestamps(b"envelope", [tsa.url], policies={tsa.url: "1.2.3.4.5"})
    response = decode_timestamp_response(request_timestamp(b"envelope", tsa.url))
    policies = {tsa.url: response.tst_info.policy.dotted_string}
    assert request_timestamps(b"envelope", [tsa.url], policies=policies)
