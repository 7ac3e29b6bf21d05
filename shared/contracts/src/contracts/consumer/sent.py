"""What differs between the requests that a client sends and those that its test expects."""

from collections.abc import Iterable, Iterator, Sequence

from pact.error import Mismatch, MissingRequest, RequestMismatch, RequestNotFound

from contracts.consumer.expected import Expected, Request
from contracts.consumer.relay import Sent

_ALWAYS_SENT = {
    *("host", "user-agent", "connection", "accept-encoding", "content-length", "transfer-encoding"),
    *("x-request-id", "traceparent"),
}
"""Headers that no interaction has to declare, with `accept: */*`."""


def differences(mismatches: Sequence[Mismatch]) -> Iterator[str]:
    for each in mismatches:
        match each:
            case MissingRequest():
                yield f"  not sent   {each.method} {each.path}"
            case RequestNotFound():
                yield f"  sent       {each.method} {each.path}"
            case RequestMismatch():
                yield f"  sent       {each.method} {each.path}"
                yield from (f"  differs    {part}" for part in each.mismatches)
            case _:
                yield f"  differs    {each}"


def undeclared(expected: Sequence[Expected], sent: Iterable[Sent]) -> Iterator[str]:
    for each in sent:
        requests = [
            e.request
            for e in expected
            if (e.request.method, e.request.path) == (each.method, each.path)
        ]
        found = [list(_additions(request, each)) for request in requests]
        for addition in min(found, key=len, default=[]):
            yield f"  undeclared {each.method} {each.path} has {addition}: add it to the `Request`"


def _additions(request: Request, sent: Sent) -> Iterator[str]:
    declared = {name.lower() for name in request.headers} | _ALWAYS_SENT
    if request.body is not None:
        declared.add("content-type")
    elif sent.has_body:
        yield "a body"
    for name, value in sent.headers.items():
        if name not in declared and (name, value) != ("accept", "*/*"):
            yield f"the header `{name}: {value}`"
