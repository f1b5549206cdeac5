"""A parameter that takes several things refuses a bare text: every one there is, found by looking at the package."""

import asyncio
import inspect
import pkgutil
from collections.abc import Callable, Generator, Iterator
from importlib import import_module
from typing import Any, NamedTuple

import msgspec
import pytest
from nats.aio.client import Client

import natscreds
from natscreds import Account, AccountTemplate, KeyPair, KeyType, Operator, User, UserTemplate, issue_users, tokens
from natscreds.access import Access
from natscreds.bulk import Plan, Users, plan
from natscreds.claims import Permission, UserClaims
from natscreds.errors import InvalidClaimsError
from natscreds.nsc import Store
from natscreds.server import BlockingClient, ResolverClient, connect

OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.create_account("orders")
USER = ACCOUNT.create_user("svc-1", publish=["a"])

SEVERAL = ("Iterable", "Collection", "Sequence", "Set[", "set[", "list[")
"""What an annotation holds that stands for several things."""

SAMPLES: dict[str, object] = {
    "account": ACCOUNT,
    "account_jwt": ACCOUNT.jwt,
    "claims": USER.claims,
    "creds": USER.creds,
    "jwt": ACCOUNT.jwt,
    "key": USER.public,
    "kind": KeyType.ACCOUNT,
    "name": "x",
    "names": ["x"],
    "operator": OPERATOR,
    "rules": Access(operator=OPERATOR, account=ACCOUNT, user=USER),
    "template": UserTemplate(),
    "user": USER,
}
"""What to give for a parameter that has no default. One that is not here gets an object of no use: a call that looks
at it before it looks at the bare text fails the test, and wants a line here."""

SPECIAL: dict[str, dict[str, object]] = {
    "Operator.load": {"jwt": OPERATOR.jwt},
    "issue_accounts": {"template": AccountTemplate()},
    "Store.import_operator": {"text": OPERATOR.jwt},
}
"""Where a name means another thing."""

INSTANCES: dict[type, Callable[[], object]] = {
    ResolverClient: lambda: ResolverClient(Client(), OPERATOR),
    BlockingClient: lambda: connect("nats://127.0.0.1:1", USER, OPERATOR),
    Operator: lambda: OPERATOR,
    Account: lambda: ACCOUNT,
    User: lambda: USER,
    UserTemplate: UserTemplate,
    Users: lambda: issue_users(ACCOUNT, ["x"], UserTemplate()),
    Plan: lambda: plan(ACCOUNT, ["x"], UserTemplate()),
    Store: lambda: Store("/nowhere", environ={}),
}
"""Objects whose methods are called. Others are made without arguments, or without being initialised."""


class Place(NamedTuple):
    """A parameter of a public callable. *owner* is the class of a method that needs an object."""

    name: str
    call: Callable[..., object]
    parameter: str
    owner: type | None


def public_modules() -> Iterator[str]:
    yield "natscreds"
    for info in pkgutil.walk_packages(natscreds.__path__, "natscreds."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            yield info.name


def callables() -> Iterator[tuple[str, Callable[..., object], type | None]]:
    """Yield public functions, and public methods of public classes, with the class where an object is needed."""
    for module_name in public_modules():
        module = import_module(module_name)
        for name in getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]):
            found = getattr(module, name)
            if getattr(found, "_is_protocol", False):  # says what others have, and does nothing
                continue
            if inspect.isclass(found) and found.__module__.startswith("natscreds"):
                for member in dir(found):
                    if member.startswith("_") and member not in ("__init__", "__new__", "__call__"):
                        continue
                    raw = inspect.getattr_static(found, member)
                    if isinstance(raw, classmethod | staticmethod) and inspect.isfunction(raw.__func__):
                        yield f"{found.__name__}.{member}", getattr(found, member), None
                    elif inspect.isfunction(raw):
                        yield f"{found.__name__}.{member}", raw, found
            elif inspect.isfunction(found) and found.__module__.startswith("natscreds"):
                yield found.__name__, found, None


def places() -> list[Place]:
    found: dict[tuple[str, str], Place] = {}
    for name, call, owner in callables():
        for parameter in inspect.signature(call).parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                continue
            if any(mark in str(parameter.annotation) for mark in SEVERAL) and "Callable[" not in str(
                parameter.annotation
            ):
                found.setdefault((name, parameter.name), Place(name, call, parameter.name, owner))
    return list(found.values())


def holder(owner: type) -> object:
    if owner in INSTANCES:
        return INSTANCES[owner]()
    try:
        return owner()
    except TypeError:
        return object.__new__(owner)


def run(place: Place, value: object) -> object:
    """Call, with *value* for the parameter and something that fits for every other one that must be given."""
    given: dict[str, object] = {}
    parameters = list(inspect.signature(place.call).parameters.values())
    for parameter in parameters[1:] if place.owner is not None else parameters:
        if parameter.name == place.parameter:
            given[parameter.name] = value
        elif parameter.default is inspect.Parameter.empty and parameter.kind not in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            samples = SAMPLES | SPECIAL.get(place.name, {})
            nothing = None if "None" in str(parameter.annotation) else object()
            given[parameter.name] = samples.get(parameter.name, nothing)
    by_place = [
        given.pop(parameter.name)
        for parameter in parameters
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY and parameter.name in given
    ]
    subject: list[object] = []
    if place.owner is not None:
        made = place.name.endswith(".__init__")
        subject = [object.__new__(place.owner) if made else holder(place.owner)]
    result: Any = place.call(*subject, *by_place, **given)
    if inspect.iscoroutine(result):
        return asyncio.run(result)
    if isinstance(result, Generator):
        return next(result)
    return result


PLACES = places()


@pytest.mark.parametrize("text", ["orders.>", "", b"orders.>", b""], ids=repr)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.name}({place.parameter}=)")
def test_a_bare_text_where_several_are_meant_is_a_type_error(place: Place, text: object) -> None:
    with pytest.raises(TypeError, match=rf"\b{place.parameter}\b|\bseveral\b"):
        run(place, text)


@pytest.mark.parametrize(
    "place",
    [
        "Access.__init__(accounts=)",
        "Access.connect(pinned_accounts=)",
        "Account.create_user(publish=)",
        "Account.create_user(tags=)",
        "Account.load(keys=)",
        "NatsCluster.__init__(accounts=)",
        "NatsServer.__init__(accounts=)",
        "Operator.add_role(deny_subscribe=)",
        "Operator.adopt(keys=)",
        "Operator.create(service_urls=)",
        "Operator.create_account(tags=)",
        "Operator.load(keys=)",
        "Store.import_operator(keys=)",
        "Store.write_accounts(accounts=)",
        "Store.write_users(users=)",
        "UserTemplate.__init__(fields=)",
        "Users.skip(names=)",
        "ResolverClient.push(accounts=)",
        "ResolverClient.sync(allow=)",
        "BlockingClient.disable(accounts=)",
        "TrustChain.throwaway(users=)",
        "assert_can_connect(pinned_accounts=)",
        "config(accounts=)",
        "connect(deleted=)",
        "issue_users(names=)",
        "matrix(subjects=)",
        "nats_server_fixture(accounts=)",
        "verify_chain(trusted=)",
        "write_directory(users=)",
        "write_jsonl(users=)",
        "write_kubernetes(users=)",
        "write_tar(users=)",
        "write_zip(users=)",
    ],
)
def test_the_search_finds_what_is_known_to_be_there(place: str) -> None:
    assert place in {f"{found.name}({found.parameter}=)" for found in PLACES}


@pytest.mark.parametrize(
    "member",
    ["imports", "exports", "signing_keys", "tags", "operator_service_urls", "src", "times", "allowed_connection_types"],
)
@pytest.mark.parametrize("text", ["abc", b"abc", ""], ids=repr)
def test_claims_take_no_bare_text_for_a_list(member: str, text: object) -> None:
    for claims in (OPERATOR.claims, ACCOUNT.claims, USER.claims):
        if hasattr(claims.body, member):
            with pytest.raises(TypeError, match=member):
                claims.replace(**{member: text})


@pytest.mark.parametrize("text", ["orders.>", ">", b"orders.>"], ids=repr)
@pytest.mark.parametrize("which", ["allow", "deny"])
def test_a_bare_text_put_into_a_struct_is_not_signed(which: str, text: Any) -> None:  # noqa: ANN401  # the wrong types
    held = Permission(**{which: text})
    body = msgspec.structs.replace(USER.claims.nats, pub=held)
    claims: UserClaims = msgspec.structs.replace(USER.claims, nats=body)
    signer = ACCOUNT.signing_keys[0]
    assert isinstance(signer, KeyPair)
    for check in (True, False):
        with pytest.raises(InvalidClaimsError):
            tokens.sign(claims, signer, issued_at=USER.claims.iat, check=check)
