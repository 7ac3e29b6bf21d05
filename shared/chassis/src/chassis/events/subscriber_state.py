"""What a subscriber knows of a publisher, for the day on which the publisher is restored from a backup."""

from pydantic import BaseModel


class SubscriberState(BaseModel):
    """The command `subscriber-state` of a subscriber prints it, for `after-restore` of the publisher."""

    subscriber: str
    last_id: int
    """The highest id of an aggregate; 0 for none."""
    last_version: int
    """The highest version of any aggregate; 0 for none."""
    deleted_ids: list[int]
