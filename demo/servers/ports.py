"""Ports for servers of one's own, which no other process takes that looks for them in this way."""

from __future__ import annotations

import errno
import socket

_TRIES = 100


class Ports:
    """Ports of 127.0.0.1 on which nobody listens, until :meth:`release`.

    A server has to take its port by itself, and between the look and that another process could
    be given the same one. So the port of the same number for datagrams is kept: whoever wants both
    does not get it. Raises :class:`RuntimeError` if there are none.
    """

    def __init__(self, number: int) -> None:
        self._kept: list[socket.socket] = []
        streams: list[socket.socket] = []
        try:
            for _ in range(number + _TRIES):
                if len(self._kept) == number:
                    break
                streams.append(socket.create_server(("127.0.0.1", 0)))
                self._keep(streams[-1].getsockname()[1])
        finally:
            for each in streams:
                each.close()
        if len(self._kept) < number:
            self.release()
            raise RuntimeError("no free ports on 127.0.0.1")
        self.numbers = [int(each.getsockname()[1]) for each in self._kept]

    def release(self) -> None:
        """Let others have them."""
        for each in self._kept:
            each.close()

    def _keep(self, port: int) -> None:
        datagrams = socket.socket(type=socket.SOCK_DGRAM)
        try:
            datagrams.bind(("127.0.0.1", port))
        except OSError as error:
            datagrams.close()
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            self._kept.append(datagrams)
