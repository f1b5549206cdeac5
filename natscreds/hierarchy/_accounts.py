"""An operator and its accounts laid side by side: what the rules and the drawing read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from natscreds import subjects, tokens
from natscreds.chain import Account, Operator
from natscreds.claims import AccountClaims, Export, Import
from natscreds.errors import Problem, Severity

__all__ = ["Found", "Hierarchy", "Taken", "signing_keys"]

# What servers add to the exports of the system account: nats-server 2.15, addSystemAccountExports.
_SYSTEM_EXPORTS = (
    Export(subject="$SYS.REQ.ACCOUNT.*.CONNZ", type="service", account_token_position=4),
    Export(subject="$SYS.REQ.ACCOUNT.*.STATZ", type="service", account_token_position=4),
    Export(subject="$SYS.DEBUG.SUBSCRIBERS", type="service"),
    Export(subject="$SYS.REQ.USER.*.INFO", type="service"),
)


class Found(list[Problem]):
    """Problems, in the order they were found; each path begins with the key of the token it is in."""

    def add(self, severity: Severity, key: str, path: str, code: str, message: str) -> None:
        """Note a problem at *path* (`$.nats…`) of the token about *key*."""
        self.append(Problem(path=f"$[{key}]{path[1:]}", severity=severity, code=code, message=message))

    def error(self, key: str, path: str, code: str, message: str) -> None:
        """Note what does not work, works by chance, or is a hole."""
        self.add("error", key, path, code, message)

    def warning(self, key: str, path: str, code: str, message: str) -> None:
        """Note what is allowed and perhaps not meant, or cannot be told."""
        self.add("warning", key, path, code, message)


class Taken(NamedTuple):
    """An import as servers read it.

    Attributes:
        importer: The importing account's key.
        at: Its place among that account's imports.
        said: What the token says.
        local: The subject in the importing account, references to wildcards told as `*`.
        remote: The subject in the exporting account.
    """

    importer: str
    at: int
    said: Import
    local: str
    remote: str

    @property
    def exporter(self) -> str:
        """The exporting account's key, or whatever stands there."""
        return self.said.account

    @property
    def path(self) -> str:
        """Where it stands in the importer's token."""
        return f"$.nats.imports[{self.at}]"


class Hierarchy:
    """The claims of an operator and of its accounts.

    Attributes:
        operator: What the operator's token says.
        strict: Whether identities sign nothing.
        accounts: What the accounts' tokens say, by key and in the order of keys; of several tokens the newest.
        repeated: The keys of accounts that came with several.
    """

    def __init__(self, operator: Operator | str, accounts: Iterable[Account | str]) -> None:
        if isinstance(accounts, str | bytes | bytearray):
            raise TypeError("accounts are several: put the one in a list")
        if not isinstance(operator, Operator | str):
            raise TypeError(f"an operator is the chain object or its token text, got {type(operator).__name__}")
        self.operator = Operator.load(operator if isinstance(operator, str) else operator.jwt).claims
        self.strict = self.operator.nats.strict_signing_key_usage
        known: dict[str, list[tuple[int, str, AccountClaims]]] = {}
        for account in accounts:
            _add(known, account)
        held = None if isinstance(operator, str) else operator.system_account
        if held is not None and held.public not in known:
            _add(known, held)
        self.accounts = {key: max(known[key], key=lambda one: one[:2])[2] for key in sorted(known)}
        self.repeated = {key for key, those in known.items() if len(those) > 1}
        self._exports: dict[tuple[str, str], tuple[dict[str, Export], list[Export]]] = {}

    def imports(self, key: str) -> Iterator[Taken]:
        """Yield the imports of an account."""
        for at, said in enumerate(self.accounts[key].nats.imports):
            local = remote = said.subject
            if said.local_subject:
                local = subjects.renaming_to_subject(said.local_subject)
            elif said.to and said.type == "service":  # deprecated: the local name of streams, but not of services
                remote = said.to
            elif said.to:
                local = f"{said.to.removesuffix('.')}.{said.subject}"
            yield Taken(key, at, said, local, remote)

    def covering(self, exporter: str, kind: str, subject: str) -> list[Export]:
        """Return the exports that cover *subject*: the one that spells it, or else all that servers may take."""
        if (exporter, kind) not in self._exports:
            of_kind = [export for export in self.accounts[exporter].nats.exports if export.type == kind]
            if kind == "service" and exporter == self.operator.nats.system_account:
                of_kind = [*_SYSTEM_EXPORTS, *of_kind]
            by_subject = {export.subject: export for export in of_kind}
            wide = [by_subject[held] for held in sorted(by_subject) if "*" in held or ">" in held]
            self._exports[exporter, kind] = by_subject, wide
        by_subject, wide = self._exports[exporter, kind]
        if subject in by_subject:
            return [by_subject[subject]]
        return [export for export in wide if subjects.is_subset(subject, export.subject)]


def _add(known: dict[str, list[tuple[int, str, AccountClaims]]], account: Account | str) -> None:
    if not isinstance(account, Account | str):
        raise TypeError(f"an account is the chain object or its token text, got {type(account).__name__}")
    token = tokens.verify(account if isinstance(account, str) else account.jwt, AccountClaims)
    known.setdefault(token.claims.sub, []).append((token.claims.iat, token.text, token.claims))


def signing_keys(claims: AccountClaims) -> list[str]:
    """Return the keys that sign for an account besides its identity, roles' keys too, as its token lists them."""
    return [key if isinstance(key, str) else key.key for key in claims.nats.signing_keys]
