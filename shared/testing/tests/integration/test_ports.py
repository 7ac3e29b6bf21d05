import socket

import pytest

from service_testing import ports
from service_testing.ports import free_port


def test_free_port_is_given_once_and_never_while_something_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST", taken)
        monkeypatch.setattr(ports, "_COUNT", 60)
        monkeypatch.setattr(ports, "_given", set())

        given = [free_port() for _ in range(40)]
    assert len(set(given)) == 40
    assert taken not in given
