"""`diagram`: who exports to whom as Mermaid text, whatever names and subjects say."""

import re

import property_profiles  # noqa: F401  # how long properties search
import pytest
from hierarchy_cases import pair
from hierarchy_town import Kind, Town, export, take
from hypothesis import example, given
from hypothesis import strategies as st

from natscreds import Account, Operator, diagram, tokens

PLAIN = r"(?:[A-Za-z0-9_ .-]|#[0-9]+;)*"
LABEL = rf"{PLAIN}(?:<br/>{PLAIN})?"
# Every line there may be: nothing from a token stands outside of quotes, and inside only what is plain.
LINE = re.compile(
    "|".join(
        [
            "flowchart LR",
            rf'  subgraph operator\["{PLAIN}"\]',
            "  end",
            rf' {{2,4}}a[0-9]+\["{LABEL}"\]',
            rf'  a[0-9]+ (?:-->|-\.->)\|"{PLAIN}"\| a[0-9]+',
        ]
    )
)
HOSTILE = [
    'x"] --> a0["y',
    "x\n  a0 --> a1",
    "x\r\n%%{init: {'theme':'dark'}}%%",
    "#quot;#59;",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '`**bold** _it_` "quoted"',
    "$$\\frac{1}{2}$$",
    "fa:fa-ban",
    "1. first",
    "- item",
    "-- --",
    "    code",
    "end",
    "click a0 href 'javascript:alert(1)'",
    "|x|",
    "\u202egnol\u2028\u0000\u0085",
    "___",
    "ünï😀",
    "a; b --> c",
    "]]>&lt;",
    "ﬂ°°60¶ßimg src=xﬂ°°62¶ß",
]


def lines_of(text: str) -> list[str]:
    """Return the lines of a drawing, of which each has a shape that was meant."""
    assert text.isascii()
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    for line in lines:
        assert LINE.fullmatch(line), line
    return lines


def read(label: str) -> str:
    """Read a label as a browser would show it, without the joiners that nobody sees."""
    return re.sub(r"#([0-9]+);", lambda number: chr(int(number[1])), label).replace("\u2060", "")


def test_arrows_go_from_the_exporter_to_the_importer() -> None:
    town = Town()
    orders = town.account("orders", exports=[export("orders.*.>"), export("help", "service")])
    imports = [take("help", orders, "service", local_subject="ask"), take("orders.eu.>", orders)]
    shop = town.account("shop", imports=imports)
    system = town.operator.system_account
    assert system is not None
    names = {orders.public: "orders", shop.public: "shop", system.public: "SYS"}
    node = {key: f"a{at}" for at, key in enumerate(sorted(names))}
    assert lines_of(diagram(town.operator, [shop, orders])) == [
        "flowchart LR",
        '  subgraph operator["acme"]',
        *(f'    {node[key]}["{names[key]}<br/>{key[:12]}"]' for key in sorted(names)),
        "  end",
        f'  {node[orders.public]} -->|"service help as ask"| {node[shop.public]}',
        f'  {node[orders.public]} -->|"stream orders.eu.#62;"| {node[shop.public]}',
    ]


@pytest.mark.parametrize("kind", ["stream", "service"])
def test_an_import_that_is_not_granted_or_not_seen_is_dotted(kind: Kind) -> None:
    town = Town()
    orders = town.account("orders", exports=[export("a", kind, token_req=True)])
    missing = pair()
    town.account("shop", imports=[take("a", orders, kind), take("b", orders, kind), take("c", missing, kind)])
    lines = lines_of(diagram(town.operator.jwt, [account.jwt for account in town.accounts]))
    assert [line.split("|")[0].split()[1] for line in lines if "|" in line] == ["-.->", "-.->", "-.->"]
    assert f'  a2["not given<br/>{missing.public[:12]}"]' in lines


def test_the_drawing_does_not_depend_on_the_order_of_the_accounts() -> None:
    town = Town()
    orders = town.account("orders", exports=[export("a")])
    for name in ("one", "two", "three"):
        town.account(name, imports=[take("a", orders)])
    assert diagram(town.operator, town.accounts) == diagram(town.operator, reversed(town.accounts))


def test_an_operator_without_accounts_is_drawn() -> None:
    operator = Operator.create("acme", system_account=False)
    assert lines_of(diagram(operator, [])) == ["flowchart LR", '  subgraph operator["acme"]', "  end"]


def said_everywhere(text: str) -> tuple[Town, list[Account]]:
    """Return accounts that say *text* wherever a token takes text; servers would refuse some."""
    town = Town()
    imports = [
        take(text, pair(), local_subject=text),
        take(text, text),
        take("a", pair(), to=text),
        take("b", pair(), "service", to=text),
    ]
    key = pair()
    claims = town.account("x", key=key).claims.replace(name=text, imports=imports, exports=[export(text)])
    jwt = tokens.sign(claims, town.operator.signing_keys[0], issued_at=town.now, check=False)
    return town, [Account.load(jwt)]


SAYABLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(SAYABLE | st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=2).map("".join))
@example('"')
@example("]")
def test_nothing_in_a_token_adds_to_the_drawing(text: str) -> None:
    town, accounts = said_everywhere(text)
    lines = lines_of(diagram(town.operator, accounts))
    # one node for each account given and each account named, one arrow for each import
    assert sum(line.lstrip().startswith("a") and "|" not in line for line in lines) == 2 + 4
    assert sum("|" in line for line in lines) == 4


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_reader_sees_the_name_as_it_is_but_for_what_cannot_be_seen(text: str) -> None:
    town, accounts = said_everywhere(text)
    found = re.search(rf'\["({PLAIN})<br/>{accounts[0].public[:12]}"\]', diagram(town.operator, accounts))
    assert found is not None
    assert read(found[1]) == "".join(one if one.isprintable() else "\ufffd" for one in text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("orders.eu-1.new_ones", "orders.eu-1.new_ones"),
        ("1. first", "1#46; first"),
        ("- item", "#45; item"),
        ("end.", "end#46;"),
        (" a  b ", "#32;a#32; b#32;"),
        ("_a_ b_c", "#95;a#95; b_c"),
        ("a>b*c$1", "a#62;b#42;c#36;1"),
        ("fa:fa-ban", "fa#58;#8288;fa-ban"),
        ("$$$1$$", "#36;#8288;#36;#8288;#36;1#36;#8288;#36;"),
    ],
)
def test_what_mermaid_would_read_is_a_number_and_the_rest_stays_legible(text: str, written: str) -> None:
    operator = Operator.create(text, system_account=False)
    assert lines_of(diagram(operator, []))[1] == f'  subgraph operator["{written}"]'
