"""A person's way through both services, with clients that openapi-python-client has generated."""
# needs: users, items

import sys

from items_client import AuthenticatedClient, Client
from items_client.api.items import (
    items_create_item,
    items_list_items,
    items_read_item,
    items_update_item,
)
from items_client.models import ErrorBody, ItemCreate, ItemPatch, ItemView, ItemViewPage
from items_client.models.items_list_items_sort import ItemsListItemsSort
from items_client.models.validation_error_body import ValidationErrorBody
from users_client import Client as UsersClient
from users_client.api.auth import auth_create_token
from users_client.api.users import users_create_user
from users_client.models import (
    OwnUser,
    PasswordGrant,
    RefreshTokenGrant,
    TokenErrorBody,
    TokenPair,
    UserCreate,
)

users_url, items_url, email, password = sys.argv[1:]
users, anonymous = UsersClient(users_url), Client(items_url)

account = UserCreate(email=email, name="Ada", password=password)
registered = users_create_user.sync(client=users, body=account)
assert isinstance(registered, OwnUser), registered
taken = users_create_user.sync_detailed(client=users, body=account)
assert (taken.status_code, taken.parsed.error) == (409, "email_taken")
print("register")

wrong = PasswordGrant(grant_type="password", username=email, password="wrong")
refused = auth_create_token.sync(client=users, body=wrong)
assert isinstance(refused, TokenErrorBody), refused
assert (refused.error, refused.error_description) == ("invalid_credentials", refused.detail)
grant = PasswordGrant(grant_type="password", username=email, password=password)
tokens = auth_create_token.sync(client=users, body=grant)
assert isinstance(tokens, TokenPair), tokens
print("token")

refresh = RefreshTokenGrant(grant_type="refresh_token", refresh_token=tokens.refresh_token)
renewed = auth_create_token.sync(client=users, body=refresh)
assert isinstance(renewed, TokenPair), renewed
assert renewed.refresh_token != tokens.refresh_token
print("refresh")

items = AuthenticatedClient(items_url, token=renewed.access_token)
bodies = [ItemCreate(name="Kettle", price=price) for price in (1.29, 2.29, "3.29")]
*_, created = [items_create_item.sync_detailed(client=items, body=body) for body in bodies]
assert isinstance(created.parsed, ItemView), created
assert (created.parsed.price, created.parsed.owner.id) == ("3.29", registered.id)
print("create")

query = {"client": anonymous, "owner_id": registered.id, "size": 2}
page = items_list_items.sync(**query, sort=ItemsListItemsSort.DEAREST)
assert isinstance(page, ItemViewPage), page
assert [item.price for item in page.items] == ["3.29", "2.29"]
print("list")

rest = items_list_items.sync(**query, sort=ItemsListItemsSort.DEAREST, after=page.next_)
assert isinstance(rest, ItemViewPage), rest
assert ([item.price for item in rest.items], rest.next_) == (["1.29"], None)
print("cursor")

item_id, tag = created.parsed.id, created.headers["ETag"]
edited = items_update_item.sync(item_id, client=items, body=ItemPatch(price="2.50"), if_match=tag)
assert isinstance(edited, ItemView), edited
stale = items_update_item.sync(item_id, client=items, body=ItemPatch(price="1"), if_match=tag)
assert isinstance(stale, ErrorBody), stale
assert (edited.price, stale.error) == ("2.50", "precondition_failed")
print("If-Match")

gone = items_read_item.sync(2**63 - 1, client=anonymous)
invalid = items_create_item.sync(client=items, body=ItemCreate(name="Kettle", price="1.999"))
assert isinstance(gone, ErrorBody), gone
assert isinstance(invalid, ValidationErrorBody), invalid
assert (gone.error, invalid.detail[0].loc) == ("not_found", ["body", "price"])
print("errors")
