"""Ports of servers: no two that look for them at the same time are given the same one."""

from __future__ import annotations

import socket

import pytest

from demo.servers import ports
from demo.servers.ports import Ports

REAL = socket.create_server


def offering(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    """Have the system offer these first, as it may what another process has looked at only."""
    offered = iter(numbers)

    def create_server(address: tuple[str, int]) -> socket.socket:
        return REAL((address[0], next(offered, 0)))

    monkeypatch.setattr(socket, "create_server", create_server)


def test_what_another_has_been_given_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Ports(2)
    assert len(set(first.numbers)) == 2
    for number in first.numbers:
        socket.create_server(("127.0.0.1", number)).close()  # its server can take it
    offering(monkeypatch, *first.numbers)
    second = Ports(2)
    assert not set(first.numbers) & set(second.numbers)
    second.release()
    first.release()
    offering(monkeypatch, *first.numbers)
    third = Ports(2)
    assert third.numbers == first.numbers
    third.release()


def test_none_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Ports(1)
    monkeypatch.setattr(ports, "_TRIES", 2)

    def create_server(_: object) -> socket.socket:
        taken = socket.socket()
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", first.numbers[0]))
        return taken

    monkeypatch.setattr(socket, "create_server", create_server)
    with pytest.raises(RuntimeError, match="no free ports"):
        Ports(1)
    first.release()
