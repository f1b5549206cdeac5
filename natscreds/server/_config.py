"""Configuration text for nats-server, from a signed chain.

`config` writes the part that makes a server trust an operator and know its accounts: the operator's token, the system
account, and a resolver. What goes in is signed text; what comes out is a file for `nats-server -c`.

Names never reach the text, nor does anything else that whoever holds an account chooses: tokens are base64url, keys are
checked nkeys, and what the caller gives (an address, a directory) stands as a quoted string, in which the server reads
no variables and no comments. An account named `x"` and a newline would otherwise write settings of its own.
"""

import re
from collections.abc import Iterable
from os import PathLike, fspath
from typing import Protocol

from natscreds import nkeys, tokens
from natscreds.claims import AccountClaims, OperatorClaims
from natscreds.errors import InvalidClaimsError, TokenError, UntrustedIssuerError
from natscreds.nkeys import KeyType, PublicKey
from natscreds.tokens import Token

__all__ = ["AccountLike", "OperatorLike", "config"]

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_.-]+")
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
# C0, C1, the two separators that end a line for some readers, and what has no UTF-8.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class AccountLike(Protocol):
    """What `config` needs of an account: `natscreds.Account` has it."""

    @property
    def jwt(self) -> str:
        """The account's signed text."""
        ...


class OperatorLike(Protocol):
    """What `config` needs of an operator: `natscreds.Operator` has it."""

    @property
    def jwt(self) -> str:
        """The operator's signed text."""
        ...

    @property
    def system_account(self) -> AccountLike | None:
        """The system account, if its token is at hand."""
        ...


def config(
    operator: OperatorLike | str,
    accounts: Iterable[AccountLike | str] = (),
    *,
    resolver: str = "memory",
    listen: str = "127.0.0.1:4222",
    jetstream: str | PathLike[str] | None = None,
    system_account: AccountLike | str | None = None,
) -> str:
    """Write a server's configuration.

    Equal input gives equal text: accounts stand in the order of their keys. No clock is read, so a token that has
    expired goes in; nats-server then starts and refuses that account's users (a system account: it does not start).

    Every configuration has a system account. nats-server 2.15 itself does without one as long as the resolver is the
    memory and JetStream is off, with a warning and without any `$SYS` service; with JetStream, or when the operator's
    token names a system account that is not preloaded, it refuses to start, and `nats-server -t` does not notice. A
    system account that may itself use JetStream keeps a server with JetStream from starting.

    Args:
        operator: The operator, or its token's text.
        accounts: The accounts the server knows from the start, or their tokens' texts.
        resolver: Where the server finds accounts. `"memory"`: those given here and no others, for as long as it runs.
        listen: Where clients connect, `"HOST:PORT"`; the port is -1 for a free one, the host is spelled out
            (`"0.0.0.0:4222"` is every interface), an IPv6 address stands in brackets.
        jetstream: The directory in which JetStream stores, which turns it on; None leaves it off. A relative one lies
            below wherever the server is started.
        system_account: The system account, or its token's text. None: the one among *accounts* that the operator's
            token names, or else the operator's own `system_account`.

    Returns:
        The text of a configuration file, ASCII unless *jetstream* is not; it holds no secret.

    Raises:
        TypeError: *accounts* is one text instead of several, or something is neither chain object nor text.
        ValueError: An unknown resolver, or an address or directory that cannot stand in a configuration.
        TokenError: A text is not a token, or one of another kind.
        BadSignatureError: A token's signature does not hold.
        UntrustedIssuerError: The operator does not stand behind an account: its token is signed neither by one of the
            operator's signing keys nor, unless the operator is strict, by its identity. nats-server starts with such
            an account and refuses its users.
        InvalidClaimsError: Two accounts with one key, of which nats-server would silently take the last; no system
            account; or another one than the operator's token names.
    """
    if resolver != "memory":
        raise ValueError(f'a resolver is "memory", got {resolver!r}')
    lines = [f"listen: {_quoted(_address(listen))}"]
    if jetstream is not None:
        lines += ["jetstream: {", f"  store_dir: {_quoted(_directory(jetstream))}", "}"]
    root = tokens.verify(_text(operator, "an operator"), OperatorClaims)
    known = _accounts(root, accounts)
    system = _system_account(root, known, operator, system_account)
    lines += [
        f"# operator {root.claims.sub}",
        f"operator: {_quoted(_token(root.text))}",
        f"system_account: {_quoted(system)}",
        "resolver: MEMORY",
        "resolver_preload: {",
        *(f"  {_quoted(key)}: {_quoted(known[key])}" for key in sorted(known)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _accounts(root: Token[OperatorClaims], accounts: Iterable[AccountLike | str]) -> dict[PublicKey, str]:
    """Return the texts of *accounts* by key."""
    if isinstance(accounts, str | bytes | bytearray):
        raise TypeError("accounts are several: put the one in a list")
    known: dict[PublicKey, str] = {}
    for account in accounts:
        key, text = _account(root, account)
        if key in known:
            raise InvalidClaimsError.one("$.sub", "same-account", f"an account stands once, {key} came twice")
        known[key] = text
    return known


def _account(root: Token[OperatorClaims], account: AccountLike | str) -> tuple[PublicKey, str]:
    """Return key and text of one account that the operator stands behind."""
    token = tokens.verify(_text(account, "an account"), AccountClaims)
    claims = token.claims
    key = nkeys.parse_public(claims.sub, KeyType.ACCOUNT)
    if claims.iss not in root.claims.trusted_keys:
        strict = root.claims.nats.strict_signing_key_usage
        rule = "one of its signing keys" if strict else "its identity or one of its signing keys"
        raise UntrustedIssuerError(
            f"operator {root.claims.sub} signs accounts with {rule}, account {key} is signed by {claims.iss}"
        )
    return key, _token(token.text)


def _system_account(
    root: Token[OperatorClaims],
    known: dict[PublicKey, str],
    operator: OperatorLike | str,
    given: AccountLike | str | None,
) -> PublicKey:
    """Return the system account's key, and see to it that *known* has its text."""
    path, named = "$.nats.system_account", root.claims.nats.system_account
    if given is None:
        for key in known:
            if key == named:
                return key
        given = None if isinstance(operator, str) else operator.system_account
    if given is None:
        found = f"its token names {named}, which is not among them" if named else "its token names none"
        raise InvalidClaimsError.one(
            path, "no-system-account", f"operator or accounts supply the system account; {found}"
        )
    key, text = _account(root, given)
    if named not in ("", key):
        raise InvalidClaimsError.one(path, "other-system-account", f"the operator's token names {named}, got {key}")
    if known.setdefault(key, text) != text:
        raise InvalidClaimsError.one("$.sub", "same-account", f"an account stands once, {key} came with two tokens")
    return key


def _text(value: AccountLike | str, what: str) -> str:
    """Return the token text of a chain object or of a text."""
    text: object = value if isinstance(value, str) else getattr(value, "jwt", None)
    if not isinstance(text, str):
        raise TypeError(f"{what} is the chain object or its token text, got {type(value).__name__}")
    return text


def _token(text: str) -> str:
    """Return *text* if it can only be a token: nats-server takes an operator without this start for a file's name."""
    if not _TOKEN.fullmatch(text):
        raise TokenError("a token in a configuration begins with eyJ and has letters, digits, '-', '_' and '.' only")
    return text


def _address(listen: str) -> str:
    """Return *listen* if a server would take it as it is meant."""
    host, _, port = listen.rpartition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(f'listen is "HOST:PORT" with the host spelled out, got {listen!r}')
    if port != "-1" and not (_PORT.fullmatch(port) and int(port) < 1 << 16):
        # nats-server reads port 0 as 4222
        raise ValueError(f"a port is 1 to 65535, or -1 for a free one, got {port!r}")
    return listen


def _directory(directory: str | PathLike[str]) -> str:
    """Return the text of *directory* if it can stand in a configuration."""
    path = fspath(directory)
    if not path:
        raise ValueError("a directory has a name, got ''")
    if _CONTROL.search(path):
        raise ValueError(f"a directory in a configuration has no control characters, got {path!r}")
    return path


def _quoted(text: str) -> str:
    """Return *text* as a quoted string of nats-server's configuration language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
