import pytest
import structlog
from example.app import Note
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.types import EventDict

from service_testing.client import AppClient
from service_testing.isolation import IsolatedDatabase
from service_testing.queries import QueryCounter


class TestLogs:
    async def test_logs_of_a_request_have_no_secrets(
        self, client: AppClient, logs: list[EventDict]
    ) -> None:
        await client.get("/broken")
        assert logs == [{"event": "broke", "log_level": "error", "password": "[redacted]"}]

    def test_logs_have_tracebacks(self, logs: list[EventDict]) -> None:
        structlog.get_logger().error("failed", exc_info=LookupError("the cause"))
        assert logs[0]["exception"] == "LookupError: the cause"

    def test_logs_are_readable_in_the_report_of_a_failed_test(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        structlog.get_logger().error("failed", exc_info=LookupError("the cause"))
        assert capsys.readouterr().out.splitlines() == [
            "[error    ] failed",
            "LookupError: the cause",
        ]


class TestQueryCounter:
    async def test_statements_of_the_app_are_counted(
        self, client: AppClient, query_counter: QueryCounter
    ) -> None:
        await client.get("/notes/")
        await client.post("/notes/", params={"title": "one"})
        assert [statement.split()[0] for statement in query_counter.statements] == [
            "SELECT",
            "INSERT",
        ]

    @pytest.mark.committed
    async def test_statements_on_real_connections_are_counted(
        self, client: AppClient, query_counter: QueryCounter
    ) -> None:
        with query_counter.at_most(1):
            await client.get("/notes/")
        assert len(query_counter.statements) == 1

    async def test_more_statements_than_allowed_fail_the_test(
        self, database: IsolatedDatabase, query_counter: QueryCounter
    ) -> None:
        async with database.write_session() as session:
            with pytest.raises(AssertionError) as caught:
                await _ask_twice(session, query_counter)
        first, second = query_counter.statements
        assert str(caught.value) == f"2 statements, at most 1 allowed:\n  {first}\n  {second}"
        assert first.startswith("SELECT")

    def test_traceback_of_a_failure_ends_at_the_line_of_the_test(
        self, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(
            """
            from service_testing.queries import QueryCounter

            def test_hats():
                counter = QueryCounter()
                with counter.at_most(0):
                    counter.statements.append("SELECT hats")
            """
        )
        result = pytester.runpytest("-q")
        result.stdout.fnmatch_lines([">       with counter.at_most(0):", "E*SELECT hats"])
        for file in ("queries.py", "contextlib.py"):
            result.stdout.no_fnmatch_line(f"*{file}*")

    async def test_error_in_the_block_is_raised_instead(
        self, client: AppClient, query_counter: QueryCounter
    ) -> None:
        with pytest.raises(LookupError), query_counter.at_most(0):
            await _ask_and_fail(client)

    async def test_savepoints_are_not_counted(
        self, client: AppClient, query_counter: QueryCounter
    ) -> None:
        for status in (201, 409):
            response = await client.post("/notes/", params={"title": "one"})
            assert response.status_code == status
        assert [statement.split()[0] for statement in query_counter.statements] == 2 * ["INSERT"]

    async def test_ignored_statements_are_not_counted(
        self, database: IsolatedDatabase, query_counter: QueryCounter
    ) -> None:
        async with database.write_session() as session:
            with query_counter.at_most(0, ignored="FROM notes"):
                await session.get(Note, 1)
            with (
                pytest.raises(AssertionError, match="1 statements, at most 0"),
                query_counter.at_most(0, ignored="FROM others"),
            ):
                await session.get(Note, 2)


async def _ask_twice(session: AsyncSession, query_counter: QueryCounter) -> None:
    with query_counter.at_most(1):
        await session.get(Note, 1)
        await session.get(Note, 2)


async def _ask_and_fail(client: AppClient) -> None:
    await client.get("/notes/")
    raise LookupError
