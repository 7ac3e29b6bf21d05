"""`make remove-service` on a made-up workspace: accounts, and stock and orders, which need it."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from conftest import MadeUp

import remove_service
import workspace

FILES = {
    ".gitignore": ".tox/\n",
    "README.md": "# Shop\n\n[stock](services/stock/README.md#use), [accounts](services/accounts/pyproject.toml)\n",
    "bench/__init__.py": '"""Bench."""\n# needs: accounts, orders\n',
    "bench/data.sql": "SELECT 1",
    "tests/e2e/test_both.py": "# needs: stock, orders\n",
    "tests/e2e/test_accounts.py": "# needs: accounts\n",
    "tests/e2e/workflows/orders/test_buy.py": "",
    "tests/e2e/workflows/stock/load.py": "",
    "tox.ini": "[tox]\n\n[testenv:bench]\n# needs: accounts, orders\ndeps = wrk\n\n[testenv:lint]\n",
    "docker-compose.yml": "include:\n  - services/orders/deploy/compose.yml\n  - services/orders-old/compose.yml\n",
    "shop.code-workspace": '{"folders": [\n  {"path": "services/accounts"},\n  {"path": "services/orders"}\n]}\n',
    "contracts/bootstrap.toml": "orders = 2027-06-30\nstock = 2027-06-30\n",
    "contracts/states.toml": '[stock."a shelf"]\nid = "int"\n\n[orders."an order"]\nid = "int"\n\n[accounts."a"]\n',
    "contracts/pacts/orders-stock.json": "{}",
    "contracts/pacts/orders-accounts.json": "{}",
    "contracts/pacts/accounts-orders.json": "{}",
    "contracts/pacts/stock-accounts.json": '{"provider": "accounts", "state": "a"}',
    "contracts/openapi/orders.json": "{}",
    "contracts/asyncapi/orders.json": "{}",
    "contracts/removed.toml": '["orders-stock"]\n"a" = "b"\n\n["stock-accounts"]\n"a" = "b"\n',
    "contracts/external/web-stock.json": '{"consumer": {"name": "web"}, "provider": {"name": "stock"}}',
    "services/accounts/tests/contract/test_orders_events.py": "",
    "services/orders/tests/contract/test_stock.py": "",
    "services/orders/tests/contract/test_stock_lookup.py": "",
    "services/orders/tests/contract/test_accounts_lookup.py": "",
    "services/stock/README.md": "# Stock\n",
}


@pytest.fixture
def root(made_up: MadeUp) -> Path:
    for name, text in FILES.items():
        (made_up.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made_up.root / name).write_text(text)
    git(made_up.root, "init", "-q")
    git(made_up.root, "add", ".")
    git(made_up.root, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "All")
    return made_up.root


def git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


def removed(root: Path, name: str, *, force: bool = False) -> set[str]:
    """Remove the service; the files that are gone, apart from those in its folder."""
    remove_service.remove(root, name, force=force)
    deleted = set(git(root, "diff", "--cached", "--name-only", "--diff-filter=D").splitlines())
    return {each for each in deleted if not each.startswith(f"services/{name}/")}


class TestServiceThatNobodyNeeds:
    def test_everything_about_it_is_deleted(self, root: Path) -> None:
        assert removed(root, "orders") == {
            "bench/__init__.py",
            "bench/data.sql",
            "contracts/asyncapi/orders.json",
            "contracts/openapi/orders.json",
            "contracts/pacts/accounts-orders.json",
            "contracts/pacts/orders-accounts.json",
            "contracts/pacts/orders-stock.json",
            "services/accounts/tests/contract/test_orders_events.py",
            "tests/e2e/test_both.py",
            "tests/e2e/workflows/orders/test_buy.py",
        }
        assert not (root / "services/orders").exists()  # ignored files are gone, too
        assert [each.name for each in workspace.services(root)] == ["accounts", "stock"]

    def test_files_that_list_services_lose_it(self, root: Path) -> None:
        removed(root, "orders")
        assert (root / "docker-compose.yml").read_text() == (
            "include:\n  - services/orders-old/compose.yml\n"
        )
        assert (root / "shop.code-workspace").read_text() == (
            '{"folders": [\n  {"path": "services/accounts"}\n]}\n'
        )
        assert (root / "contracts/bootstrap.toml").read_text() == "stock = 2027-06-30\n"
        assert tomllib.loads((root / "contracts/states.toml").read_text()) == {
            "stock": {"a shelf": {"offered": True, "id": "int"}},
            "accounts": {"a": {}},
        }
        assert (root / "contracts/removed.toml").read_text() == '["stock-accounts"]\n"a" = "b"\n'
        assert (root / "tox.ini").read_text() == "[tox]\n\n[testenv:lint]\n"

    def test_remaining_steps_are_printed(self, root: Path) -> None:
        git(root, "tag", "deployed/production/orders")
        git(root, "tag", "deployed/production/stock")
        text = remove_service.remove(root, "orders", force=False)
        assert "make env" in text
        assert "git push --delete origin deployed/production/orders" in text
        assert "production/stock" not in text


class TestServiceThatOthersNeed:
    def test_its_consumers_are_named_and_nothing_changes(self, root: Path) -> None:
        with pytest.raises(workspace.Refused, match=r"subscribe to it: orders, web\. FORCE=yes"):
            remove_service.remove(root, "stock", force=False)
        assert git(root, "status", "--porcelain") == ""

    def test_force_removes_their_declarations_and_contract_tests(self, root: Path) -> None:
        assert removed(root, "stock", force=True) == {
            "contracts/external/web-stock.json",
            "contracts/pacts/orders-stock.json",
            "contracts/pacts/stock-accounts.json",
            "services/orders/tests/contract/test_stock.py",
            "services/orders/tests/contract/test_stock_lookup.py",
            "tests/e2e/test_both.py",
            "tests/e2e/workflows/stock/load.py",
        }
        (orders,) = (each for each in workspace.services(root) if each.name == "orders")
        assert orders.consumes == orders.subscribes == ["accounts"]

    def test_code_that_was_written_by_hand_is_named(self, root: Path) -> None:
        text = remove_service.remove(root, "stock", force=True)
        assert "services/orders was written by hand. Remove its code for stock" in text

    def test_issuer_of_the_tokens_of_others_stays(self, root: Path) -> None:
        with pytest.raises(workspace.Refused, match="tokens that others need: stock, orders"):
            remove_service.remove(root, "accounts", force=True)

    def test_link_to_what_is_gone_becomes_its_text(self, root: Path) -> None:
        removed(root, "stock", force=True)
        text = (root / "README.md").read_text()
        assert text == "# Shop\n\nstock, [accounts](services/accounts/pyproject.toml)\n"


class TestRefused:
    def test_unknown_name_is_answered_with_the_known_ones(self, root: Path) -> None:
        with pytest.raises(workspace.Refused, match=r"'' *\. NAME is one of: accounts, stock, ord"):
            remove_service.remove(root, "", force=False)

    def test_last_service_stays(self, root: Path) -> None:
        for name in ("orders", "stock"):
            shutil.rmtree(root / "services" / name)
        with pytest.raises(workspace.Refused, match="accounts is the only service"):
            remove_service.remove(root, "accounts", force=True)

    @pytest.mark.parametrize("name", ["services/orders/new.py", "contracts/states.toml"])
    def test_change_that_is_not_committed_is_named(self, root: Path, name: str) -> None:
        with (root / name).open("a") as file:
            file.write("# new\n")
        with pytest.raises(workspace.Refused, match=name):
            remove_service.remove(root, "orders", force=False)
        assert (root / "services/orders/pyproject.toml").exists()

    def test_failure_halfway_changes_nothing(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(copy: Path, *_: object) -> None:
            (copy / "README.md").unlink()
            raise PermissionError(copy)

        monkeypatch.setattr(remove_service, "plan", fail)
        with pytest.raises(PermissionError):
            remove_service.remove(root, "orders", force=False)
        assert git(root, "status", "--porcelain") == ""
