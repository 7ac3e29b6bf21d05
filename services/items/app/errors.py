"""The errors of this service, in addition to those of `chassis.web.errors`."""

from chassis.web.errors import Forbidden, NotFound, Unavailable


class ItemNotFound(NotFound):
    sentence = "Item not found"


class NotYourItem(Forbidden):
    sentence = "Only the item's owner or an administrator may do this."


class OwnerInactive(Forbidden):
    code, sentence = "owner_inactive", "This account is deactivated."


class OwnerGone(Forbidden):
    code, sentence = "owner_gone", "This account no longer exists."


class OwnerUnknown(OwnerGone):
    """No event about the owner has arrived yet. It reaches a client only if a lookup didn't find the owner either."""


class UsersUnavailable(Unavailable):
    code = "users_unavailable"
    sentence = "The users service is unavailable and nothing was stored. Try again shortly."
