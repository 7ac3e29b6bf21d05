"""Which outcomes of a fault fail the test, and which reads count as failed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.e2e.chaos.ledger import Known, Ledger
from tests.e2e.faults.assertions import assert_documented
from tests.e2e.faults.load import Load
from tests.e2e.faults.readers import Reader, Reads
from tests.e2e.faults.report import Figures
from tests.e2e.faults.trial import Outcome

FIGURES = Figures(
    fault="none",
    sent=2,
    failed=0,
    lost_writes=0,
    outage_seconds=0.0,
    recovery_seconds=0.0,
    convergence_seconds=0.0,
    events=1,
    duplicates=0,
    differences=0,
)


@pytest.fixture
def outcome() -> Outcome:
    """An outcome that passes."""
    load = Load(Ledger(), Reads(sent=1))
    load.ledger.known["shop"] = {1: Known({"Kettle"})}
    return Outcome(load, FIGURES, differences=[])


def test_outcome_without_differences_passes(outcome: Outcome) -> None:
    assert_documented(outcome)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda each: each.load.ledger.undocumented.append("POST /items/: 502"), "/items/: 502"),
        (lambda each: each.load.reads.undocumented.append("GET /items/1: 504"), "/items/1: 504"),
        (lambda each: each.differences.append("item 1 is lost"), "is lost"),
        (lambda each: each.load.ledger.known.clear(), "has shown nothing"),
    ],
    ids=["write", "read", "databases", "no items"],
)
def test_other_outcome_fails(
    outcome: Outcome, spoil: Callable[[Outcome], None], message: str
) -> None:
    spoil(outcome)
    with pytest.raises(AssertionError, match=message):
        assert_documented(outcome)


@asynccontextmanager
async def answering(status_line: bytes) -> AsyncIterator[str]:
    """The URL of a server that answers each request with this status."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 " + status_line + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("status_line", "failures", "undocumented"),
    [
        (b"200 OK", 0, 0),
        (b"503 Service Unavailable", 2, 0),
        (b"502 Bad Gateway", 2, 2),
        (b"404 Not Found", 2, 2),
    ],
)
async def test_reader_counts_failures_and_undocumented_answers(
    status_line: bytes, failures: int, undocumented: int
) -> None:
    reads, end = Reads(), asyncio.Event()
    async with answering(status_line) as url:
        reader = asyncio.create_task(Reader(url, ["/1", "/2"], reads, 5).read_until(end))
        while reads.sent < 2:  # noqa: ASYNC110 - it sends no event
            await asyncio.sleep(0.001)
        end.set()
        await reader
    assert reads.sent % 2 == 0
    assert len(reads.failures) == reads.sent * failures // 2
    assert len(reads.undocumented) == reads.sent * undocumented // 2
