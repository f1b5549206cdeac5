"""Imports as `natscreds.access` decides about them, beside what a real server lets through."""

import pytest
from hierarchy_cases import CASES, STRICT
from hierarchy_town import Kind, Path, Town, export, flows, take
from nats_wire import connect

from natscreds import Account
from natscreds.access import Access, Imported

KINDS: tuple[Kind, Kind] = ("stream", "service")


def imported(town: Town, path: Path, accounts: list[Account] | None = None) -> Imported:
    user = path.importer.create_user("u")
    known = town.accounts if accounts is None else accounts
    rules = Access(operator=town.operator, account=path.importer, user=user, accounts=known)
    return rules.imports(now=town.now)[path.at]


@pytest.mark.parametrize("strict", [False, True], ids=["lax", "strict"])
def test_an_import_carries_messages_when_it_is_foretold(strict: bool) -> None:
    town, paths = Town(strict=strict), list[tuple[str, Kind, Path, list[Account]]]()
    for case, kind in STRICT if strict else CASES:
        before = len(town.accounts)
        made = case(town, kind)
        paths += [(case.__name__, kind, path, town.accounts[before:]) for path, _ in made]
    seen: set[bool] = set()
    with town.server() as server:
        for name, kind, path, accounts in paths:
            decision = imported(town, path, accounts).decision
            assert flows(server, path, kind) is decision.verdict, (name, decision)
            seen.add(bool(decision))
    assert seen == {True, False}


@pytest.mark.parametrize("kind", KINDS)
def test_what_servers_decide_by_chance_is_indeterminate(kind: Kind) -> None:
    town = Town()
    orders = town.account(exports=[export("*.b", kind), export("a.*", kind, token_req=True)])
    shop = town.account(imports=[take("a.b", orders, kind)])
    decision = imported(town, Path(orders, "a.b", shop, "a.b")).decision
    assert (decision.verdict, decision.reason.code) == (None, "export-ambiguous")


@pytest.mark.parametrize("kind", KINDS)
def test_an_exporter_that_is_not_given_cannot_be_asked(kind: Kind) -> None:
    town, elsewhere = Town(), Town()
    orders = elsewhere.account(exports=[export("a", kind)])
    shop = town.account(imports=[take("a", orders, kind)])
    decision = imported(town, Path(orders, "a", shop, "a")).decision
    assert (decision.verdict, decision.reason.code) == (None, "exporter-unknown")


@pytest.mark.parametrize("kind", KINDS)
def test_an_exporter_that_servers_do_not_load_grants_nothing(kind: Kind) -> None:
    town = Town()
    orders = town.account(exports=[export("a", kind)], limits={"exports": 0})
    shop = town.account(imports=[take("a", orders, kind)])
    decision = imported(town, Path(orders, "a", shop, "a")).decision
    assert (decision.verdict, decision.reason.code) == (False, "account-invalid")
    telling, hearing = (shop.create_user(name) for name in ("telling", "hearing"))
    with town.server() as server, connect(server.url, telling) as wire, connect(server.url, hearing) as other:
        assert other.subscribe("a") is None
        assert wire.publish("a") is None
        assert other.messages() == [("a", None, b"")]  # it stays at home
        with connect(server.url, orders.create_user("u")) as refused:
            assert not refused.ok()


@pytest.mark.parametrize("kind", KINDS)
def test_an_activation_counts_in_its_time(kind: Kind) -> None:
    town = Town()
    orders = town.account(exports=[export("a", kind, token_req=True)])
    key = Town().operator.create_account("k").key
    assert key is not None
    token = town.activation(orders.key, key.public, "a", kind, exp=town.now + 100, nbf=town.now + 50)
    shop = town.account(key=key, imports=[take("a", orders, kind, token=token)])
    rules = Access(operator=town.operator, account=shop, user=shop.create_user("u"), accounts=[orders])
    told = [rules.imports(now=town.now + at)[0].decision for at in (0, 60, 100)]
    assert [one.verdict for one in told] == [False, True, False]
    assert [one.reason.code for one in told] == ["activation-not-yet-valid", "import-granted", "activation-expired"]


def test_an_import_is_told_by_the_name_it_has_here() -> None:
    town = Town()
    orders = town.account(exports=[export("a.*", "service"), export("b.>", "stream")])
    imports = [take("a.*", orders, "service", local_subject="x.$1"), take("b.c", orders, "stream", to="y")]
    shop = town.account(imports=imports)
    rules = Access(operator=town.operator, account=shop, user=shop.create_user("u"), accounts=[orders])
    assert [(one.local, one.said.subject, bool(one.decision)) for one in rules.imports()] == [
        ("x.*", "a.*", True),
        ("y.b.c", "b.c", True),
    ]
