"""`python -m tests.example.log_lines`: a process that sets up its logs and logs what may be logged."""

import asyncio
import logging

import structlog
from pydantic import SecretStr
from sqlalchemy import text

from chassis.db.database import Database
from chassis.ops.logs import configure_logging
from chassis.ops.settings import ServiceSettings
from chassis.web.context import current_context, request_context

logger = structlog.get_logger("notes")
library = logging.getLogger("library")


def log_outside_a_request() -> None:
    logger.debug("ours_debug")
    logger.info("ours", title="a note", password=SecretStr("hunter2"), size=3)
    library.debug("theirs debug")
    library.info("theirs %s", "formatted", extra={"token": "hunter2"})


def log_in_a_request() -> None:
    token = current_context.set(request_context(b"r-1", f"00-{'a' * 32}-{'b' * 16}-01".encode()))
    logger.info("ours_in_request", path="/\x1b[2J\rnotes\N{GRINNING FACE}\ud800")
    library.warning("theirs in request")
    log_exceptions()
    current_context.reset(token)


def fail() -> None:
    local = "hunter2"
    raise ValueError(f"no such note\nDETAIL:  Key (title)=({local}) is missing.")


def log_exceptions() -> None:
    try:
        fail()
    except ValueError:
        logger.exception("ours_failed")
        library.exception("theirs failed")


async def query() -> None:
    database = Database("sqlite:///logged.db")
    async with database.write_session() as session:
        await (await session.connection()).execute(
            text("SELECT :password"), {"password": "hunter2"}
        )
    await database.aclose()


configure_logging(ServiceSettings(), "notes")
log_outside_a_request()
log_in_a_request()
asyncio.run(query())
