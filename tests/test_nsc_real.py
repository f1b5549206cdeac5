"""The real nsc and natscreds at one store, in turns. Where nsc cannot be had, the stores kept as vectors stand in."""

import asyncio
import importlib.util
import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats_wire import connect
from nsc_stores import MADE, VECTORS, recorded, signed_again, store_in, tokens_in, with_limits_said
from nsc_tool import Nsc, nsc_binary, why_not
from test_docs import BLOCK, ROOT

from natscreds import Account, KeyPair, Operator, User, UserTemplate, issue_users, tokens, verify_chain
from natscreds.nsc import Store
from natscreds.testing import NatsServer


@pytest.fixture(autouse=True, scope="module")
def nsc_is_here() -> None:
    """Skip where nsc cannot be had; asked when a test runs, since installing it may take a minute."""
    if why_not():
        pytest.skip(why_not())


FULL = """
resolver: { type: full, dir: "jwt", allow_delete: true, interval: "2m", timeout: "1.9s" }
"""


def pair_of(signer: object) -> KeyPair:
    assert isinstance(signer, KeyPair)
    return signer


# nsc writes, natscreds reads.


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Store, dict[str, Any]]]:
    """Stores that nsc makes now, as it made those of the vectors."""
    spec = importlib.util.spec_from_file_location("make_stores", VECTORS / "make_stores.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    home = tmp_path_factory.mktemp("made")
    contents: dict[str, dict[str, Any]] = module.make(home)
    places = {"one-directory": "one"}
    return {name: (store_in(home / places.get(name, name)), content) for name, content in contents.items()}


def shape(files: dict[str, Any]) -> dict[str, str]:
    """Return paths, without the keys in them, and modes."""
    key = re.compile(r"([A-Z])/[A-Z2-7]{2}/[A-Z2-7]{56}")
    counted: dict[str, str] = {}
    for path, file in files.items():
        plain = key.sub(r"\1/KEY", path)
        counted[plain] = counted.get(plain, "") + file["mode"]
    return counted


@pytest.mark.parametrize("name", MADE)
def test_the_vectors_are_what_nsc_makes(made: dict[str, tuple[Store, dict[str, Any]]], name: str) -> None:
    kept = json.loads((VECTORS / f"{name}.json").read_text())
    assert made[name][1]["commands"] == kept["commands"]
    assert shape(made[name][1]["files"]) == shape(recorded(name))


@pytest.mark.parametrize("name", MADE)
def test_what_nsc_wrote_is_loaded_and_signed_again(made: dict[str, tuple[Store, dict[str, Any]]], name: str) -> None:
    store = made[name][0]
    operator = store.operator()
    users = 0
    for account in store.accounts():
        assert {signer.public for signer in account.signers} == account.known_keys
        for user in store.users(account):
            assert user.key is not None
            assert store.creds(user.name, account=account) == user.creds
            if name != "managed":
                verify_chain(operator=operator, account=account, user=user)
            users += 1
    assert users
    for text in tokens_in(store).values():
        pair = store.key(tokens.verify(text).claims.iss)
        assert pair is not None or name == "managed"
        if pair is not None:
            assert signed_again(text, pair) == with_limits_said(text, pair)
    assert {problem.severity for problem in store.problems()} == {"warning"}


@pytest.mark.parametrize(("name", "folder", "role"), [("plain", "orders", "device"), ("strict", "fleet", "truck")])
def test_users_issued_from_nsc_keys_are_admitted(
    made: dict[str, tuple[Store, dict[str, Any]]], name: str, folder: str, role: str
) -> None:
    store = made[name][0]
    account = store.account(folder)
    users = [account.create_user("plain", publish=["a"]), account.create_user("scoped", role=role)]
    with NatsServer(store.operator(), accounts=store.accounts()) as server:
        for user in users:
            with connect(server.url, user) as wire:
                assert wire.errors == []


# natscreds writes, nsc works on it.


class Bench:
    """A store that natscreds wrote, with nsc beside it."""

    def __init__(self, home: Path, *, strict: bool, one_directory: bool) -> None:
        self.nsc = Nsc(home, one_directory=one_directory)
        self.store = self.nsc.store
        self.operator = Operator.create("acme", strict=strict, service_urls=["nats://127.0.0.1:4222"])
        orders = self.operator.create_account("orders", jetstream=True, tags=["region:eu"])
        self.orders = self.operator.add_role(orders, "device", publish=["d.{{name()}}.>"], private_inbox=True)
        self.store.write_operator(self.operator)
        self.store.write_account(self.orders)
        template = UserTemplate(publish=["a.{name}"], subscribe=["b"], expires_in=timedelta(days=1))
        self.names = [f"u-{number}" for number in range(20)]
        self.store.write_users(issue_users(self.orders, self.names, template), account="orders")
        device = self.orders.create_user("d-1", role="device", expires_in=timedelta(days=1))
        self.store.write_user(device, account="orders")

    def account(self) -> Account:
        return self.store.account("orders")


@pytest.fixture(params=["plain", "strict", "one directory"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return Bench(tmp_path, strict=request.param == "strict", one_directory=request.param == "one directory")


def test_nsc_describes_what_natscreds_wrote(bench: Bench) -> None:
    nsc = bench.nsc
    assert nsc.run("describe", "operator", "--raw").strip() == bench.operator.jwt
    assert nsc.run("describe", "account", "orders", "--raw").strip() == bench.orders.jwt
    user = bench.store.user("u-3", account="orders")
    assert nsc.run("describe", "user", "u-3", "--account", "orders", "--raw").strip() == user.jwt
    shown = nsc.run("describe", "user", "d-1", "--account", "orders")
    assert re.search(r"\| Role +\| device +\|", shown)
    assert bench.operator.public in nsc.run("describe", "operator")
    assert re.search(r"\bdevice\b", nsc.run("describe", "account", "orders"))


def test_nsc_validates_and_lists_what_natscreds_wrote(bench: Bench) -> None:
    said = bench.nsc.run("validate", "--all-accounts")
    assert said.count("No issues found") == 3  # the operator, and two accounts with their users
    listed = bench.nsc.run("list", "users", "--account", "orders")
    assert all(name in listed for name in (*bench.names, "d-1"))
    assert "orders" in bench.nsc.run("list", "accounts")
    keys = "".join(bench.nsc.run("list", "keys", "--all", "--account", name) for name in ("SYS", "orders"))
    assert "| BAD" not in keys  # so that no key that happens to hold the word counts
    for public in bench.store.public_keys():
        row = next((line for line in keys.splitlines() if public in line), "")
        assert "*" in row, public


def test_nsc_adds_a_user_and_natscreds_reads_it(bench: Bench) -> None:
    key = pair_of(bench.orders.signing_keys[0]).public
    bench.nsc.run("add", "user", "ours", "--account", "orders", "-K", key, "--allow-pub", "x", "--tag", "team:red")
    bench.nsc.run("add", "user", "scoped", "--account", "orders", "-K", "device")
    for name in ("ours", "scoped"):
        user = bench.store.user(name, account="orders")
        assert user.key is not None
        assert bench.store.creds(name, account="orders") == user.creds
        verify_chain(operator=bench.store.operator(), account=bench.account(), user=user)
    assert bench.store.user("ours", account="orders").claims.nats.pub.allow == ("x",)
    assert {problem.severity for problem in bench.store.problems()} == {"warning"}


def test_nsc_edits_an_account_and_natscreds_goes_on_from_there(bench: Bench) -> None:
    bench.nsc.run("edit", "account", "orders", "--conns", "7", "--sk", "generate", "--tag", "more:tags")
    edited = bench.account()
    assert edited.claims.nats.limits.conn == 7
    assert len(edited.signing_keys) == 2
    assert edited.roles["device"].key is not None
    revoked = bench.store.operator().revoke(edited, bench.store.user("u-1", account="orders"))
    bench.store.write_account(revoked)
    bench.store.write_user(revoked.create_user("after", publish=["a"]), account="orders")
    shown = json.loads(bench.nsc.run("describe", "account", "orders", "--json"))["nats"]
    assert shown["limits"]["conn"] == 7
    assert list(shown["revocations"]) == [bench.store.user("u-1", account="orders").public]
    bench.nsc.run("validate", "--account", "SYS")
    bench.nsc.run("edit", "account", "orders", "--conns", "8")
    assert bench.account().claims.nats.revocations == revoked.claims.nats.revocations


def test_nsc_generates_the_creds_that_natscreds_wrote(bench: Bench) -> None:
    for name in ("u-2", "d-1"):
        said = bench.nsc.run("generate", "creds", "--account", "orders", "--name", name)
        assert said.rstrip("\n") + "\n" == bench.store.user(name, account="orders").creds.text


def test_a_server_starts_with_the_configuration_that_nsc_generates(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "mem.conf"
    bench.nsc.run("generate", "config", "--mem-resolver", "--config-file", str(path))
    text = path.read_text()
    assert bench.operator.jwt in text
    assert bench.orders.jwt in text
    with NatsServer(bench.operator, extra=f"\n{text}\n") as server, connect(server.url, user_of(bench, "u-4")) as wire:
        assert wire.errors == []


def user_of(bench: Bench, name: str) -> User:
    return bench.store.user(name, account="orders")


def test_nsc_pushes_what_natscreds_wrote(bench: Bench) -> None:
    with NatsServer(bench.operator, extra=FULL) as server:
        with connect(server.url, user_of(bench, "u-4")) as wire:
            assert wire.errors  # the server knows the system account only
        said = bench.nsc.run("push", "--all", "--account-jwt-server-url", server.url)
        assert "[ERR" not in said
        with connect(server.url, user_of(bench, "u-4")) as wire:
            assert wire.errors == []
        with connect(server.url, user_of(bench, "d-1")) as wire:
            assert wire.errors == []


def test_nsc_works_on_a_managed_store_that_natscreds_wrote(tmp_path: Path) -> None:
    nsc = Nsc(tmp_path)
    operator = Operator.create("remote")
    nsc.store.import_operator(f"-----BEGIN NATS OPERATOR JWT-----\n{operator.jwt}\n------END NATS OPERATOR JWT------\n")
    nsc.run("add", "account", "tenant")
    nsc.run("add", "user", "u", "--account", "tenant")
    waiting = nsc.store.account("tenant")
    assert waiting.claims.iss == waiting.public
    signed = operator.adopt(waiting.jwt, keys=[pair_of(signer) for signer in waiting.signers])
    nsc.store.write_account(signed)
    assert nsc.run("describe", "account", "tenant", "--raw").strip() == signed.jwt
    verify_chain(operator=operator, account=nsc.store.account("tenant"), user=nsc.store.user("u", account="tenant"))


def test_nsc_works_with_the_keys_that_natscreds_imported(tmp_path: Path) -> None:
    """The operator from its token and one signing key, as a service gets them."""
    nsc = Nsc(tmp_path)
    operator = Operator.create("acme")
    nsc.store.import_operator(operator.jwt, [pair_of(operator.signing_keys[0])])
    nsc.run("add", "account", "tenant")
    assert nsc.store.account("tenant").claims.iss == operator.signing_keys[0].public


def test_both_find_the_same_directories(tmp_path: Path) -> None:
    """With nothing said, and with variables, nsc writes where natscreds looks."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    for number, more in enumerate(
        [
            {},
            {"XDG_DATA_HOME": f"{tmp_path}/data", "XDG_CONFIG_HOME": f"{tmp_path}/config"},
            {"NSC_HOME": f"{tmp_path}/nsc-home", "NKEYS_PATH": f"{tmp_path}/nkeys"},
        ]
    ):
        environ = {"HOME": str(home), "PATH": "/nowhere", **more}
        command = [nsc_binary()[0], "add", "operator", f"op-{number}"]
        done = subprocess.run(
            command, env=environ, cwd=elsewhere, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        store = Store(environ=environ)
        assert store.operator(f"op-{number}").key is not None
        assert store.selection.operator == f"op-{number}"
        assert os.path.exists(os.path.join(store.places.config, "nsc.json"))


def test_the_page_runs_with_nsc_in_the_place_of_its_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and Python of docs/howto/nsc-bootstrap.md, in the order of the page."""
    page = ROOT / "docs" / "howto" / "nsc-bootstrap.md"
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": page.stem}
    commands = 0
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            for line in text.splitlines():
                words = line.removeprefix("$ ").split()
                assert words[0] == "nsc"
                done = subprocess.run(
                    [nsc_binary()[0], *words[1:]],
                    env={"HOME": str(tmp_path), "PATH": "/nowhere"},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
                commands += 1
        elif not text.startswith("# In the place of the two commands"):
            code = compile(text, str(page), "exec", flags=0x2000)  # top-level await
            result = eval(code, space)  # noqa: S307  # our own page
            if asyncio.iscoroutine(result):
                asyncio.run(result)
    assert commands == 7
    assert json.loads((tmp_path / "nsc" / "nsc.json").read_text())["operator"] == "acme"
    assert (tmp_path / "resolver.conf").read_text().startswith("# Operator named acme")
