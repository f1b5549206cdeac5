"""`check_hierarchy` by itself: who is told of what, where, in which order. What servers say stands in other files."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hierarchy_cases import pair
from hierarchy_town import Town, export, take

import natscreds
from natscreds import Account, KeyPair, KeyType, Operator, check_hierarchy, tokens
from natscreds.claims import ExternalAuthorization
from natscreds.errors import BadSignatureError, Problem, TokenError, UntrustedIssuerError

Ask = Callable[..., object]


def told(problems: list[Problem], severity: str | None = None) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in problems if severity in (None, one.severity)]


def codes(problems: list[Problem], severity: str | None = None) -> list[str]:
    return [code for _, code in told(problems, severity)]


def test_a_strict_operator_with_sound_accounts_has_no_problem() -> None:
    operator = Operator.create("acme", strict=True)
    orders, shop = (operator.create_account(name) for name in ("orders", "shop"))
    orders = operator.reissue(orders, orders.claims.with_export(export("orders.>")))
    shop = operator.reissue(shop, shop.claims.with_import(take("orders.*", orders)))
    assert check_hierarchy(operator, [orders, shop], now=orders.claims.iat) == []


def test_objects_and_their_texts_are_told_the_same_of() -> None:
    town = Town()
    shop = town.account("shop", imports=[take("a", pair())])
    system = town.operator.system_account
    assert system is not None
    by_text = check_hierarchy(town.operator.jwt, [shop.jwt, system.jwt])
    assert by_text == check_hierarchy(town.operator, (one for one in [shop]))
    assert "exporter-unknown" in codes(by_text)


def test_a_problem_says_in_whose_token_it_is() -> None:
    town = Town()
    shop = town.account("shop", imports=[take("a", pair())], cluster_traffic="nowhere")
    problems = town.problems()
    assert told(problems) == [
        (f"$[{town.operator.public}].nats.strict_signing_key_usage", "not-strict"),
        (f"$[{shop.public}].nats.cluster_traffic", "cluster-traffic"),
        (f"$[{shop.public}].nats.imports[0].account", "exporter-unknown"),
    ]
    assert all(problem.path in str(problem) for problem in problems)


def test_the_order_does_not_depend_on_that_of_the_accounts() -> None:
    town = Town()
    for _ in range(6):
        key = pair()
        town.account("same", key=key, exports=[export("a")], imports=[take("b", key), take("a", key, "service")])
    town.account("same", key=key)
    first = town.problems()
    accounts = town.accounts[:]
    for seed in range(5):
        random.Random(seed).shuffle(accounts)  # noqa: S311  # an order, no secret
        assert check_hierarchy(town.operator, accounts) == first
    paths = [problem.path for problem in first[1:]]
    assert paths == sorted(paths, key=lambda path: path[: path.index("]")])


# --- arguments


@pytest.mark.parametrize("accounts", ["eyJ", b"eyJ", bytearray(b"eyJ")], ids=["str", "bytes", "bytearray"])
@pytest.mark.parametrize("ask", [check_hierarchy, natscreds.diagram])
def test_one_text_is_no_list_of_accounts(ask: Ask, accounts: object) -> None:
    with pytest.raises(TypeError, match="accounts are several"):
        ask(Operator.create("acme"), accounts)


@pytest.mark.parametrize("ask", [check_hierarchy, natscreds.diagram])
def test_what_is_neither_object_nor_text_is_refused(ask: Ask) -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders")
    with pytest.raises(TypeError, match="an operator is the chain object or its token text, got Account"):
        ask(orders, [])
    with pytest.raises(TypeError, match="an account is the chain object or its token text, got AccountClaims"):
        ask(operator, [orders.claims])


def test_the_parameters_stand_by_name_after_the_first_two() -> None:
    with pytest.raises(TypeError):
        check_hierarchy(Operator.create("acme"), [], 1_795_000_000)  # type: ignore[call-arg]


def test_texts_that_are_not_the_tokens_they_should_be_are_refused() -> None:
    operator = Operator.create("acme")
    orders = operator.create_account("orders")
    head, body, _ = orders.jwt.split(".")
    other = operator.create_account("other").jwt.split(".")[2]
    with pytest.raises(TokenError):
        check_hierarchy(orders.jwt, [])
    with pytest.raises(TokenError):
        check_hierarchy(operator, [operator.jwt])
    with pytest.raises(BadSignatureError):
        check_hierarchy(operator, [f"{head}.{body}.{other}"])


def test_an_operator_that_another_signed_is_refused() -> None:
    operator, stranger = Operator.create("acme"), Operator.create("stranger")
    assert stranger.key is not None
    jwt = tokens.sign(operator.claims, stranger.key, issued_at=1_795_000_000)
    with pytest.raises(UntrustedIssuerError):
        check_hierarchy(jwt, [])


# --- the operator


def test_an_operator_that_is_not_strict_is_a_warning() -> None:
    operator = Operator.create("acme")
    assert [(one.severity, one.code) for one in check_hierarchy(operator, [])] == [("warning", "not-strict")]


def test_a_strict_operator_without_signing_keys_trusts_nobody() -> None:
    identity = KeyPair.generate(KeyType.OPERATOR)
    claims = natscreds.claims.OperatorClaims(name="acme", sub=identity.public).replace(strict_signing_key_usage=True)
    jwt = tokens.sign(claims, identity, issued_at=1_795_000_000)
    assert ("error", "no-signing-key") in [(one.severity, one.code) for one in check_hierarchy(jwt, [])]


def test_a_system_account_is_named_and_among_the_accounts() -> None:
    operator = Operator.create("acme", strict=True)
    system = operator.system_account
    assert system is not None
    path = f"$[{operator.public}].nats.system_account"
    assert told(check_hierarchy(operator.jwt, [])) == [(path, "system-account-missing")]
    assert check_hierarchy(operator.jwt, [system]) == []
    assert check_hierarchy(operator, []) == []
    bare = Operator.create("acme", strict=True, system_account=False)
    assert codes(check_hierarchy(bare, []), "warning") == ["no-system-account"]


def test_the_operators_own_problems_are_told() -> None:
    operator = Operator.create("acme", strict=True, issued_at=1_700_000_000)
    operator = operator.replace(operator.claims.replace(exp=1_800_000_000), issued_at=1_700_000_001)
    assert codes(check_hierarchy(operator, [])) == []
    expired = (f"$[{operator.public}].exp", "expired")
    assert told(check_hierarchy(operator, [], now=1_800_000_001), "time") == [expired]


# --- accounts beside one another


def test_an_account_that_came_with_two_tokens_is_looked_at_in_the_newest() -> None:
    town = Town()
    old = town.account("orders", key=(key := pair()), description="x" * 9_000)
    new = town.operator.reissue(old.jwt, old.claims.replace(description=""), issued_at=town.now + 1)
    assert new.public == key.public
    for accounts in ([old, new], [new, old]):
        assert told(town.problems(accounts), "error") == [(f"$[{key.public}].sub", "same-account")]
    assert codes(town.problems([old]), "error") == ["info-too-long"]


def test_a_token_given_twice_is_told() -> None:
    town = Town()
    orders = town.account("orders")
    assert codes(town.problems([orders, orders]), "error") == ["same-account"]


def test_a_system_account_may_be_given_that_the_operator_holds_too() -> None:
    operator = Operator.create("acme", strict=True)
    assert operator.system_account is not None
    assert check_hierarchy(operator, [operator.system_account]) == []


def test_a_name_of_two_accounts_is_a_warning_at_the_later_key() -> None:
    town = Town()
    first, second = sorted((town.account("orders"), town.account("orders")), key=lambda account: account.public)
    town.account("other")
    repeated = [one for one in town.problems() if one.code == "name-repeated"]
    assert [(one.path, one.severity) for one in repeated] == [(f"$[{second.public}].name", "warning")]
    assert first.public in repeated[0].message


def test_accounts_without_a_name_do_not_share_one() -> None:
    town = Town()
    for _ in range(2):
        claims = town.account().claims.replace(name="")
        jwt = tokens.sign(claims, town.operator.signing_keys[0], issued_at=town.now, check=False)
        town.accounts[-1] = Account.load(jwt)
    assert "name-repeated" not in codes(town.problems())


@pytest.mark.parametrize(
    ("who", "strict", "expected"),
    [
        ("signing", False, None),
        ("signing", True, None),
        ("identity", False, ("warning", "identity-signed")),
        ("identity", True, ("error", "identity-signed")),
        ("stranger", False, ("error", "account-untrusted")),
        ("itself", False, ("error", "account-untrusted")),
    ],
)
def test_the_operator_signs_accounts_by_a_signing_key(who: str, strict: bool, expected: tuple[str, str] | None) -> None:
    town, key = Town(strict=strict), pair()
    signer = {
        "signing": town.operator.signing_keys[0],
        "identity": town.operator.key,
        "stranger": KeyPair.generate(KeyType.OPERATOR),
        "itself": key,
    }[who]
    town.account(key=key, signer=signer)
    found = [(one.severity, one.code) for one in town.problems() if one.path == f"$[{key.public}].iss"]
    assert found == ([expected] if expected else [])


def test_a_signing_key_of_two_accounts_is_an_error_in_both() -> None:
    town, shared = Town(), pair()
    plain = town.account("plain", signing_keys=[pair().public, shared.public])
    role = town.account("role", role=shared, signing_keys=[])
    at = [key if isinstance(key, str) else key.key for key in plain.claims.nats.signing_keys].index(shared.public)
    assert sorted(told(town.problems(), "error")) == sorted(
        [
            (f"$[{plain.public}].nats.signing_keys[{at}]", "signing-key-shared"),
            (f"$[{role.public}].nats.signing_keys[0]", "signing-key-shared"),
        ]
    )


def test_the_identity_of_one_account_is_no_signing_key_of_another() -> None:
    town = Town()
    other = town.account("other")
    taken = town.account("taken", signing_keys=[other.public])
    assert told(town.problems(), "error") == [(f"$[{taken.public}].nats.signing_keys[0]", "signing-key-shared")]


def test_under_a_strict_operator_an_account_has_a_signing_key() -> None:
    for strict in (True, False):
        town = Town(strict=strict)
        town.account(signing_keys=[])
        assert ("no-key-for-users" in codes(town.problems(), "warning")) is strict


def test_an_account_in_its_last_second_is_expired_for_servers() -> None:
    town = Town(strict=True)
    orders = town.account(exp=town.now + 5)
    for ahead, expected in ((4, []), (5, ["expired"]), (6, ["expired"])):
        problems = check_hierarchy(town.operator, [orders], now=town.now + ahead)
        assert codes(problems) == expected


def test_services_of_two_accounts_under_one_name_are_a_warning() -> None:
    town = Town()
    one, two = (town.account(exports=[export("a.*", "service"), export("a.>")]) for _ in range(2))
    imports = [
        take("a.*", one, "service"),
        take("a.b", two, "service"),
        take("a.c", two, "service", local_subject="c"),
        take("a.>", one),
        take("a.*", two),
    ]
    shop = town.account(imports=imports)
    places = [(said.subject, said.type) for said in shop.claims.nats.imports]
    at = places.index(("a.b", "service"))
    meeting = [one for one in town.problems() if one.code == "import-collision"]
    assert [(problem.path, problem.severity) for problem in meeting] == [
        (f"$[{shop.public}].nats.imports[{at}]", "warning")
    ]
    assert one.public in meeting[0].message


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ((), []),
        (("*",), ["callout-any-account"]),
        (("KNOWN",), []),
        (("UNKNOWN", "KNOWN"), ["callout-account-unknown"]),
    ],
    ids=["none", "any", "known", "unknown"],
)
def test_where_a_callout_service_places_users_is_known(allowed: tuple[str, ...], expected: list[str]) -> None:
    town = Town()
    keys = {"KNOWN": town.account("known").public, "UNKNOWN": pair().public}
    authorization = ExternalAuthorization(
        auth_users=(KeyPair.generate(KeyType.USER).public,),
        allowed_accounts=tuple(keys.get(account, account) for account in allowed),
    )
    callout = town.account("callout", authorization=authorization)
    found = [one for one in town.problems() if one.code.startswith("callout")]
    assert [one.code for one in found] == expected
    assert all(one.severity == "warning" for one in found)
    path = f"$[{callout.public}].nats.authorization.allowed_accounts[0]"
    assert [one.path for one in found] == [path for _ in expected]


@pytest.mark.parametrize(
    ("local", "sound"),
    [
        ("x.*.*", True),
        ("x.$1.$2", True),
        ("x.$2.$1", True),
        ("$2.x.*", True),
        ("x.*.$2", True),
        ("x.$1.*", False),
        ("x.$1.$1", False),
        ("x.$0.$1", False),
        ("x.$-1.$1", False),
        ("x.$01.$2", False),
        ("x.$1.+2", None),
    ],
)
def test_a_renaming_uses_each_wildcard_once(local: str, sound: bool | None) -> None:
    town = Town()
    orders = town.account(exports=[export("*.*")])
    shop = town.account(imports=[take("*.*", orders, local_subject=local)])
    renaming = {True: [], False: ["import-renaming"], None: ["renaming-count"]}[sound]
    assert told(town.problems(), "error") == [
        (f"$[{shop.public}].nats.imports[0].local_subject", code) for code in renaming
    ]


def test_every_code_is_on_the_page() -> None:
    root = Path(__file__).parent.parent
    page = (root / "docs/reference/hierarchy.md").read_text(encoding="utf-8")
    sources = [path.read_text(encoding="utf-8") for path in (root / "natscreds/hierarchy").glob("*.py")]
    used = {code for source in sources for code in re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source)}
    assert len(used) > 25
    assert used - set(re.findall(r"`([a-z-]+)`", page)) == set()
