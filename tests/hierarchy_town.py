"""Accounts whose claims are signed as they stand, and what a real server lets through between them."""

import time
from collections.abc import Iterable
from typing import Literal, NamedTuple

from nats_wire import connect

from natscreds import Account, KeyPair, Operator, check_hierarchy, tokens
from natscreds.claims import ActivationBody, ActivationClaims, Export, Import, Scope, Template
from natscreds.errors import Problem
from natscreds.nkeys import Signer
from natscreds.testing import NatsServer

__all__ = ["Kind", "Path", "Town", "errors_at", "export", "flows", "take"]

Kind = Literal["stream", "service"]


class Path(NamedTuple):
    """A way that messages may take: the import *at* its place, and a literal subject at either end of it."""

    exporter: Account
    remote: str
    importer: Account
    local: str
    at: int = 0

    @property
    def place(self) -> str:
        return f"$[{self.importer.public}].nats.imports[{self.at}]"


class Town:
    """An operator and its accounts. *now* is when it was built."""

    def __init__(self, *, strict: bool = False) -> None:
        self.now = int(time.time())
        self.operator = Operator.create("acme", strict=strict)
        self.accounts: list[Account] = []

    def account(
        self,
        name: str = "account",
        *,
        key: KeyPair | None = None,
        exports: Iterable[Export] = (),
        imports: Iterable[Import] = (),
        signer: Signer | None = None,
        role: KeyPair | None = None,
        **members: object,
    ) -> Account:
        """Add an account; it is signed by *signer* or the operator's signing key, whatever it says."""
        account = self.operator.create_account(name, key=key)
        claims = account.claims.replace(exports=list(exports), imports=list(imports), **members)
        if role is not None:
            claims = claims.with_signing_key(Scope(key=role.public, role="r", template=Template()))
        jwt = tokens.sign(claims, signer or self.operator.signing_keys[0], issued_at=self.now, check=False)
        account = Account.load(jwt, [one for one in account.signers if one.public in {claims.sub, *_plain(jwt)}])
        self.accounts.append(account)
        return account

    def activation(
        self,
        signer: Signer | None,
        importer: str,
        subject: str,
        kind: Kind = "stream",
        *,
        issuer_account: str = "",
        age: int = 100,
        exp: int = 0,
        nbf: int = 0,
    ) -> str:
        """Let *importer* have what is not public, issued *age* seconds ago."""
        assert signer is not None
        body = ActivationBody(subject=subject, kind=kind, issuer_account=issuer_account)
        claims = ActivationClaims(sub=importer, exp=exp, nbf=nbf, nats=body)
        return tokens.sign(claims, signer, issued_at=self.now - age, check=False)

    def problems(self, accounts: list[Account] | None = None, *, now: int | None = None) -> list[Problem]:
        return check_hierarchy(self.operator, self.accounts if accounts is None else accounts, now=now)

    def server(self, *, debug: bool = False) -> NatsServer:
        """Return a server that was told of all accounts, whether it will take them or not."""
        assert self.operator.system_account is not None
        told = [*self.accounts, self.operator.system_account]
        preload = "".join(f'  "{account.public}": "{account.jwt}"\n' for account in told)
        return NatsServer(self.operator, extra=f"resolver_preload: {{\n{preload}}}\n", debug=debug)


def _plain(jwt: str) -> tuple[str, ...]:
    return Account.load(jwt).claims.plain_signing_keys


def export(subject: str, kind: Kind = "stream", **members: object) -> Export:
    return Export(subject=subject, type=kind, **members)  # type: ignore[arg-type]


def take(subject: str, account: Account | KeyPair | str, kind: Kind = "stream", **members: object) -> Import:
    key = account if isinstance(account, str) else account.public
    return Import(subject=subject, account=key, type=kind, **members)  # type: ignore[arg-type]


def errors_at(problems: list[Problem], place: str) -> list[str]:
    """Return the codes of errors at *place* or inside of it."""
    return [problem.code for problem in problems if problem.severity == "error" and problem.path.startswith(place)]


def flows(server: NatsServer, path: Path, kind: str) -> bool:
    """Tell whether a message comes through: a stream's to the importer, a service's request and the answer to it."""
    with (
        connect(server.url, path.exporter.create_user("exporter")) as exporter,
        connect(server.url, path.importer.create_user("importer")) as importer,
    ):
        if kind == "stream":
            importer.subscribe(path.local)
            exporter.publish(path.remote, b"news")
            exporter.messages()
            return [payload for _, _, payload in importer.messages()].count(b"news") > 0
        exporter.subscribe(path.remote)
        importer.subscribe("answers")
        importer.publish(path.local, b"question", reply="answers")
        for _, reply, _ in exporter.messages():
            assert reply is not None
            exporter.publish(reply, b"answer")
        return [payload for _, _, payload in importer.messages()].count(b"answer") > 0
