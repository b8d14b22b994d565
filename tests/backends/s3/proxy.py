"""A small HTTP proxy in front of a real server that can lie, break off and refuse.

A rule sees each request and may answer in the server's place, or alter the server's answer.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    method: str
    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    cut: int | None = None  # send so many bytes of the body and break off


Pass = Callable[[], Answer]
Rule = Callable[[Request, Pass], "Answer | None"]


class Proxy:
    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self.requests: list[Request] = []
        self.rule: Rule = lambda _request, forward: forward()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: Any) -> None:
                pass

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(
                    self.command, self.path, self.rfile.read(length), dict(self.headers)
                )
                proxy.requests.append(request)
                answer = proxy.rule(request, lambda: proxy.forward(request))
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response_only(answer.status)
                for name, value in answer.headers:
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                head = self.command == "HEAD"
                lengths = [v for n, v in answer.headers if n.lower() == "content-length"]
                self.send_header(
                    "Content-Length", lengths[0] if head and lengths else str(len(answer.body))
                )
                self.end_headers()
                if not head:
                    self.wfile.write(answer.body[: answer.cut])
                self.wfile.flush()
                if answer.cut is not None:
                    self.close_connection = True

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def forward(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(
            str(self._target.hostname), self._target.port, timeout=30
        )
        try:
            # The Host header stays the proxy's: it is signed.
            connection.request(request.method, request.path, request.body, request.headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    @contextmanager
    def lying(self, rule: Rule) -> Iterator[None]:
        """Apply a rule for as long as the context lasts."""
        before, self.rule = self.rule, rule
        try:
            yield
        finally:
            self.rule = before

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def refused(status: int, code: str) -> Answer:
    """An error in the form that S3 has."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Answer(status, [("Content-Type", "application/xml")], body)
