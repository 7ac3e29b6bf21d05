"""Structured logs: JSON in containers, readable on a terminal, never a secret."""

import logging
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from io import TextIOWrapper
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from chassis.ops.settings import ServiceSettings
from chassis.web.context import current_context

_SECRET_KEY = re.compile(
    r"passw|secret|token|authorization|cookie|private|passphrase|e_?mail", re.IGNORECASE
)
# Where exceptions repeat values of a row, of a statement or of a body. A row's may contain line breaks.
_VALUES = re.compile(
    r"(^[ |]*DETAIL: |\[parameters: |invalid input for query argument |"
    r"invalid input syntax for type |input_value=|'input': )"
    r"(?:(?<=DETAIL: ).*?(?=\n[ |]*(?:\[SQL: |HINT: |The above |During handling )|\Z)|[^\n]*)",
    re.MULTILINE | re.DOTALL,
)
# All but tab and line feed.
_CONTROL_CHARACTERS = {
    code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))
}
# At level debug, these log statements with their values, URLs and headers.
_TALKATIVE = ("aiosqlite", "httpcore", "httpx")


def configure_logging(settings: ServiceSettings, service: str) -> None:
    """Set up this process's logs. Called once, by the command line, before anything is logged."""
    if isinstance(sys.stdout, TextIOWrapper):  # escape characters that it can't encode
        sys.stdout.reconfigure(errors="backslashreplace")
    shared: list[Processor] = [
        structlog.processors.format_exc_info,
        scrub,
        # What is added from here on contains no secret.
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, event: {**event, "service": service},
        add_request_context,
    ]
    renderer = _renderer(settings)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    _route_standard_logging(shared, renderer, level)


def add_request_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    context = current_context.get()
    if context is not None:
        event["request_id"] = context.request_id
        event["trace_id"] = context.trace_id
    return event


def scrub(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Remove secrets, as a second line of defence."""
    for key, value in event.items():
        event[key] = "[redacted]" if _is_secret(key) else _scrubbed(value)
    return event


@lru_cache(maxsize=1024)  # every line has the same few keys
def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        # Text that repeats values has a blank or an equals sign; paths, methods and ids, in each line, have none.
        return _VALUES.sub(r"\1[redacted]", value) if " " in value or "=" in value else value
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, BaseException):
        return _scrubbed(f"{type(value).__name__}: {value}")
    if isinstance(value, dict):
        return scrub(None, "", {str(key): inner for key, inner in value.items()})
    if isinstance(value, (list, tuple)):
        return [_scrubbed(inner) for inner in value]
    return value


def _renderer(settings: ServiceSettings) -> Processor:
    readable = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stdout.isatty()
    )
    if not readable:
        return structlog.processors.JSONRenderer()
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return _for_a_terminal(console)


def _for_a_terminal(render: Callable[..., Any]) -> Processor:
    def readable(logger: WrappedLogger, method: str, event: EventDict) -> Any:
        event.pop("service", None)  # a person at a terminal knows it
        for key, value in event.items():
            if isinstance(value, str):  # text of a client must not control the terminal
                event[key] = value.translate(_CONTROL_CHARACTERS)
        return render(logger, method, event)

    return readable


def _route_standard_logging(shared: list[Processor], renderer: Processor, level: int) -> None:
    """Process the lines of libraries (uvicorn, SQLAlchemy, asyncio) as those of the service."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
