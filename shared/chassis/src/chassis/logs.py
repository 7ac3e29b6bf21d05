"""Structured logs: JSON in containers, readable on a terminal, never a secret."""

import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from chassis.context import current_context
from chassis.settings import ServiceSettings

_SECRET_KEY = re.compile(
    r"passw|secret|token|authorization|cookie|private|passphrase|e_?mail", re.IGNORECASE
)
# PostgreSQL's drivers put the offending row's values into the text of an exception.
_ROW_VALUES = re.compile(r"^DETAIL: .*$|\[parameters: .*\]", re.MULTILINE)


def configure_logging(settings: ServiceSettings, service: str) -> None:
    """Set up this process's logs. Called once, by the command line, before anything is logged."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_service(service),
        add_request_context,
        structlog.processors.format_exc_info,
        scrub,
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
    """Take out what must not be logged, whoever logged it: a second line of defence."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = "[redacted]"
        elif isinstance(value, str):
            event[key] = _ROW_VALUES.sub("[redacted]", value)
    return event


def _add_service(service: str) -> Processor:
    def add(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _renderer(settings: ServiceSettings) -> Processor:
    readable = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stdout.isatty()
    )
    if not readable:
        return structlog.processors.JSONRenderer()
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return _without_service(console)


def _without_service(render: Callable[..., Any]) -> Processor:
    def without(logger: WrappedLogger, method: str, event: EventDict) -> Any:
        event.pop("service", None)  # a reader of a terminal knows which service is speaking
        return render(logger, method, event)

    return without


def _route_standard_logging(shared: list[Processor], renderer: Processor, level: int) -> None:
    """Send the lines of libraries (uvicorn, SQLAlchemy, asyncio) the same way as our own."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each URL at info
