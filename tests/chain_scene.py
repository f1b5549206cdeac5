"""A chain signed in its parts, each of which can be broken before."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime

from chain_parts import T

from natscreds import KeyPair, KeyType, tokens, verify_chain
from natscreds.chain import Chain
from natscreds.claims import AccountClaims, OperatorClaims, Scope, UserClaims, encode
from natscreds.nkeys import Signer

__all__ = ["NOW", "Scene", "said_twice", "unsigned", "verify"]

NOW = T + 1_000
UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)


class Scene:
    """A chain in its parts, each of which can be broken before it is signed."""

    def __init__(self) -> None:
        self.identity, self.operator_key = (KeyPair.generate(KeyType.OPERATOR) for _ in range(2))
        self.account_key, self.plain, self.role = (KeyPair.generate(KeyType.ACCOUNT) for _ in range(3))
        self.user_key = KeyPair.generate(KeyType.USER)
        self.operator = OperatorClaims(name="acme", sub=self.identity.public).replace(
            signing_keys=[self.operator_key.public]
        )
        self.scope = Scope(key=self.role.public, role="device").with_template(pub={"allow": ["d.{{name()}}"]})
        self.account = AccountClaims(name="orders", sub=self.account_key.public).replace(limits=UNLIMITED)
        self.user = UserClaims(name="d-1", sub=self.user_key.public).replace(
            subs=-1, data=-1, payload=-1, pub={"allow": ["a"]}, issuer_account=self.account_key.public
        )
        self.signers: dict[str, Signer] = {"operator": self.identity, "account": self.operator_key, "user": self.plain}
        self.iat = {"operator": T, "account": T, "user": T}
        self.finish: dict[str, Callable[[str], str]] = {}
        self.trusted: list[str] | None = None

    def under_the_role(self) -> None:
        """Make the user one of the role."""
        self.signers["user"] = self.role
        self.user = UserClaims(name="d-1", sub=self.user_key.public).replace(issuer_account=self.account_key.public)

    def template(self, **changes: object) -> None:
        self.scope = self.scope.with_template(**changes)

    def strict(self) -> None:
        self.operator = self.operator.replace(strict_signing_key_usage=True)

    def texts(self) -> dict[str, str]:
        account = self.account.replace(signing_keys=[*self.account.nats.signing_keys, self.plain.public, self.scope])
        signed = {
            name: tokens.sign(claims, self.signers[name], issued_at=self.iat[name], check=False)
            for name, claims in (("operator", self.operator), ("account", account), ("user", self.user))
        }
        return {name: self.finish.get(name, str)(text) for name, text in signed.items()}

    def verify(self, now: int = NOW) -> Chain:
        texts = self.texts()
        return verify(texts, now, trusted=self.trusted)


def verify(texts: dict[str, str], now: int | datetime | None = NOW, *, trusted: list[str] | None = None) -> Chain:
    return verify_chain(
        operator=texts["operator"], account=texts["account"], user=texts["user"], trusted=trusted, now=now
    )


def unsigned(text: str) -> str:
    """Return the token with a signature of nobody."""
    return f"{text.rpartition('.')[0]}.{urlsafe_b64encode(bytes(64)).decode().rstrip('=')}"


def said_twice(text: str) -> str:
    """Return the token with a member twice, its signature not holding any more."""
    claims = encode(tokens.parse(text).claims)
    body = urlsafe_b64encode(claims[:-1] + b',"sub":"x"}').decode().rstrip("=")
    header, _, signature = text.split(".")
    return f"{header}.{body}.{signature}"
