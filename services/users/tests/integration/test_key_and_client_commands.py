"""`python -m app create-client`, `rotate-keys` and `prune`."""

import hashlib
import re
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.models import RefreshFamily, RefreshToken, ServiceClient, SigningKey, User
from chassis.db.columns import utc_now
from tests.commands import Operator
from tests.spare_database import store, stored_rows

PASSPHRASE = "a passphrase of some length"
GRANTS = ["--audience", "users-internal", "--scope", "users:read"]
CREATE_CLIENT = ["create-client", "items", *GRANTS]


def stored_keys(url: str) -> list[tuple[str, bool, bool]]:
    """Each key's id, whether it expires, and whether it is encrypted. The oldest comes first."""
    rows = stored_rows(
        url,
        select(
            col(SigningKey.key_id), col(SigningKey.expires_at), col(SigningKey.private_pem)
        ).order_by(col(SigningKey.activates_at)),
    )
    return [
        (key_id, expires_at is not None, "ENCRYPTED" in pem) for key_id, expires_at, pem in rows
    ]


class TestCreateClient:
    def test_create_client_prints_a_secret_that_is_stored_as_a_hash(
        self, spare_database_url: str
    ) -> None:
        outcome = Operator(spare_database_url).run(*CREATE_CLIENT)
        assert outcome.status == 0
        match = re.fullmatch(r"client_id: items\nclient_secret: (\S{43})\n", outcome.output)
        assert match is not None
        stored = stored_rows(
            spare_database_url,
            select(col(ServiceClient.client_id), col(ServiceClient.secret_hash)),
        )
        assert stored == [("items", hashlib.sha256(match[1].encode()).hexdigest())]

    def test_create_client_with_a_given_secret_does_not_print_it(
        self, spare_database_url: str
    ) -> None:
        given = "0123456789abcdef" * 2
        operator = Operator(spare_database_url)
        outcome = operator.run(*CREATE_CLIENT, USERS_CLIENT_SECRET=given)
        assert (outcome.status, outcome.output) == (0, "client_id: items\n")
        stored = stored_rows(spare_database_url, select(col(ServiceClient.secret_hash)))
        assert stored == [(hashlib.sha256(given.encode()).hexdigest(),)]

    @pytest.mark.parametrize("client_id", ["c", "c" * 64, "with space", "a~&="])
    def test_client_id_may_have_1_to_64_printable_characters(
        self, spare_database_url: str, client_id: str
    ) -> None:
        assert Operator(spare_database_url).run("create-client", client_id, *GRANTS).status == 0
        stored = stored_rows(spare_database_url, select(col(ServiceClient.client_id)))
        assert stored == [(client_id,)]

    def test_create_client_stores_each_audience_and_scope(self, spare_database_url: str) -> None:
        more = ["--audience", "shop", "--scope", "shop:read"]
        assert Operator(spare_database_url).run(*CREATE_CLIENT, *more).status == 0
        stored = stored_rows(
            spare_database_url, select(col(ServiceClient.audiences), col(ServiceClient.scopes))
        )
        assert stored == [(["users-internal", "shop"], ["users:read", "shop:read"])]

    def test_create_client_again_replaces_the_registration(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        operator.run(*CREATE_CLIENT)
        output = operator.run(*CREATE_CLIENT[:2], "--audience", "shop", "--scope", "x").output
        secret = output.rpartition(" ")[2].strip()
        columns = (ServiceClient.secret_hash, ServiceClient.audiences, ServiceClient.scopes)
        stored = stored_rows(spare_database_url, select(*map(col, columns)))
        assert stored == [(hashlib.sha256(secret.encode()).hexdigest(), ["shop"], ["x"])]

    @pytest.mark.parametrize(
        ("arguments", "environment", "problem"),
        [
            *(
                ((client_id, *GRANTS), {}, "1 to 64 printable ASCII characters")
                for client_id in ("", "c" * 65, "tab\t", "ümlaut", "a:b", "a%b", "a+b")
            ),
            *(
                ((client_id, *GRANTS), {}, "reserved")
                for client_id in ("users", "first-party", "7")
            ),
            *(
                (("items", *GRANTS, option, name), {}, "printable ASCII characters without spaces")
                for option in ("--audience", "--scope")
                for name in ("", "two words", "ümlaut")
            ),
            (("items", *GRANTS[:2]), {}, "--scope"),
            (("items", *GRANTS[2:]), {}, "--audience"),
            *(
                (("items", *GRANTS), {"USERS_CLIENT_SECRET": secret}, "32 to 512 printable ASCII")
                for secret in ("x" * 31, "x" * 513, "x" * 32 + "%", "x" * 32 + "+", "ü" * 32)
            ),
        ],
        ids=str,
    )
    def test_create_client_refuses_invalid_values(
        self,
        spare_database_url: str,
        arguments: tuple[str, ...],
        environment: dict[str, str],
        problem: str,
    ) -> None:
        outcome = Operator(spare_database_url).run("create-client", *arguments, **environment)
        assert outcome.status == 2
        assert problem in outcome.error
        assert stored_rows(spare_database_url, select(col(ServiceClient.client_id))) == []


class TestRotateKeys:
    def test_rotate_keys_adds_one_and_ends_the_others(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        operator.run("rotate-keys")
        outcome = operator.run("rotate-keys")
        assert outcome.status == 0
        keys = stored_keys(spare_database_url)
        assert [ends for _, ends, _ in keys] == [True, False]
        assert outcome.output.startswith(f"Key {keys[1][0]} signs from ")
        assert outcome.output.count("UTC") == 2

    def test_rotate_keys_now_activates_the_key_at_once(self, spare_database_url: str) -> None:
        outcome = Operator(spare_database_url).run("rotate-keys", "--now")
        assert outcome.status == 0
        ((activates_at,),) = stored_rows(spare_database_url, select(col(SigningKey.activates_at)))
        assert activates_at <= utc_now()

    def test_rotate_keys_revokes_the_others_only_at_once(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        operator.run("rotate-keys")
        outcome = operator.run("rotate-keys", "--revoke-old")
        assert outcome.status == 2
        assert outcome.error.startswith("error: --revoke-old needs --now")
        operator.run("rotate-keys", "--now", "--revoke-old")
        of_keys = select(col(SigningKey.expires_at)).order_by(col(SigningKey.activates_at))
        expiries = [expires_at for (expires_at,) in stored_rows(spare_database_url, of_keys)]
        assert sum(expires_at is None for expires_at in expiries) == 1
        assert all(expires_at <= utc_now() for expires_at in expiries if expires_at)

    def test_rotate_keys_encrypts_with_the_passphrase(self, spare_database_url: str) -> None:
        operator = Operator(spare_database_url)
        outcome = operator.run("rotate-keys", USERS_SIGNING_KEY_PASSPHRASE=PASSPHRASE)
        assert outcome.status == 0
        assert [encrypted for _, _, encrypted in stored_keys(spare_database_url)] == [True]

    @pytest.mark.parametrize("passphrase", [None, "another passphrase of some length"])
    def test_rotate_keys_refuses_another_passphrase(
        self, spare_database_url: str, passphrase: str | None
    ) -> None:
        operator = Operator(spare_database_url)
        operator.run("rotate-keys", USERS_SIGNING_KEY_PASSPHRASE=PASSPHRASE)
        before = stored_keys(spare_database_url)
        outcome = operator.run("rotate-keys", USERS_SIGNING_KEY_PASSPHRASE=passphrase)
        assert outcome.status == 2
        assert outcome.error.startswith("error: USERS_SIGNING_KEY_PASSPHRASE doesn't open")
        assert stored_keys(spare_database_url) == before


class TestPrune:
    @pytest.fixture
    def old_and_new(self, spare_database_url: str) -> None:
        """Logins and keys that ended 10 days ago or yesterday, or haven't ended."""
        now, day = utc_now(), timedelta(days=1)
        user = User(
            id=1,
            email="ada@example.com",
            email_key="ada@example.com",
            name="Ada",
            search_text="ada",
            password_hash="hash",
        )
        families = [
            RefreshFamily(id=1, user_id=1, expires_at=now - 10 * day),
            RefreshFamily(id=2, user_id=1, expires_at=now + day, revoked_at=now - 10 * day),
            RefreshFamily(id=3, user_id=1, expires_at=now - day),
            RefreshFamily(id=4, user_id=1, expires_at=now + day, revoked_at=now - day),
            RefreshFamily(id=5, user_id=1, expires_at=now + day),
        ]
        tokens = [RefreshToken(token_hash=f"of {f.id}", family_id=f.id or 0) for f in families]
        keys = [
            SigningKey(key_id=name, private_pem="", activates_at=now - 20 * day, expires_at=end)
            for name, end in [("ended", now - day), ("ending", now + day), ("endless", None)]
        ]
        store(spare_database_url, [user, *families, *tokens, *keys])

    @pytest.mark.usefixtures("old_and_new")
    @pytest.mark.parametrize(
        ("arguments", "kept"),
        [([], [3, 4, 5]), (["--keep-days", "0"], [5]), (["--keep-days", "36500"], [1, 2, 3, 4, 5])],
        ids=str,
    )
    def test_prune_deletes_logins_that_ended_long_enough_ago(
        self, spare_database_url: str, arguments: list[str], kept: list[int]
    ) -> None:
        outcome = Operator(spare_database_url).run("prune", *arguments)
        assert outcome.status == 0
        assert outcome.output.startswith(f"Deleted {5 - len(kept)} ended logins")
        families = stored_rows(spare_database_url, select(col(RefreshFamily.id)))
        assert sorted(family_id for (family_id,) in families) == kept
        tokens = stored_rows(spare_database_url, select(col(RefreshToken.family_id)))
        assert sorted(family_id for (family_id,) in tokens) == kept

    @pytest.mark.usefixtures("old_and_new")
    def test_prune_deletes_expired_keys(self, spare_database_url: str) -> None:
        outcome = Operator(spare_database_url).run("prune")
        assert outcome.output == (
            "Deleted 2 ended logins, 1 expired signing keys and 0 delivered events.\n"
        )
        keys = stored_rows(spare_database_url, select(col(SigningKey.key_id)))
        assert sorted(key_id for (key_id,) in keys) == ["ending", "endless"]

    @pytest.mark.parametrize("days", ["-1", "36501", "soon"])
    def test_prune_refuses_an_invalid_number_of_days(
        self, spare_database_url: str, days: str
    ) -> None:
        outcome = Operator(spare_database_url).run("prune", "--keep-days", days)
        assert outcome.status == 2
        assert "--keep-days" in outcome.error
