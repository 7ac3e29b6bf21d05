"""Who did what to whom, and whether it was allowed: one line in the log and one count each (docs/security.md).

Accounts are named by their ids: a line contains no address, no secret and no token.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import structlog
from prometheus_client import CollectorRegistry, Counter
from structlog.types import Processor

from chassis.db.sessions import WriteSession
from chassis.web.errors import ApiError

logger = structlog.get_logger(__name__)

Action = Literal[
    "account_change",
    "account_deletion",
    "attempt_limit",
    "client_sign_in",
    "email_change",
    "email_confirmation",
    "password_change",
    "password_reset",
    "refresh_token_reuse",
    "role_change",
    "sign_in",
]
CommandAction = Literal["account_creation", "client_registration", "key_rotation", "role_change"]
Outcome = Literal["success", "failure"]


class SecurityEvents:
    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._count = Counter(
            "security_events_total",
            "Sign-ins, changes of credentials and accounts, and administrators' actions.",
            ("action", "outcome"),
            registry=registry,
        )
        for action in get_args(Action):  # so that the first one is an increase
            for outcome in get_args(Outcome):
                self._count.labels(action, outcome)

    def record(
        self,
        action: Action,
        outcome: Outcome = "success",
        *,
        actor: int | str | None = None,
        target: int | None = None,
        reason: str | None = None,
    ) -> None:
        """`actor` and `target` are ids of accounts, as far as they are known."""
        self._count.labels(action, outcome).inc()
        log = logger.info if outcome == "success" else logger.warning
        given = {"actor": actor, "target": target, "reason": reason}
        known = {name: value for name, value in given.items() if value is not None}
        log("security_event", action=action, outcome=outcome, **known)

    @contextmanager
    def recorded(
        self,
        action: Action,
        *,
        actor: int | None = None,
        target: int | None = None,
        session: WriteSession | None = None,
    ) -> Iterator[None]:
        """Record the block: its failure at once, its success when the `session` is committed."""
        try:
            yield
        except ApiError as error:
            self.record(action, "failure", actor=actor, target=target, reason=error.code)
            raise
        if session is None:
            self.record(action, actor=actor, target=target)
        else:
            session.on_commit(lambda: self.record(action, actor=actor, target=target))


def record_command(action: CommandAction, target: int | str) -> None:
    """Record what an operator did, on the standard error: the output of a command is for programs."""
    processors: list[Processor] = [
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ]
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=processors)
    line = {"action": action, "outcome": "success", "actor": "operator", "target": target}
    log.info("security_event", **line)
