"""The errors that only this service answers with (the others: `chassis.web.errors`)."""

from chassis.web.errors import Forbidden, NotFound, Unavailable


class ItemNotFound(NotFound):
    sentence = "Item not found"


class NotYourItem(Forbidden):
    sentence = "Only the item's owner or an administrator may do this."


class OwnerInactive(Forbidden):
    code, sentence = "owner_inactive", "This account is deactivated and can't put items up."


class OwnerGone(Forbidden):
    code, sentence = "owner_gone", "This account no longer exists."


class UsersUnavailable(Unavailable):
    code = "users_unavailable"
    sentence = "The users service can't be asked right now; nothing was stored. Try again shortly."
