"""A users service of canned answers, for the tests of its client."""

from collections.abc import Callable
from typing import Any

import httpx

Answer = httpx.Response | Exception
USER = {"id": 7, "name": "Ada", "is_active": True}


class Answers:
    """Gives these answers in turn, the last one for ever, and remembers the requests."""

    def __init__(self, *answers: Callable[[], Answer]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        match answer():
            case Exception() as error:
                raise error
            case response:
                return response


def answer(status: int, **content: Any) -> Callable[[], Answer]:
    """An answer with `json=`, `text=`, `content=` or `headers=`."""
    return lambda: httpx.Response(status, **content)


def failure(error_class: type[Exception]) -> Callable[[], Answer]:
    """A failure of the transport, whatever the arguments that its class wants."""
    return lambda: error_class.__new__(error_class)
