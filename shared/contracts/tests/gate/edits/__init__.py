"""Edits of the example's services: the gate fails for breaking ones and passes harmless ones."""

from gate.edits.consumers import CONSUMERS
from gate.edits.descriptions import DESCRIPTIONS
from gate.edits.edit import Edit
from gate.edits.events import EVENTS
from gate.edits.harmless import HARMLESS
from gate.edits.listings import LISTINGS
from gate.edits.lockstep import LOCKSTEP
from gate.edits.requests import REQUESTS
from gate.edits.responses import RESPONSES
from gate.edits.statuses import STATUSES
from gate.edits.typed import TYPED

BREAKING = (
    *RESPONSES,
    *STATUSES,
    *TYPED,
    *REQUESTS,
    *LISTINGS,
    *EVENTS,
    *DESCRIPTIONS,
    *CONSUMERS,
    *LOCKSTEP,
)

__all__ = ["BREAKING", "HARMLESS", "Edit"]
