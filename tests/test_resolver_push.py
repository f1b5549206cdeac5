"""What a push sends, what it refuses to, and that what it calls done is done: against a real server."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from resolver_cluster import ask
from resolver_place import Place, a_place, codes, root

from natscreds import Account, KeyPair, KeyType, Operator, tokens
from natscreds.claims import AccountClaims, Export
from natscreds.envelope import seal_token
from natscreds.errors import BadSignatureError, InvalidClaimsError, ServerError, TokenError
from natscreds.server import ResolverClient

UPDATE = "$SYS.REQ.CLAIMS.UPDATE"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with a_place() as found:
        yield found


def stored(place: Place, account: Account) -> str | None:
    return place.client.lookup(account).jwt


def by_identity(operator: Operator, **body: object) -> str:
    """An account signed by the operator's identity."""
    assert operator.key is not None
    claims = AccountClaims(name="x", sub=KeyPair.generate(KeyType.ACCOUNT).public).replace(**body)
    return tokens.sign(claims, operator.key, issued_at=int(time.time()))


def self_signed() -> str:
    pair = KeyPair.generate(KeyType.ACCOUNT)
    return tokens.sign(AccountClaims(name="x", sub=pair.public), pair, issued_at=int(time.time()))


def tampered(text: str) -> str:
    """The token with another signature: that of another token."""
    head, payload, _ = text.split(".")
    return f"{head}.{payload}.{self_signed().split('.')[2]}"


def test_a_pushed_account_is_held_and_its_users_get_in(place: Place) -> None:
    orders = place.operator.create_account("orders")
    user = orders.create_user("u", publish=["a"])
    assert not place.admits(user)
    report = place.client.push([orders])
    assert report.ok
    assert report.done == (orders.public,)
    [answer] = report.outcomes[orders.public].answers
    assert (answer.server.name, answer.code, answer.text) == ("n1", 200, "jwt updated")
    assert stored(place, orders) == orders.jwt
    assert place.admits(user)


def test_nothing_and_the_same_twice_are_fine(place: Place) -> None:
    assert place.client.push([]).ok
    orders = place.operator.create_account("orders")
    assert place.client.push([orders, orders.jwt]).done == (orders.public,)
    assert place.client.push([orders]).done == (orders.public,)


def test_what_is_no_account_or_two_of_one_sends_nothing(place: Place) -> None:
    good, other = place.operator.create_account("good"), place.operator.create_account("other")
    user = good.create_user("u", publish=["a"])
    for wrong, error in ((user.jwt, TokenError), ("x", TokenError)):
        with pytest.raises(error):
            place.client.push([good, wrong])
    with pytest.raises(InvalidClaimsError, match="two tokens"):
        place.client.push([good, other, place.operator.reissue(other)])
    assert stored(place, good) is None


@pytest.mark.parametrize("what", ["foreign", "self-signed", "expired", "expiring-now", "early"])
def test_what_servers_take_and_cannot_use_is_refused_before_it_is_sent(place: Place, what: str) -> None:
    """Servers answer 200 to it all."""
    now = int(time.time())
    operator = place.operator
    early = operator.create_account("early")
    texts = {
        "foreign": (Operator.create("stranger").create_account("x").jwt, "untrusted"),
        "self-signed": (self_signed(), "untrusted"),
        "expired": (operator.create_account("x", issued_at=now - 100, expires_at=now - 50).jwt, "expired"),
        "expiring-now": (operator.create_account("x", issued_at=now - 100, expires_at=now).jwt, "expired"),
        "early": (operator.reissue(early, early.claims.replace(nbf=now + 1000)).jwt, "not-yet-valid"),
    }
    text, code = texts[what]
    key = tokens.parse(text).claims.sub
    report = place.client.push([text], guard=False)
    assert report.refused == (key,)
    assert codes(report) == {key: code}
    assert place.client.lookup(key).found == ()
    told = ask(place.node.url, root(operator), UPDATE, text.encode())
    assert b'"code":200,"message":"jwt updated"' in told.data


def test_a_wrong_signature_is_for_servers_to_refuse(place: Place) -> None:
    orders = place.operator.create_account("orders")
    report = place.client.push([tampered(orders.jwt)])
    assert codes(report) == {orders.public: "server-refused"}
    assert "signature verification" in report.outcomes[orders.public].answers[0].text
    assert stored(place, orders) is None


def test_a_token_about_something_else_than_an_account_is_not_asked_for(place: Place) -> None:
    """Its key goes into a subject."""
    for sub in ("A.*.>", "", KeyPair.generate(KeyType.USER).public):
        said = {"iss": place.operator.public, "iat": 1, "sub": sub, "nats": {"type": "account", "version": 2}}
        with pytest.raises(TokenError):
            place.client.push([seal_token(json.dumps(said).encode(), place.operator.signers[0])])


def test_a_strict_operators_identity_signs_no_account() -> None:
    operator = Operator.create("strict", strict=True)
    with a_place(operator) as place:
        text = by_identity(operator)
        assert list(codes(place.client.push([text])).values()) == ["untrusted"]


def test_an_older_token_is_refused_though_servers_would_go_back_to_it(place: Place) -> None:
    operator = place.operator
    before = operator.create_account("orders")
    user = before.create_user("u", publish=["a"])
    after = operator.revoke(before, user)
    assert place.client.push([after]).ok
    report = place.client.push([before])
    assert codes(report) == {before.public: "rollback"}
    assert report.outcomes[before.public].held == (after.claims.iat,)
    assert stored(place, before) == after.jwt
    assert not place.admits(user)
    # What it protects from:
    assert place.client.push([before], guard=False).ok
    assert place.admits(user)


def test_another_token_of_the_same_second_is_refused(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders")
    second = orders.claims.iat
    other = tokens.sign(orders.claims.replace(limits={"conn": 5}), operator.signers[0], issued_at=second)
    assert place.client.push([orders]).ok
    assert codes(place.client.push([other])) == {orders.public: "rollback"}
    assert stored(place, orders) == orders.jwt


@pytest.mark.parametrize("which", ["user", "everybody", "importer"])
def test_a_dropped_revocation_is_refused_unless_it_is_named(place: Place, which: str) -> None:
    operator = place.operator
    base = operator.create_account("orders")
    claims = base.claims.with_export(Export(subject="orders.>", type="stream", token_req=True))
    base = operator.reissue(base, claims)
    key = {"user": KeyPair.generate(KeyType.USER).public, "everybody": "*"}.get(which, "")
    now = int(time.time())
    if which == "importer":
        [export] = base.claims.nats.exports
        importer = KeyPair.generate(KeyType.ACCOUNT).public
        with_it = operator.reissue(base, base.claims.with_export(export.revoke(importer, at=now)))
        without = operator.reissue(with_it, with_it.claims.with_export(export))
    else:
        with_it = operator.revoke(base, key)
        without = operator.reissue(with_it, with_it.claims.unrevoke(key))
    assert place.client.push([with_it]).ok
    report = place.client.push([without])
    assert codes(report) == {base.public: "unrevoke"}
    assert "allow=['unrevoke']" in report.outcomes[base.public].reason
    assert codes(place.client.push([without], allow=["signing-key"])) == {base.public: "unrevoke"}
    assert stored(place, base) == with_it.jwt
    assert place.client.push([without], allow=["unrevoke"]).ok


def test_a_revocation_that_everybodys_covers_is_not_missed(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders")
    orders = operator.revoke(orders, KeyPair.generate(KeyType.USER).public)
    assert place.client.push([orders]).ok
    orders = operator.revoke(orders, "*")
    orders = operator.reissue(orders, orders.claims.compact())
    assert list(orders.claims.nats.revocations) == ["*"]
    assert place.client.push([orders]).ok


def test_an_earlier_second_of_a_revocation_is_a_dropped_one(place: Place) -> None:
    operator = place.operator
    user = KeyPair.generate(KeyType.USER).public
    base = operator.create_account("orders")
    later = operator.revoke(base, user)
    second = later.claims.nats.revocations[user]
    earlier = operator.reissue(later, later.claims.unrevoke(user).revoke(user, at=second - 1))
    assert place.client.push([later]).ok
    assert codes(place.client.push([earlier])) == {base.public: "unrevoke"}


def without_key(operator: Operator, account: Account) -> tuple[Account, str]:
    """The account without its signing key, and that key."""
    key = account.signing_keys[0].public
    return operator.reissue(account, account.claims.without_signing_key(key)), key


def test_a_signing_key_from_an_old_copy_is_refused_unless_it_is_named(place: Place) -> None:
    operator = place.operator
    old = operator.create_account("orders")
    current, key = without_key(operator, old)
    current = operator.reissue(current, issued_at=current.claims.iat + 1)
    assert place.client.push([current]).ok
    second = current.claims.iat + 1
    stale = operator.reissue(old, old.claims.replace(limits={"conn": 5}), issued_at=second)
    report = place.client.push([stale])
    assert codes(report) == {old.public: "signing-key"}
    assert key in report.outcomes[old.public].reason
    assert codes(place.client.push([stale], allow=["unrevoke"])) == {old.public: "signing-key"}
    assert stored(place, old) == current.jwt
    assert place.client.push([stale], allow=["signing-key"]).ok


def test_a_signing_key_that_was_taken_out_and_put_in_again_is_refused(place: Place) -> None:
    operator = place.operator
    old = operator.create_account("orders")
    current, key = without_key(operator, old)
    assert place.client.push([current]).ok
    back = operator.reissue(current, current.claims.with_signing_key(key))
    assert codes(place.client.push([back])) == {old.public: "signing-key"}


def test_a_new_role_of_the_account_that_servers_hold_needs_no_word(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders")
    assert place.client.push([orders]).ok
    once = operator.add_role(orders, "device", publish=["devices.{{subject()}}.>"])
    twice = operator.add_role(once, "reader", subscribe=["a"])
    assert place.client.push([twice]).ok
    # The same from another program, which has the token in a file:
    loaded = Account.load(twice.jwt, operator=operator)
    with place.another_client() as client:
        assert client.push([operator.add_role(loaded, "writer", publish=["a"])]).ok


def test_of_a_bare_text_nobody_knows_whether_its_key_is_new(place: Place) -> None:
    operator = place.operator
    orders = operator.create_account("orders")
    assert place.client.push([orders]).ok
    more = operator.add_role(orders, "device", publish=["a"]).jwt
    assert codes(place.client.push([more])) == {orders.public: "signing-key"}
    assert place.client.push([more], allow=["signing-key"]).ok


def test_an_untrusted_token_that_somebody_stored_is_no_reason_to_stay_away(place: Place) -> None:
    orders = place.operator.create_account("orders")
    stranger = Operator.create("stranger")
    claims = orders.claims.revoke("*", at=orders.claims.iat)
    forged = tokens.sign(claims, stranger.signers[0], issued_at=orders.claims.iat + 50)
    ask(place.node.url, root(place.operator), UPDATE, forged.encode())
    report = place.client.lookup(orders)
    assert (report.jwt, report.found) == (None, (forged,))
    assert place.client.push([orders]).ok


def test_servers_own_words_stand_in_the_report_and_in_the_error() -> None:
    with a_place(limit=2) as place:
        first, second = (place.operator.create_account(name) for name in ("first", "second"))
        assert place.client.push([first]).ok  # beside the system account
        report = place.client.push([first, second])
        assert report.done == (first.public,)
        assert codes(report) == {second.public: "server-refused"}
        [answer] = report.outcomes[second.public].answers
        assert (answer.code, answer.text) == (500, "jwt update resulted in error - jwt store is full")
        with pytest.raises(ServerError, match=f"{second.public}.*jwt store is full"):
            report.raise_for_failures()


def test_a_token_that_servers_find_fault_with_is_told_in_their_words(place: Place) -> None:
    claims = AccountClaims(name="x", sub=KeyPair.generate(KeyType.ACCOUNT).public)
    claims = claims.replace(mappings={"a": [{"subject": "b", "weight": 101}]})
    text = tokens.sign(claims, place.operator.signers[0], issued_at=int(time.time()), check=False)
    [outcome] = place.client.push([text]).outcomes.values()
    assert outcome.code == "server-refused"
    assert outcome.answers[0].text.startswith("jwt validation failed - validation errors: [")


def test_a_token_longer_than_servers_take_is_refused_by_itself() -> None:
    with a_place(extra="max_payload: 4096\n") as place:
        small = place.operator.create_account("small")
        large = place.operator.create_account("large", description="x" * 5_000)
        report = place.client.push([large, small])
        assert report.done == (small.public,)
        assert codes(report) == {large.public: "too-large"}


def test_progress_is_told_for_each_account(place: Place) -> None:
    accounts = [place.operator.create_account(f"a{number}") for number in range(4)]
    foreign = Operator.create("stranger").create_account("x")
    told: list[tuple[int, int]] = []
    place.client.push([*accounts, foreign], on_progress=lambda done, total: told.append((done, total)))
    assert told == [(number, 5) for number in range(1, 6)]


def test_hundreds_of_accounts_are_compared_too(place: Place) -> None:
    """More than are on their way at once."""
    operator = place.operator
    accounts = [operator.create_account(f"a{number}") for number in range(300)]
    newer = [operator.reissue(account) for account in accounts[:150]]
    assert place.client.push(newer).ok
    report = place.client.push(accounts)
    assert report.refused == tuple(account.public for account in accounts[:150])
    assert set(codes(report).values()) == {"rollback"}
    assert report.done == tuple(account.public for account in accounts[150:])


@pytest.mark.parametrize("allow", ["unrevoke", b"unrevoke"])
def test_allow_takes_several(place: Place, allow: str) -> None:
    with pytest.raises(TypeError, match="allow takes several"):
        place.client.push([], allow=allow)


def test_allow_takes_no_other_word(place: Place) -> None:
    with pytest.raises(ValueError, match="'rollback'"):
        place.client.push([], allow=["rollback"])


def test_a_client_needs_an_operator_and_sound_numbers(place: Place) -> None:
    for keywords in ({"window": 0}, {"servers": 0}, {"timeout": timedelta(0)}):
        with pytest.raises(ValueError, match=r"1 at least|more than nothing"):
            place.another_client(**keywords)
    with pytest.raises(TypeError, match="an operator is the chain object"):
        ResolverClient(object(), 5)  # type: ignore[arg-type]
    with pytest.raises(BadSignatureError):
        ResolverClient(object(), tampered(place.operator.jwt))  # type: ignore[arg-type]


def test_the_operators_text_is_enough_to_push(place: Place) -> None:
    orders = place.operator.create_account("orders")
    from natscreds import server

    with server.connect(place.node.url, place.user.creds, place.operator.jwt, servers=1) as client:
        assert client.push([orders]).ok
