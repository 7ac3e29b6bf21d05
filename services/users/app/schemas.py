"""The bodies of requests and responses. Their limits are those of the API's description."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from chassis.auth.tokens import Role
from chassis.web.fields import Email, Name, storable
from chassis.web.schemas import Body, may_be_absent

Password = Annotated[str, StringConstraints(min_length=8, max_length=128), storable]
SearchText = Annotated[str, StringConstraints(max_length=254), storable]
FormText = Annotated[str, StringConstraints(min_length=1, max_length=512), storable]
SecretText = Annotated[str, StringConstraints(min_length=1, max_length=512), storable]


class UserCreate(Body):
    email: Email = Field(examples=["ada@example.com"])
    name: Name = Field(examples=["Ada Lovelace"])
    password: Password = Field(examples=["correct horse battery"])


class ProfilePatch(Body):
    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"email": ["current_password"]}}
    )

    name: Name = may_be_absent(examples=["Ada King"])
    email: Email = may_be_absent(
        examples=["ada.king@example.com"],
        description="It is sent a mail, and counts once that is confirmed.",
    )
    current_password: SecretText = may_be_absent(description="Required to change `email`.")

    @model_validator(mode="after")
    def _email_needs_the_password(self) -> Self:
        if "email" in self.model_fields_set and "current_password" not in self.model_fields_set:
            raise PydanticCustomError("missing", "current_password is required to change email")
        return self

    def sent(self) -> dict[str, object]:
        """The fields to change at once: a new address has to be confirmed first."""
        return {"name": self.name} if "name" in self.model_fields_set else {}


class AdminPatch(Body):
    name: Name = may_be_absent()
    role: Role = may_be_absent()
    is_active: bool = may_be_absent(strict=True)


class AccountDeletion(Body):
    current_password: SecretText


class PasswordChange(Body):
    current_password: SecretText
    new_password: Password


class MailedToken(Body):
    token: SecretText


class PasswordResetRequest(Body):
    email: Email


class PasswordReset(MailedToken):
    new_password: Password


class RefreshRequest(Body):
    refresh_token: SecretText


class PasswordGrant(BaseModel):
    """RFC 6749, section 4.3. Unknown fields of a grant are ignored, as the RFC demands."""

    grant_type: Literal["password"]
    username: FormText = Field(description="The e-mail address.")
    password: FormText


class RefreshTokenGrant(BaseModel):
    """RFC 6749, section 6."""

    grant_type: Literal["refresh_token"]
    refresh_token: FormText


class ClientCredentialsGrant(BaseModel):
    """RFC 6749, section 4.4. The client sends its id and secret here or by HTTP Basic."""

    grant_type: Literal["client_credentials"]
    client_id: FormText = may_be_absent()
    client_secret: FormText = may_be_absent()
    audience: FormText = may_be_absent(
        description="The service to call. A client of one audience may leave it out."
    )
    scope: FormText = may_be_absent(
        description="Scopes, separated by spaces. All of the client's by default."
    )


TokenRequest = Annotated[
    PasswordGrant | RefreshTokenGrant | ClientCredentialsGrant, Field(discriminator="grant_type")
]


class View(BaseModel):
    """Made from a named tuple or a model."""

    model_config = ConfigDict(from_attributes=True)


class PublicUser(View):
    """A user as any signed-in user sees it."""

    id: int = Field(examples=[1])
    name: str
    is_active: bool


class InternalUser(PublicUser):
    """A user as the events of the account describe it."""

    role: Role
    version: int = Field(description="Increases with every change of the account.", examples=[3])


class InternalUsers(View):
    users: list[InternalUser]
    next_after_id: int | None = Field(description="Null on the last page.")


class OwnUser(View):
    """An account as its holder and administrators see it."""

    id: int = Field(examples=[1])
    email: str
    email_verified: bool = Field(description="Whether the holder has confirmed the address.")
    name: str
    role: Role
    is_active: bool
    created_at: datetime


class OwnSession(View):
    """A sign-in of the account that hasn't ended."""

    id: int = Field(examples=[1])
    created_at: datetime
    last_used_at: datetime = Field(description="When it last got new tokens.")
    user_agent: str | None = Field(description="What the client called itself when it signed in.")
    current: bool = Field(description="Whether this request belongs to it.")


class AccessToken(BaseModel):
    access_token: str
    token_type: Literal["bearer"]
    expires_in: int = Field(description="Seconds.")


class TokenPair(AccessToken):
    refresh_token: str = Field(description="Can be used once.")


class ServiceToken(AccessToken):
    scope: str = Field(description="What the token allows, separated by spaces.")


class KeySet(BaseModel):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, str]]


class ServerMetadata(BaseModel):
    """OAuth 2.0 Authorization Server Metadata (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    response_types_supported: list[str]
