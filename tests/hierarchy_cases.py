"""Set-ups of accounts that import from one another, and what is foreseen of each: no more than the rules say."""

from collections.abc import Callable

from hierarchy_town import Kind, Path, Town, export, take

from natscreds import KeyPair, KeyType

__all__ = ["CASES", "STRICT", "Case", "pair"]

Case = Callable[[Town, Kind], list[tuple[Path, str]]]
"""Adds accounts to a town, and says which way each import leads and which error keeps it shut (none: `""`)."""


def pair() -> KeyPair:
    return KeyPair.generate(KeyType.ACCOUNT)


def public_literal(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.b", kind)])
    shop = town.account(imports=[take("a.b", orders, kind)])
    return [(Path(orders, "a.b", shop, "a.b"), "")]


def within_a_wildcard(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.>", kind)])
    shop = town.account(imports=[take("a.*.c", orders, kind), take("a.x", orders, kind)])
    return [(Path(orders, "a.b.c", shop, "a.b.c"), ""), (Path(orders, "a.x", shop, "a.x", 1), "")]


def wider_than_the_export(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind)])
    shop = town.account(imports=[take("a.>", orders, kind), take("*.*", orders, kind, local_subject="x.*.*")])
    return [
        (Path(orders, "a.b", shop, "a.b"), "export-missing"),
        (Path(orders, "a.b", shop, "x.a.b", 1), "export-missing"),
    ]


def not_exported(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.c", kind)])
    shop = town.account(imports=[take("a.b", orders, kind)])
    return [(Path(orders, "a.b", shop, "a.b"), "export-missing")]


def exported_as_the_other_kind(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", "stream" if kind == "service" else "service")])
    shop = town.account(imports=[take("a.b", orders, kind)])
    return [(Path(orders, "a.b", shop, "a.b"), "export-other-type")]


def renamed(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*.*", kind), export("b.>", kind)])
    imports = [
        take("a.*.*", orders, kind, local_subject="x.$2.*"),
        take("b.*", orders, kind, local_subject="y.*.z"),
        take("b.>", orders, kind, local_subject="w.>"),
    ]
    shop = town.account(imports=imports)
    return [
        (Path(orders, "a.1.2", shop, "x.2.1"), ""),
        (Path(orders, "b.3", shop, "y.3.z", 1), ""),
        (Path(orders, "b.4.5", shop, "w.4.5", 2), ""),
    ]


def renamed_by_one_wildcard_twice(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("*.*", kind)])
    shop = town.account(imports=[take("*.*", orders, kind, local_subject="x.$1.$1")])
    other = town.account(imports=[take("*.*", orders, kind, local_subject="x.*.$1")])
    error = "import-renaming"
    return [
        (Path(orders, "1.2", shop, "x.1.2"), error),
        (Path(orders, "1.2", shop, "x.2.1"), error),
        (Path(orders, "1.2", other, "x.1.1"), error),
    ]


def renamed_with_a_number_that_servers_do_not_read(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("*", kind)])
    shop = town.account(imports=[take("*", orders, kind, local_subject="x.$+1")])
    return [(Path(orders, "1", shop, "x.1"), "import-renaming")]


def a_subject_that_servers_do_not_read(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.>.c", kind)])
    shop = town.account(imports=[take("a.>.c", orders, kind)])
    other = town.account(imports=[take("a.b.c", orders, kind)])
    return [(Path(orders, "a.b.c", shop, "a.b.c"), "import-invalid"), (Path(orders, "a.b.c", other, "a.b.c"), "")]


def the_account_in_its_place(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*.>", kind, account_token_position=2)])
    key = pair()
    own = f"a.{key.public}.b"
    shop = town.account(key=key, imports=[take(own, orders, kind)])
    return [(Path(orders, own, shop, own), "")]


def another_account_in_its_place(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*.>", kind, account_token_position=2)])
    foreign = f"a.{pair().public}.b"
    first = town.account(imports=[take(foreign, orders, kind)])
    second = town.account(imports=[take("a.*.b", orders, kind)])
    third = town.account(imports=[take("a.*.>", orders, kind)])
    error = "position-other-account"
    return [
        (Path(orders, foreign, first, foreign), error),
        (Path(orders, "a.x.b", second, "a.x.b"), error),
        (Path(orders, "a.x.b", third, "a.x.b"), error),
    ]


def the_place_instead_of_an_activation(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, account_token_position=2, token_req=True)])
    key, other = pair(), pair()
    shop = town.account(key=key, imports=[take(f"a.{key.public}", orders, kind)])
    token = town.activation(orders.key, other.public, "a.>", kind)
    refused = town.account(key=other, imports=[take("a.x", orders, kind, token=token)])
    return [
        (Path(orders, f"a.{key.public}", shop, f"a.{key.public}"), ""),
        (Path(orders, "a.x", refused, "a.x"), "position-other-account"),
    ]


def no_activation(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, token_req=True)])
    shop = town.account(imports=[take("a.b", orders, kind)])
    return [(Path(orders, "a.b", shop, "a.b"), "activation-missing")]


def activated(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """By the identity, by a plain signing key, by a role's key."""
    role, found = pair(), []
    orders = town.account(exports=[export("a.*", kind, token_req=True)], role=role)
    assert orders.key is not None
    for signer, named in ((orders.key, ""), (orders.signing_keys[0], orders.public), (role, orders.public)):
        key = pair()
        token = town.activation(signer, key.public, "a.*", kind, issuer_account=named)
        shop = town.account(key=key, imports=[take("a.b", orders, kind, token=token)])
        found.append((Path(orders, "a.b", shop, "a.b"), ""))
    return found


def activated_by_another(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, token_req=True)])
    others = town.account()
    found = []
    for signer, named, error in (
        (others.key, "", "activation-issuer"),
        (others.signing_keys[0], orders.public, "activation-signer"),
        (orders.key, others.public, "activation-signer"),
        (town.operator.signing_keys[0], orders.public, "activation-signer"),
        (town.operator.signing_keys[0], "", "activation-issuer"),
    ):
        key = pair()
        token = town.activation(signer, key.public, "a.*", kind, issuer_account=named)
        shop = town.account(key=key, imports=[take("a.b", orders, kind, token=token)])
        found.append((Path(orders, "a.b", shop, "a.b"), error))
    return found


def activated_for_another(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, token_req=True)])
    token = town.activation(orders.key, pair().public, "a.*", kind)
    shop = town.account(imports=[take("a.b", orders, kind, token=token)])
    return [(Path(orders, "a.b", shop, "a.b"), "activation-subject")]


def activated_by_no_token(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, token_req=True)])
    shop = town.account(imports=[take("a.b", orders, kind, token=orders.jwt[1:])])
    other = town.account(imports=[take("a.b", orders, kind, token=orders.jwt)])
    error = "activation-unreadable"
    return [(Path(orders, "a.b", shop, "a.b"), error), (Path(orders, "a.b", other, "a.b"), error)]


def activated_where_nobody_asks(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """What is wrong with it counts all the same."""
    orders = town.account(exports=[export("a.*", kind)])
    shop = town.account(
        imports=[take("a.b", orders, kind, token=town.activation(orders.key, pair().public, "a.*", kind))]
    )
    return [(Path(orders, "a.b", shop, "a.b"), "activation-subject")]


def activated_for_something_else(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, token_req=True)])
    key, other = pair(), pair()
    narrow = town.activation(orders.key, key.public, "a.c", kind)
    kinds = town.activation(orders.key, other.public, "a.*", "stream" if kind == "service" else "service")
    shop = town.account(key=key, imports=[take("a.b", orders, kind, token=narrow)])
    rest = town.account(key=other, imports=[take("a.b", orders, kind, token=kinds)])
    return [
        (Path(orders, "a.b", shop, "a.b"), "activation-covers"),
        (Path(orders, "a.b", rest, "a.b"), "activation-type"),
    ]


def activation_revoked(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    early, in_time, late = pair(), pair(), pair()
    until = town.now - 100
    revocations = {early.public: until + 1, in_time.public: until, late.public: until - 1, "*": until - 1}
    orders = town.account(exports=[export("a.*", kind, token_req=True, revocations=revocations)])
    found = []
    for key, error in ((early, "activation-revoked"), (in_time, "activation-revoked"), (late, "")):
        token = town.activation(orders.key, key.public, "a.*", kind, age=100)
        shop = town.account(key=key, imports=[take("a.b", orders, kind, token=token)])
        found.append((Path(orders, "a.b", shop, "a.b"), error))
    return found


def all_activations_revoked(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    key = pair()
    orders = town.account(exports=[export("a.*", kind, token_req=True, revocations={"*": town.now, key.public: 1})])
    token = town.activation(orders.key, key.public, "a.*", kind)
    shop = town.account(key=key, imports=[take("a.b", orders, kind, token=token)])
    return [(Path(orders, "a.b", shop, "a.b"), "activation-revoked")]


def a_revocation_of_what_is_public(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind, revocations={"*": town.now})])
    shop = town.account(imports=[take("a.b", orders, kind)])
    return [(Path(orders, "a.b", shop, "a.b"), "")]


def exports_that_agree(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """Two exports cover the import, one public and one not; it brings what either asks for."""
    orders = town.account(exports=[export("*.b", kind, token_req=True), export("a.*", kind)])
    key = pair()
    token = town.activation(orders.key, key.public, "a.b", kind)
    shop = town.account(key=key, imports=[take("a.b", orders, kind, token=token)])
    return [(Path(orders, "a.b", shop, "a.b"), "")]


def from_itself(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    key = pair()
    own = town.account(key=key, exports=[export("a.*", kind)], imports=[take("a.b", key, kind, local_subject="c")])
    return [(Path(own, "a.b", own, "c"), "")]


def an_exporter_that_servers_refuse(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """The error is the exporter's."""
    stranger = KeyPair.generate(KeyType.OPERATOR)
    orders = town.account(exports=[export("a", kind)], signer=stranger)
    shop = town.account(imports=[take("a", orders, kind)])
    return [(Path(orders, "a", shop, "a"), "account-untrusted")]


def what_looks_like_a_circle(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """Each imports from the other, but not the same."""
    first, second = pair(), pair()
    one = town.account(key=first, exports=[export("a", kind)], imports=[take("b", second, kind)])
    two = town.account(key=second, exports=[export("b", kind)], imports=[take("a", first, kind)])
    return [(Path(one, "a", two, "a"), ""), (Path(two, "b", one, "b"), "")]


def imported_twice(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind)])
    imports = [take("a.b", orders, kind, local_subject="x"), take("a.b", orders, kind, local_subject="y")]
    shop = town.account(imports=imports)
    second = "import-repeated" if kind == "stream" else ""
    return [(Path(orders, "a.b", shop, "x"), ""), (Path(orders, "a.b", shop, "y", 1), second)]


def put_below_a_prefix(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind)])
    imports = [take("a.b", orders, kind, to="x"), take("a.*", orders, kind, to="y."), take("a.c", orders, kind, to="*")]
    shop = town.account(imports=imports)
    return [
        (Path(orders, "a.b", shop, "x.a.b"), ""),
        (Path(orders, "a.d", shop, "y.a.d", 1), ""),
        (Path(orders, "a.c", shop, "z.a.c", 2), "import-renaming"),
    ]


def asked_by_the_deprecated_name(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind)])
    found = []
    for subject, to, remote, local, error in (
        ("x", "a.b", "a.b", "x", ""),
        ("x.*", "a.*", "a.b", "x.b", ""),
        ("x.*", "a.b", "a.b", "x.y", ""),
        ("x", "a.*", "a.b", "x", "import-renaming"),
        ("a.b", "x", "a.b", "x", "export-missing"),
    ):
        shop = town.account(imports=[take(subject, orders, kind, to=to)])
        found.append((Path(orders, remote, shop, local), error))
    return found


def twice_by_the_deprecated_name(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a.*", kind)])
    shop = town.account(imports=[take("x", orders, kind, to="a.b"), take("x", orders, kind, to="a.c")])
    return [(Path(orders, "a.b", shop, "x"), ""), (Path(orders, "a.c", shop, "x", 1), "import-repeated")]


def of_two_accounts_under_one_name(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """Both are asked, which is a warning."""
    one, two = town.account(exports=[export("a", kind)]), town.account(exports=[export("a", kind)])
    shop = town.account(imports=[take("a", one, kind), take("a", two, kind)])
    return [(Path(one, "a", shop, "a"), ""), (Path(two, "a", shop, "a", 1), "")]


def through_two_accounts(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    source = town.account(exports=[export("a", kind)])
    middle = town.account(exports=[export("a", kind)], imports=[take("a", source, kind)])
    end = town.account(imports=[take("a", middle, kind)])
    return [(Path(source, "a", end, "a"), ""), (Path(source, "a", middle, "a"), "")]


def a_circle_that_servers_do_not_see(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """Requests would come back under another name each time; servers end that themselves."""
    keys = [pair(), pair(), pair()]
    names = ["a", "b", "c"]
    accounts = [
        town.account(
            key=keys[at],
            exports=[export(names[at], kind)],
            imports=[take(names[at - 1], keys[at - 1], kind, local_subject=names[at])],
        )
        for at in range(3)
    ]
    return [(Path(accounts[at - 1], names[at - 1], accounts[at], names[at]), "") for at in range(3)]


def under_a_strict_operator(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    """An identity signs users no more; activations it signs, unless they name the account."""
    role, found = pair(), []
    orders = town.account(exports=[export("a.*", kind, token_req=True)], role=role)
    for signer, named, error in (
        (orders.key, "", ""),
        (orders.key, orders.public, "activation-signer"),
        (orders.signing_keys[0], orders.public, ""),
        (role, orders.public, ""),
    ):
        key = pair()
        token = town.activation(signer, key.public, "a.*", kind, issuer_account=named)
        shop = town.account(key=key, imports=[take("a.b", orders, kind, token=token)])
        found.append((Path(orders, "a.b", shop, "a.b"), error))
    return found


def signed_by_the_operators_identity(town: Town, kind: Kind) -> list[tuple[Path, str]]:
    orders = town.account(exports=[export("a", kind)], signer=town.operator.key)
    shop = town.account(imports=[take("a", orders, kind)])
    return [(Path(orders, "a", shop, "a"), "identity-signed")]


EITHER: list[Case] = [
    public_literal,
    within_a_wildcard,
    wider_than_the_export,
    not_exported,
    exported_as_the_other_kind,
    renamed,
    renamed_by_one_wildcard_twice,
    renamed_with_a_number_that_servers_do_not_read,
    a_subject_that_servers_do_not_read,
    the_account_in_its_place,
    another_account_in_its_place,
    the_place_instead_of_an_activation,
    no_activation,
    activated,
    activated_by_another,
    activated_for_another,
    activated_by_no_token,
    activated_where_nobody_asks,
    activated_for_something_else,
    activation_revoked,
    all_activations_revoked,
    a_revocation_of_what_is_public,
    exports_that_agree,
    from_itself,
    an_exporter_that_servers_refuse,
    what_looks_like_a_circle,
    imported_twice,
]
KINDS: tuple[Kind, Kind] = ("stream", "service")
CASES: list[tuple[Case, Kind]] = [(case, kind) for case in EITHER for kind in KINDS]
CASES += [
    (put_below_a_prefix, "stream"),
    (asked_by_the_deprecated_name, "service"),
    (twice_by_the_deprecated_name, "service"),
    (of_two_accounts_under_one_name, "service"),
    (through_two_accounts, "service"),
    (a_circle_that_servers_do_not_see, "service"),
]
STRICT: list[tuple[Case, Kind]] = [
    (case, kind)
    for case in (public_literal, no_activation, under_a_strict_operator, signed_by_the_operators_identity)
    for kind in KINDS
]
