"""Auth callout: what a server asks its service, and what the service answers.

A request carries what the client showed: passwords, tokens, signatures. Their values leave by attribute name only.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import field

from natscreds.claims._claims import Claims
from natscreds.claims._model import Int64, Model
from natscreds.claims._rules import Found
from natscreds.claims._time import seconds
from natscreds.errors import Problem
from natscreds.nkeys import KeyType

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "AuthorizationRequestBody",
    "AuthorizationRequestClaims",
    "AuthorizationResponseBody",
    "AuthorizationResponseClaims",
    "ClientInformation",
    "ClientTls",
    "ConnectOptions",
    "ServerId",
]


# All 64 bits are used; msgspec has no bound above int64, so reading refuses 2**64 itself.
_ConnectionNumber = Annotated[int, msgspec.Meta(ge=0)]


class ServerId(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The server that asks.

    Attributes:
        name: Its name.
        host: Where it listens.
        id: Its public server nkey.
        version: Its version.
        cluster: Its cluster.
        tags: Its tags.
        xkey: A public curve nkey that answers are sealed for.
    """

    name: str = field(default_factory=str)
    host: str = field(default_factory=str)
    id: str = field(default_factory=str)
    version: str = ""
    cluster: str = ""
    tags: tuple[str, ...] = ()
    xkey: str = ""


class ClientInformation(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What the server knows of the client.

    Attributes:
        host: Its address.
        id: The connection's number.
        user: The user it named.
        name: The connection's name.
        tags: Tags of the user it came with.
        name_tag: The name of the user it came with.
        kind: `Client`, `Leafnode`.
        type: `nats`, `websocket`, `mqtt`.
        mqtt_id: The MQTT client id.
        nonce: What it was to sign.
    """

    host: str = ""
    id: _ConnectionNumber = 0
    user: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    name_tag: str = ""
    kind: str = ""
    type: str = ""
    mqtt_id: str = ""
    nonce: str = ""


_SECRET_OPTIONS = frozenset({"jwt", "sig", "auth_token", "pass_"})


class ConnectOptions(Model, frozen=True, kw_only=True, omit_defaults=True, rename={"pass_": "pass"}):
    """What the client showed. `repr` leaves the secrets out.

    Attributes:
        jwt: Its token.
        nkey: Its public nkey.
        sig: Its signature of the nonce.
        auth_token: A shared secret.
        user: A user name.
        pass_: A password; `pass` on the wire.
        name: The connection's name.
        lang: The client library's language.
        version: The client library's version.
        protocol: The protocol's version.
    """

    jwt: str = ""
    nkey: str = ""
    sig: str = ""
    auth_token: str = ""
    user: str = ""
    pass_: str = ""
    name: str = ""
    lang: str = ""
    version: str = ""
    protocol: Int64 = field(default_factory=int)

    def __repr__(self) -> str:
        shown = (name for name in self.__struct_fields__ if name != "unknown" and getattr(self, name))
        parts = (f"{name}={'…' if name in _SECRET_OPTIONS else repr(getattr(self, name))}" for name in shown)
        return f"ConnectOptions({', '.join(parts)})"


class ClientTls(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The client's TLS connection.

    Attributes:
        version: TLS version.
        cipher: Cipher suite.
        certs: Certificates it showed, PEM; nobody verified them.
        verified_chains: Chains that the server verified, PEM.
    """

    version: str = ""
    cipher: str = ""
    certs: tuple[str, ...] = ()
    verified_chains: tuple[tuple[str, ...], ...] = ()


class AuthorizationRequestBody(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A request's `nats` member.

    Attributes:
        server_id: The server that asks.
        user_nkey: The public user nkey that the answer must be about.
        client_info: What the server knows of the client.
        connect_opts: What the client showed.
        client_tls: Its TLS connection; `None` without.
        request_nonce: Reserved; servers never set it.
        tags: Words for people.
        type: `authorization_request`; set by signing.
        version: 2; set by signing.
    """

    server_id: ServerId = field(default_factory=ServerId)
    user_nkey: str = field(default_factory=str)
    client_info: ClientInformation = field(default_factory=ClientInformation)
    connect_opts: ConnectOptions = field(default_factory=ConnectOptions)
    client_tls: ClientTls | None = None
    request_nonce: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    version: Int64 = 0


class AuthorizationRequestClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What a server asks. Signed by the server's own key; `sub` is the callout account.

    Attributes:
        nats: Who wants in.
    """

    kind: ClassVar[str] = "authorization_request"
    issuers: ClassVar[tuple[KeyType, ...]] = (KeyType.SERVER,)

    nats: AuthorizationRequestBody = field(default_factory=AuthorizationRequestBody)

    @property
    def body(self) -> AuthorizationRequestBody:
        """The member `nats`."""
        return self.nats

    def pretty(self) -> str:
        """Return the claims as JSON for people, with `...` for the secrets that the client showed.

        What it showed beside the known members is left out.
        """
        shown = self.nats.connect_opts
        kept_back = {name: "..." for name in _SECRET_OPTIONS if getattr(shown, name)}
        opts = msgspec.structs.replace(shown, unknown=msgspec.UNSET, **kept_back)
        return Claims.pretty(msgspec.structs.replace(self, nats=msgspec.structs.replace(self.nats, connect_opts=opts)))

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        found = Found()
        if not self.nats.user_nkey:
            found.error("$.nats.user_nkey", "user-missing", "a request names the user key its answer is about")
        else:
            found.key("$.nats.user_nkey", "user-key", self.nats.user_nkey, KeyType.USER)
        found.time(self.exp, self.nbf, None if now is None else seconds(now, "now"))
        return found

    def prepared(self) -> "AuthorizationRequestClaims":
        """Return the claims in the form that is signed."""
        return msgspec.structs.replace(self, nats=msgspec.structs.replace(self.nats, type=self.kind, version=2))


class AuthorizationResponseBody(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A response's `nats` member: a token or an error.

    Attributes:
        jwt: The token of the user that is let in.
        error: Why nobody is.
        issuer_account: The callout account, where one of its signing keys signed.
        tags: Words for people.
        type: `authorization_response`; set by signing.
        version: 2; set by signing.
    """

    jwt: str = ""
    error: str = ""
    issuer_account: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    version: Int64 = 0


class AuthorizationResponseClaims(Claims, frozen=True, kw_only=True, omit_defaults=True):
    """What the service answers. Signed by the callout account; `sub` is the request's user key, `aud` the server.

    Attributes:
        nats: The answer.
    """

    kind: ClassVar[str] = "authorization_response"
    issuers: ClassVar[tuple[KeyType, ...]] = (KeyType.ACCOUNT,)

    nats: AuthorizationResponseBody = field(default_factory=AuthorizationResponseBody)

    @property
    def body(self) -> AuthorizationResponseBody:
        """The member `nats`."""
        return self.nats

    def check(self, now: "int | datetime | None" = None) -> list[Problem]:
        """Return what is wrong or doubtful, by the reference's rules and by what servers punish; empty is good.

        Args:
            now: The moment asked about; `None` asks about no time at all.
        """
        found = Found()
        body = self.nats
        found.key("$.sub", "user-key", self.sub, KeyType.USER)
        found.key("$.aud", "server-key", self.aud, KeyType.SERVER)
        if not body.jwt and not body.error:
            found.error("$.nats", "answer-missing", "an answer is a token or an error")
        if body.jwt and body.error:
            found.error("$.nats", "answer-twice", "an answer is either a token or an error")
        if body.issuer_account:
            found.key("$.nats.issuer_account", "issuer-account", body.issuer_account, KeyType.ACCOUNT)
        found.time(self.exp, self.nbf, None if now is None else seconds(now, "now"))
        return found

    def prepared(self) -> "AuthorizationResponseClaims":
        """Return the claims in the form that is signed."""
        return msgspec.structs.replace(self, nats=msgspec.structs.replace(self.nats, type=self.kind, version=2))
