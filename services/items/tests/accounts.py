"""Accounts as the users service has them, and the events that it writes of them."""

from dataclasses import dataclass, replace
from typing import Any

from chassis.events.cloudevents import Event
from service_testing.events import create_event


@dataclass(frozen=True, kw_only=True)
class Account:
    """One state of an account; each change makes the next."""

    id: int = 7
    name: str = "Ada"
    is_active: bool = True
    version: int = 1

    def changed(self, **changes: Any) -> "Account":
        return replace(self, version=self.version + 1, **changes)

    @property
    def data(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "is_active": self.is_active,
            "version": self.version,
        }

    def created(self) -> Event:
        return self._event("user.created")

    def updated(self) -> Event:
        return self._event("user.updated")

    def deleted(self) -> Event:
        """The event that a deletion in this state writes: the last state, one version further."""
        return self.changed(is_active=False)._event("user.deleted")

    def _event(self, event_type: str) -> Event:
        return create_event(event_type, self.data, subject=str(self.id))
