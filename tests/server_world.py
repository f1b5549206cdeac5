"""Two operators' servers, accounts of all sorts, and users as nobody should make them: what the server tests ask about.

Moments lie far from now on either side, so nothing here waits and no clock is touched.
"""

import base64
import json
import time
from binascii import crc_hqx
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from server_says import Presented

from natscreds import Account, KeyPair, KeyType, Operator, tokens
from natscreds.chain import User
from natscreds.claims import AccountClaims, Permission, Scope, Template
from natscreds.envelope import seal_token
from natscreds.nkeys import Signer
from natscreds.testing import NatsServer

__all__ = ["LONG", "UNLIMITED", "Visit", "World"]

LONG = 1_000
"""Seconds: far enough from now for any clock."""

UNLIMITED = {"subs": -1, "data": -1, "payload": -1}


class Visit(NamedTuple):
    """Somebody at a server's door, and the tokens it will be judged by."""

    server: NatsServer
    operator: str
    account: str
    user: Presented
    options: dict[str, object]


class World:
    """Servers, started and stopped by `with`, and who may ask them."""

    def __init__(self) -> None:
        self.now = now = int(time.time())
        self.lost = KeyPair.generate(KeyType.USER)
        self.operator = operator = Operator.create("acme")
        orders = operator.create_account("orders", signing_keys=2, tags=["region:eu"], issued_at=now - 3 * LONG)
        orders = operator.add_role(orders, "device", publish=["devices.{{name()}}.>"], private_inbox=True)
        orders = operator.add_role(orders, "open-door", publish=["a"], bearer=True)
        orders = operator.add_role(orders, "team", publish=[">"], deny_publish=["{{tag(team)}}.secret"])
        orders = operator.add_role(orders, "gone", publish=["a"])
        self.before = orders
        removed = (orders.roles["gone"].public, orders.signing_keys[1].public)
        claims = orders.claims.without_signing_key(removed[0]).without_signing_key(removed[1])
        self.orders = operator.revoke(operator.reissue(orders, claims), self.lost.public, at=now - LONG)
        self.others = operator.create_account("others")
        self.everybody = operator.revoke(operator.create_account("everybody"), "*", at=now - LONG)
        self.no_bearer = operator.create_account("no-bearer", limits={"disallow_bearer": True})
        self.no_bearer = operator.add_role(self.no_bearer, "open-door", publish=["a"], bearer=True)
        self.full = operator.create_account("full", limits={"conn": 0})
        self.expired = operator.create_account("expired", issued_at=now - 2 * LONG, expires_at=now - LONG)
        self.alive = operator.create_account("alive", issued_at=now - LONG, expires_at=now + LONG)
        early = operator.create_account("early")
        self.early = operator.reissue(early, early.claims.replace(nbf=now + LONG))
        self.odd = self._odd(operator.create_account("odd"), "{{nobody()}}")
        self.stranger = Operator.create("stranger")
        self.foreign = self.stranger.create_account("foreign")
        self.by_itself = self._signed_by(operator.create_account("by-itself"), None)
        trusted = [self.orders, self.others, self.everybody, self.no_bearer, self.full, self.expired, self.alive]
        trusted += [self.early, self.odd]
        more = _preload([*trusted, _system(operator), self.foreign, self.by_itself])
        self.server = NatsServer(operator, trusted, debug=True, extra=more)

        self.strict_operator = strict = Operator.create("strict", strict=True)
        self.strict = strict.add_role(strict.create_account("orders"), "device", publish=["a"])
        self.weak = self._signed_by(strict.create_account("weak"), _key(strict))
        more = _preload([self.strict, _system(strict), self.weak])
        self.strict_server = NatsServer(strict, [self.strict], debug=True, extra=more)

    def __enter__(self) -> "World":
        self.server.start()
        try:
            self.strict_server.start()
        except BaseException:
            self.server.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.strict_server.stop()
        self.server.stop()

    def visit(self, user: User | Presented, account: Account | None = None, **options: object) -> Visit:
        """Bring *user* to the door of *account*, `orders` if none is said; *options* are members of CONNECT."""
        account = self.orders if account is None else account
        if isinstance(user, User):
            user = Presented(user.jwt, None if user.claims.nats.bearer_token else user.seed)
        strict = account in (self.strict, self.weak)
        server, operator = (self.strict_server, self.strict_operator) if strict else (self.server, self.operator)
        return Visit(server, operator.jwt, account.jwt, user, options)

    def forced(
        self,
        account: Account,
        signer: Signer,
        *,
        key: KeyPair | None = None,
        nats: Mapping[str, object] = UNLIMITED,
        **members: object,
    ) -> Presented:
        """Sign a user of *account* as it stands, which the library itself would not do.

        Args:
            account: What `issuer_account` names.
            signer: Any key.
            key: The user's, instead of a new one.
            nats: Members of `nats`: permissions, limits, flags.
            members: Members beside it, such as `exp`.
        """
        key = key or KeyPair.generate(KeyType.USER)
        said: dict[str, object] = {
            "iat": self.now,
            "iss": signer.public,
            "name": "forced",
            "sub": key.public,
            **members,
        }
        said["nats"] = {"issuer_account": account.public, "type": "user", "version": 2, **nats}
        seed = None if nats.get("bearer_token") is True else key.seed
        return Presented(seal_token(json.dumps(said).encode(), signer), seed)

    def version_1(self, account: Account) -> Presented:
        """Return a user token as version 1 of the format has it: by the identity, over the payload alone."""
        key = KeyPair.generate(KeyType.USER)
        said = {"type": "user", "iss": account.public, "sub": key.public, "iat": self.now, "nats": {}}
        header, payload = (_chunk(json.dumps(part).encode()) for part in ({"typ": "jwt", "alg": "ed25519"}, said))
        return Presented(f"{header}.{payload}.{_chunk(_key(account).sign(payload.encode()))}", key.seed)

    def tampered(self, *, chunk: int) -> Presented:
        """Return a token with one bit of its payload (1) or signature (2) changed, and all else as it was."""
        user = self.orders.create_user("u", publish=["a"])
        parts = user.jwt.split(".")
        data = bytearray(base64.urlsafe_b64decode(parts[chunk] + "=" * (-len(parts[chunk]) % 4)))
        at = data.index(b'"name":"') + len('"name":"') if chunk == 1 else 0
        data[at] ^= 1
        parts[chunk] = _chunk(bytes(data))
        return Presented(".".join(parts), user.seed)

    def with_seed(self, seed: str | None) -> Presented:
        """Return a good user's token with another seed, or none."""
        return Presented(self.orders.create_user("u", publish=["a"]).jwt, seed)

    def ended_by_line(self) -> Presented:
        """Return a good user with a line end after the token."""
        user = self.orders.create_user("u", publish=["a"])
        return Presented(f"{user.jwt}\n", user.seed)

    def small_order(self) -> Visit:
        """Bring a user whose key is a point of order 1: the signature shown holds for every nonce."""
        point = b"\x01" + bytes(31)
        user = self.forced(self.orders, self.orders.signers[0], sub=_nkey(20 << 3, point))
        return self.visit(Presented(user.jwt, None), sig=_chunk(point + bytes(32)))

    def _odd(self, account: Account, entry: str) -> Account:
        """Return *account* with a role that servers cannot fill in; it is signed by force."""
        key = KeyPair.generate(KeyType.ACCOUNT)
        scope = Scope(key=key.public, role="odd", template=Template(pub=Permission(allow=(entry,))))
        return self._signed_by(account, self.operator.signing_keys[0], account.claims.with_signing_key(scope), [key])

    def _signed_by(
        self, account: Account, signer: Signer | None, claims: AccountClaims | None = None, more: Iterable[Signer] = ()
    ) -> Account:
        """Return *account* signed by *signer*, or by itself, whether it may or not."""
        jwt = tokens.sign(claims or account.claims, signer or _key(account), issued_at=self.now, check=False)
        return Account.load(jwt, [*account.signers, *more])


def _key(owner: Account | Operator) -> KeyPair:
    assert owner.key is not None
    return owner.key


def _system(operator: Operator) -> Account:
    assert operator.system_account is not None
    return operator.system_account


def _preload(accounts: list[Account]) -> str:
    """Return a setting with all *accounts*, which takes the place of the one that holds trusted accounts only."""
    return "".join(
        ["resolver_preload: {\n", *(f'  "{account.public}": "{account.jwt}"\n' for account in accounts), "}\n"]
    )


def _nkey(prefix: int, raw: bytes) -> str:
    data = bytes([prefix]) + raw
    return base64.b32encode(data + crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")


def _chunk(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
