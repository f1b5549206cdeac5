"""`check_hierarchy` and a real nats-server, asked about the same accounts: an import with an error carries nothing."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import property_profiles  # noqa: F401  # how long properties search
import pytest
from hierarchy_cases import CASES, STRICT, Case, pair
from hierarchy_town import Kind, Path, Town, errors_at, export, flows, take
from hypothesis import given
from hypothesis import strategies as st
from nats_wire import connect

from natscreds import Account, KeyPair
from natscreds.claims import Export


class Table:
    """The cases, all in one town, and a server that knows it."""

    def __init__(self, cases: list[tuple[Case, Kind]], *, strict: bool = False) -> None:
        self.town = Town(strict=strict)
        self.paths: dict[tuple[Case, Kind], list[tuple[Path, str]]] = {}
        self.accounts: dict[tuple[Case, Kind], list[Account]] = {}
        for case, kind in cases:
            before = len(self.town.accounts)
            self.paths[case, kind] = case(self.town, kind)
            self.accounts[case, kind] = self.town.accounts[before:]
        self.server = self.town.server()

    def judge(self, case: Case, kind: Kind) -> None:
        """Compare what is told of each import with what is foreseen, and with what comes through."""
        problems = self.town.problems(self.accounts[case, kind])
        for path, error in self.paths[case, kind]:
            told = errors_at(problems, path.place) + errors_at(problems, f"$[{path.exporter.public}].iss")
            assert told == ([error] if error else []), path
            assert flows(self.server, path, kind) is (not error), path


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table(CASES)
    with table.server:
        yield table


def named(value: object) -> str:
    return getattr(value, "__name__", str(value)).replace("_", "-")


@pytest.mark.parametrize(("case", "kind"), CASES, ids=named)
def test_an_import_carries_messages_when_nothing_is_told_of_it(table: Table, case: Case, kind: Kind) -> None:
    table.judge(case, kind)


@pytest.fixture(scope="module")
def strict_table() -> Iterator[Table]:
    table = Table(STRICT, strict=True)
    with table.server:
        yield table


@pytest.mark.parametrize(("case", "kind"), STRICT, ids=named)
def test_a_strict_operators_accounts_are_judged_as_servers_judge_them(
    strict_table: Table, case: Case, kind: Kind
) -> None:
    strict_table.judge(case, kind)


KINDS: tuple[Kind, Kind] = ("stream", "service")
each_kind = pytest.mark.parametrize("kind", KINDS)


def circle(town: Town, kind: Kind, size: int) -> list[Path]:
    """Accounts of which each imports `a` from the one before, the first from the last."""
    keys = [pair() for _ in range(size)]
    accounts = [
        town.account(key=keys[at], exports=[export("a", kind)], imports=[take("a", keys[at - 1], kind)])
        for at in range(size)
    ]
    return [Path(accounts[at - 1], "a", accounts[at], "a") for at in range(size)]


@each_kind
@pytest.mark.parametrize("size", [2, 3, 5])
def test_in_a_circle_each_import_has_an_error_and_one_carries_nothing(kind: Kind, size: int) -> None:
    """Which one depends on the order in which the server reads the accounts."""
    town = Town()
    paths = circle(town, kind, size)
    problems = town.problems()
    assert [errors_at(problems, path.place) for path in paths] == size * [["import-cycle"]]
    with town.server(debug=True) as server:
        carries = [flows(server, path, kind) for path in paths]
        assert not all(carries)
        assert "import forms a cycle" in server.log


@each_kind
@pytest.mark.parametrize("size", [2, 3])
def test_whoever_imports_from_a_circle_is_not_in_it(kind: Kind, size: int) -> None:
    town = Town()
    inside = circle(town, kind, size)[0].importer
    outside = town.account(imports=[take("a", inside, kind)])
    assert errors_at(town.problems(), f"$[{outside.public}]") == []
    with town.server() as server:
        assert flows(server, Path(inside, "a", outside, "a"), kind)


@each_kind
def test_an_account_met_on_two_ways_closes_a_circle_for_servers(kind: Kind) -> None:
    town = Town()
    root = town.account(exports=[export("a", kind)])
    low = town.account(exports=[export("a", kind)], imports=[take("a", root, kind)])
    left, right = (town.account(exports=[export("a", kind)], imports=[take("a", low, kind)]) for _ in range(2))
    middle = town.account(exports=[export("a", kind)], imports=[take("a", left, kind), take("a", right, kind)])
    top = town.account(imports=[take("a", middle, kind)])
    path = Path(middle, "a", top, "a")
    with town.server() as server:
        assert not flows(server, path, kind)
    assert errors_at(town.problems(), path.place) == ["import-cycle"]


@each_kind
def test_where_exports_of_unequal_protection_cover_an_import_servers_take_any_of_them(kind: Kind) -> None:
    town = Town()
    orders = town.account(exports=[export("*.b", kind), export("a.*", kind, token_req=True)])
    paths = [Path(orders, "a.b", town.account(imports=[take("a.b", orders, kind)]), "a.b") for _ in range(200)]
    problems = town.problems()
    assert all(errors_at(problems, path.place) == ["export-ambiguous"] for path in paths)
    with town.server() as server:
        seen: set[bool] = set()
        while len(seen) < 2:
            seen.add(flows(server, paths.pop(), kind))


@each_kind
@pytest.mark.parametrize(
    ("exp", "nbf", "code"),
    [(-50, 0, "activation-expired"), (0, 1_000, "activation-not-yet-valid"), (1_000, -50, "")],
    ids=["expired", "early", "in-time"],
)
def test_the_age_of_an_activation_counts_where_it_is_asked_for(kind: Kind, exp: int, nbf: int, code: str) -> None:
    town = Town()
    key = pair()
    exports = [export("a", kind, token_req=True), export("b", kind)]
    orders = town.account(exports=exports)
    moments = {"exp": exp and town.now + exp, "nbf": nbf and town.now + nbf}
    tokens = {
        name: town.activation(orders.key, key.public, name, kind, exp=moments["exp"], nbf=moments["nbf"])
        for name in ("a", "b")
    }
    shop = town.account(key=key, imports=[take(name, orders, kind, token=tokens[name]) for name in ("a", "b")])
    assert "time" not in {problem.severity for problem in town.problems()}
    timed = [problem for problem in town.problems(now=town.now) if problem.severity == "time"]
    assert [(problem.path, problem.code) for problem in timed] == (
        [(f"$[{shop.public}].nats.imports[0].token", code)] if code else []
    )
    with town.server() as server:
        assert flows(server, Path(orders, "a", shop, "a"), kind) is (not code)
        assert flows(server, Path(orders, "b", shop, "b", 1), kind)


def test_requests_are_passed_on_and_the_messages_of_streams_are_not() -> None:
    town = Town()
    ends = []
    for kind in KINDS:
        source = town.account(exports=[export("a", kind)])
        middle = town.account(exports=[export("a", kind)], imports=[take("a", source, kind)])
        ends.append(Path(source, "a", town.account(imports=[take("a", middle, kind)]), "a"))
    problems = town.problems()
    with town.server() as server:
        for kind, path in zip(KINDS, ends, strict=True):
            told = [problem.code for problem in problems if problem.path.startswith(path.place)]
            assert told == (["stream-not-passed-on"] if kind == "stream" else [])
            assert flows(server, path, kind) is (kind == "service")


def test_servers_add_to_what_the_system_account_exports() -> None:
    town = Town()
    system, key = town.operator.system_account, pair()
    assert system is not None
    own = f"$SYS.REQ.ACCOUNT.{key.public}.CONNZ"
    foreign = f"$SYS.REQ.ACCOUNT.{pair().public}.CONNZ"
    imports = [
        take(own, system, "service", local_subject="own"),
        take(foreign, system, "service", local_subject="foreign"),
    ]
    if foreign < own:  # signing sorts them
        imports.reverse()
    shop = town.account(key=key, imports=imports)
    wrong = f"$[{shop.public}].nats.imports[{[one.local_subject for one in imports].index('foreign')}].subject"
    assert [(problem.path, problem.code) for problem in town.problems() if problem.severity == "error"] == [
        (wrong, "position-other-account")
    ]
    with town.server() as server, connect(server.url, shop.create_user("u")) as wire:
        wire.subscribe("answers.*")
        for name in ("own", "foreign"):
            wire.publish(name, reply=f"answers.{name}")
        answers = wire.wait_messages(1)
        assert [subject for subject, _, _ in answers] == ["answers.own"]
        assert json.loads(answers[0][2])["data"]["num_connections"] == 1


# --- any hierarchy: two accounts export, others import, one thing each and under a name of their own


class Offer(NamedTuple):
    """An export: its words, and what guards it."""

    words: tuple[str, ...]
    kind: Kind
    guard: str

    def made(self, now: int) -> Export:
        position = self.words.index("*") + 1 if self.guard == "position" and "*" in self.words else 0
        return export(
            ".".join(self.words),
            self.kind,
            token_req=self.guard in ("token", "revocation"),
            revocations={"*": now - 100} if self.guard == "revocation" else {},
            account_token_position=position,
        )


class Wish(NamedTuple):
    """An import, and the activation it brings: signed by whose key, in whose name, about what, how long ago."""

    exporter: int
    words: tuple[str, ...]
    kind: Kind
    signer: str
    named: str
    about: str
    age: int


WORDS = st.sampled_from(["a", "b", "*", "*"])
SUBJECTS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    st.lists(WORDS, max_size=2).map(lambda words: (*words, ">")),
    st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    st.sampled_from([("a", ">", "b"), ("*a", "b")]),
)
GUARDS = st.sampled_from(["", "token", "token", "revocation", "position", "position"])
OFFERS = st.lists(st.builds(Offer, SUBJECTS, st.sampled_from(KINDS), GUARDS), min_size=1, max_size=2)


@st.composite
def wishes(draw: st.DrawFn, offered: tuple[list[Offer], list[Offer]]) -> Wish:
    """Draw an import of something that an export covers, or of something else, now and then."""
    at = draw(st.integers(0, 1))
    offer = draw(st.sampled_from(offered[draw(st.sampled_from([at, at, at, 1 - at]))]))
    words: list[str] = []
    for word in offer.words:
        if word == "*":
            words.append(draw(st.sampled_from(["a", "b", "*", "*", "ME", "ME", "OTHER"])))
        elif word == ">":
            words += draw(st.sampled_from([("a",), ("b", "*"), (">",)]))
        else:
            words.append(draw(st.sampled_from([word, word, word, word, "b", "*"])))
    other = {"stream": "service", "service": "stream"}[offer.kind]
    signer = draw(st.sampled_from(["", "identity", "identity", "signing", "signing", "role", "stranger", "operator"]))
    named = draw(st.sampled_from(["exporter", "exporter", "exporter", "" if signer == "identity" else "stranger"]))
    return Wish(
        exporter=at,
        words=tuple(words),
        kind=draw(st.sampled_from([offer.kind, offer.kind, offer.kind, offer.kind, other])),
        signer=signer,
        named=named,
        about=draw(st.sampled_from([">", ">", ">", ">", "a.>"])),
        age=draw(st.sampled_from([50, 50, 100, 150])),
    )


@st.composite
def hierarchies(draw: st.DrawFn) -> tuple[tuple[list[Offer], list[Offer]], list[Wish]]:
    offered = draw(OFFERS), draw(OFFERS)
    return offered, draw(st.lists(wishes(offered), min_size=1, max_size=8))


def want(town: Town, exporter: Account, role: KeyPair, wish: Wish) -> Path:
    """Add an account that imports what *wish* says."""
    key, stranger = pair(), pair()
    names = {"ME": key.public, "OTHER": stranger.public}
    words = [names.get(word, word) for word in wish.words]
    signers = {
        "identity": exporter.key,
        "signing": exporter.signing_keys[0],
        "role": role,
        "stranger": stranger,
        "operator": town.operator.signing_keys[0],
    }
    token = ""
    if wish.signer:
        named = {"exporter": exporter.public, "stranger": stranger.public}.get(wish.named, "")
        token = town.activation(
            signers[wish.signer], key.public, wish.about, wish.kind, issuer_account=named, age=wish.age
        )
    subject = ".".join(words)
    imported = take(subject, exporter, wish.kind, token=token, local_subject=f"x.{subject}")
    importer = town.account(key=key, imports=[imported])
    literal = ".".join(f"w{at}" if word in "*>" else word for at, word in enumerate(words))
    return Path(exporter, literal, importer, f"x.{literal}")


@given(st.booleans(), hierarchies())
def test_of_any_accounts_those_imports_carry_messages_that_have_no_error(
    strict: bool, drawn: tuple[tuple[list[Offer], list[Offer]], list[Wish]]
) -> None:
    offered, wished = drawn
    town, roles = Town(strict=strict), (pair(), pair())
    exporters = [
        town.account(exports=[offer.made(town.now) for offer in offers], role=role)
        for offers, role in zip(offered, roles, strict=True)
    ]
    paths = [(want(town, exporters[wish.exporter], roles[wish.exporter], wish), wish.kind) for wish in wished]
    problems = town.problems()
    with town.server() as server:
        for path, kind in paths:
            codes = errors_at(problems, path.place) + errors_at(problems, f"$[{path.exporter.public}]")
            if "export-ambiguous" not in codes:
                assert flows(server, path, kind) is (not codes), codes
