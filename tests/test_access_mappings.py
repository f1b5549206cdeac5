"""Where an account's mappings lead, beside where a real server delivers."""

import pytest
from nats_wire import connect

from natscreds import Account, Operator, tokens
from natscreds.access import Access
from natscreds.access._mappings import Mappings
from natscreds.claims import WeightedMapping
from natscreds.testing import NatsServer

CALLS = [
    *(
        "$1",
        "$2",
        "$1.$2",
        "$+1",
        "$0",
        "$-1",
        "$x",
        "a{{x",
        "{{wildcard(2)}}.$1",
        "{{\twildcard(1)\t}}",
        "{{wildcard(0)}}",
    ),
    *(
        "{{partition(10,1)}}",
        "{{partition(10,1,2)}}",
        "{{Partition(10,2,1)}}",
        "{{partition(7)}}",
        "{{partition(0,1)}}",
    ),
    *(
        "{{partition(-5,1)}}",
        "{{partition(5,0)}}",
        "{{SplitFromLeft(1,2)}}",
        "{{splitFromRight(1,2)}}",
        "{{splitfromleft(1,0)}}",
    ),
    *("{{splitfromright(1,-1)}}", "{{sliceFromLeft(1,2)}}", "{{sliceFromLeft(1,-1)}}", "{{sliceFromRight(1,2)}}"),
    *(
        "{{sliceFromRight(1,3)}}",
        "{{split(1,-)}}",
        "{{split(1,\tx)}}",
        "{{split(1,é)}}",
        "{{left(1,2)}}",
        "{{left(1,-1)}}",
    ),
    *("{{left(1,1)}}", "{{right(1,3)}}", "{{right(1,0)}}", "{{random(3)}}", "x"),
]
WORDS = [("abcdef", "q"), ("a-b-c", "zz"), ("x", "y"), ("-a-", "*"), ("axbxé", "é"), (">", "a"), ("", "a")]
OTHERS = {
    "t.*.>": [WeightedMapping(subject="u.$1.>")],
    "t2.>": [WeightedMapping(subject="u2.>")],
    "whole": [WeightedMapping(subject="p.{{partition(5)}}")],
    "v.*": [WeightedMapping(subject="v2.*")],  # servers drop it
    "w1": [WeightedMapping(subject="w1x", weight=50)],
    "w2": [WeightedMapping(subject="w2", weight=50)],
    "c1": [WeightedMapping(subject="c1x", cluster="C")],
    "c2": [WeightedMapping(subject="c2a"), WeightedMapping(subject="c2b", cluster="C")],
    "*x.a": [WeightedMapping(subject="starx")],
    "o.*.b": [WeightedMapping(subject="o1.$1")],
    "o.a.*": [WeightedMapping(subject="o2.$1")],
}
ASKED = [
    "t.a.b.c",
    "t.*.>",
    "t.a",
    "t2.x",
    "t2.x.y",
    "t2",
    "whole",
    "v.1",
    "w1",
    "w2",
    "c1",
    "c2",
    "qx.a",
    "*x.a",
    "o.a.b",
]


def test_a_message_arrives_where_the_mapping_is_told_to_lead() -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    mapped = {f"s{at}.*.*": [WeightedMapping(subject=f"d{at}.{call}")] for at, call in enumerate(CALLS)}
    claims = account.claims.replace(mappings=mapped | OTHERS)
    jwt = tokens.sign(claims, operator.signing_keys[0], issued_at=claims.iat + 1, check=False)
    user = Account.load(jwt, account.signing_keys).create_user("u")
    mappings = Mappings(claims.nats.mappings)
    told = 0
    with (
        NatsServer(operator, [jwt]) as server,
        connect(server.url, user.creds) as hearing,
        connect(server.url, user.creds) as telling,
    ):
        assert hearing.subscribe(">") is None
        for subject in [f"s{at}.{one}.{two}" for at in range(len(CALLS)) for one, two in WORDS] + ASKED:
            before = len(hearing.messages())
            assert [telling.publish(subject) for _ in range(3)] == [None] * 3
            arrived = {delivered for delivered, _, _ in hearing.messages()[before:]}
            led = mappings.destinations(subject)
            routed = {to for to in led if to and "" not in to.split(".")}  # nobody hears a subject with an empty token
            assert arrived <= routed or None in led, (subject, arrived, led)
            if len(led) == 1 and None not in led:
                told += 1
                assert arrived == routed, (subject, led)
    assert told > 200


RANDOM = {"r.*": [WeightedMapping(subject="{{random(3)}}")], "f.*": [WeightedMapping(subject="a.{{random(2)}}")]}


@pytest.mark.parametrize(
    ("publish", "subject", "verdict"),
    [
        (["w1", "w1x"], "w1", True),
        (["w1x"], "w1", None),
        (["w2"], "w2", None),  # half of the messages are lost, on an empty subject
        (["o1.a", "o2.b"], "o.a.b", True),
        (["o1.a"], "o.a.b", None),
        (["c1"], "c1", None),
        (["q"], "c1", False),
        (["a.*"], "f.1", None),
    ],
)
def test_an_answer_is_given_where_all_destinations_agree(
    publish: list[str], subject: str, verdict: bool | None
) -> None:
    operator = Operator.create("acme")
    account = operator.create_account("orders")
    account = operator.reissue(account, account.claims.replace(mappings={**OTHERS, **RANDOM, "v.*": []}))
    user = account.create_user("u", publish=publish)
    assert Access(operator=operator, account=account, user=user).publish(subject).verdict is verdict
