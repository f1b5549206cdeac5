"""Configuration text for servers without tokens: nkeys and their permissions, written into the file itself.

nats-server reads an empty allow list as "everything", and an empty list of users as "everybody": neither is ever
written.
"""

from collections.abc import Mapping
from os import PathLike

from natscreds import nkeys
from natscreds.chain import UserTemplate
from natscreds.claims import Permission, ResponsePermission, UserBody, UserClaims
from natscreds.errors import InvalidClaimsError, Problem
from natscreds.nkeys import KeyType, PublicKey
from natscreds.server._config import Configuration
from natscreds.server._network import TLS, Cluster, listening
from natscreds.server._text import block, quoted

__all__ = ["static_config"]

# What a token says of a user and a configuration cannot, by the member and by the keyword.
_UNSAID = {
    "src": "sources",
    "times": "times",
    "times_location": "times_location",
    "subs": "max_subscriptions",
    "data": "max_data",
    "payload": "max_payload",
    "bearer_token": "bearer",
    "tags": "tags",
}
_TOLD = frozenset({"allow-ends-in-star", "deny-only", "shared-inbox", "user-unrestricted"})
_UNRESTRICTED = "nothing is said, so all is allowed"


def static_config(
    users: Mapping[PublicKey, UserTemplate] | Mapping[str, UserTemplate],
    *,
    listen: str = "127.0.0.1:4222",
    server_name: str | None = None,
    jetstream: str | PathLike[str] | None = None,
    tls: TLS | None = None,
    cluster: Cluster | None = None,
) -> Configuration:
    """Write the configuration of a server without tokens: it lets in the nkeys given, and nobody else.

    All users are in one account. To change them is to write the file anew and have the server read it again. Equal
    input gives equal text: users stand in the order of their keys.

    Args:
        users: What each may do, by its public nkey; `dict.fromkeys(keys, template)` where all may do the same. A
            subject may hold `{public}`; there are no names. Of a template's keywords, those for publishing,
            subscribing and answering have a meaning here, and *connection_types* and *proxy_required*.
        listen: As for `natscreds.server.config`, and so are all others.
        server_name: The server's name.
        jetstream: The directory in which JetStream stores.
        tls: The certificate for clients. Without, what listens beyond the loopback interface gets a warning.
        cluster: The other servers.

    Returns:
        The text of a configuration file; it holds no secret. Its `problems` are warnings, about users too.

    Raises:
        TypeError: *users* is no mapping, or holds something else than templates.
        NkeyError: A key that is no nkey.
        WrongKeyTypeError: A key that is no user's.
        InvalidClaimsError: No users, whom a server would read as everybody; or a template that says what a
            configuration cannot.
        ValueError: As `natscreds.server.config`.
    """
    if not isinstance(users, Mapping):
        raise TypeError(f"users are a mapping from public nkeys to templates, got {type(users).__name__}")
    lines, doubts = listening(listen=listen, server_name=server_name, jetstream=jetstream, tls=tls, cluster=cluster)
    if not users:
        raise InvalidClaimsError.one("users", "no-users", "at least one user: without any, servers let everybody in")
    written: list[str] = []
    problems = list(doubts)
    for key, template in sorted(users.items()):
        public = nkeys.parse_public(key, KeyType.USER)
        body = _body(public, template)
        written += _user(public, body)
        problems += _problems(public, body)
    lines += block("authorization:", ["users: [", *(f"  {line}" for line in written), "]"])
    return Configuration("\n".join(lines) + "\n", tuple(problems))


def _body(public: PublicKey, template: UserTemplate) -> UserBody:
    """Return what *template* says of one user, if a configuration can say it too."""
    if not isinstance(template, UserTemplate):
        raise TypeError(f"users have a natscreds.UserTemplate each, got {type(template).__name__}")
    body = template.body
    if template.role is not None:
        said = ["role"]
    else:
        plain = UserTemplate().body
        said = [keyword for member, keyword in _UNSAID.items() if getattr(body, member) != getattr(plain, member)]
    said += [word for word in ("expires_in", "expires_at", "not_before") if getattr(template, word)]
    if said:
        told = f"a server's configuration has no {', '.join(said)} for a user: leave it out"
        raise InvalidClaimsError.one(said[0], "not-in-configuration", told)
    entries = (entry for side in (body.pub, body.sub) for list_ in (side.allow, side.deny) for entry in list_ or ())
    for entry in entries:
        if "{name}" in entry:
            raise InvalidClaimsError.one("users", "no-name", f"users in a configuration have no name, got {entry!a}")
    return template.fill("", public)


def _user(public: PublicKey, body: UserBody) -> list[str]:
    """Return the lines of one user."""
    lines = [f"nkey: {quoted(public)}"]
    if body.allowed_connection_types:
        lines.append(f"allowed_connection_types: {_list(body.allowed_connection_types)}")
    if body.proxy_required:
        lines.append("proxy_required: true")
    permissions = [
        *_permission("publish", body.pub),
        *_permission("subscribe", body.sub),
        *_responses(body.resp),
    ]
    if permissions:
        lines += block("permissions:", permissions)
    return block("", lines)


def _permission(direction: str, permission: Permission) -> list[str]:
    said = [(word, entries) for word, entries in (("allow", permission.allow), ("deny", permission.deny)) if entries]
    return block(f"{direction}:", [f"{word}: {_list(entries)}" for word, entries in said]) if said else []


def _responses(responses: ResponsePermission | None) -> list[str]:
    if responses is None:
        return []
    lines = [f"max: {responses.max}"]
    if responses.ttl:
        lines.append(f"expires: {quoted('-1s' if responses.ttl < 0 else f'{responses.ttl}ns')}")
    return block("allow_responses:", lines)


def _list(entries: tuple[str, ...]) -> str:
    return f"[{', '.join(map(quoted, entries))}]"


def _problems(public: PublicKey, body: UserBody) -> list[Problem]:
    """Return the warnings that a user with a token would get for the same permissions."""
    found = UserClaims(name="", sub=public, nats=body).check()
    return [
        Problem(
            path=problem.path.replace("$.nats", f"users.{public}"),
            severity="warning",
            code=problem.code,
            message=_UNRESTRICTED if problem.code == "user-unrestricted" else problem.message,
        )
        for problem in found
        if problem.code in _TOLD
    ]
