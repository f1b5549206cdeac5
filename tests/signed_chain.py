"""Chains signed claim by claim, without `natscreds.chain`: what the server tests configure real servers with."""

from natscreds import tokens
from natscreds.claims import AccountClaims, OperatorClaims, UserClaims
from natscreds.nkeys import KeyPair, KeyType

__all__ = ["SignedAccount", "SignedOperator", "SignedUser"]

_ISSUED_AT = 1_795_000_000
_UNLIMITED = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf"), -1)
_JETSTREAM = dict.fromkeys(("mem_storage", "disk_storage", "streams", "consumer"), -1)
_NO_JETSTREAM = dict.fromkeys(_JETSTREAM, 0)  # servers with JetStream refuse to start where the system account has it


class SignedUser:
    """A user's key and token."""

    def __init__(self, account: KeyPair, **body: object) -> None:
        self.key = KeyPair.generate(KeyType.USER)
        claims = UserClaims(name="user", sub=self.key.public).replace(
            nats={"subs": -1, "data": -1, "payload": -1} | body
        )
        self.jwt = tokens.sign(claims, account, issued_at=_ISSUED_AT, check=False)
        self.seed: str | None = None if claims.nats.bearer_token else self.key.seed


class SignedAccount:
    """An account's key and token."""

    def __init__(
        self, signer: KeyPair | None, *, name: str = "account", key: KeyPair | None = None, **body: object
    ) -> None:
        self.key = key or KeyPair.generate(KeyType.ACCOUNT)
        claims = AccountClaims(name=name, sub=self.key.public).replace(limits=_UNLIMITED | _JETSTREAM).replace(**body)
        self.jwt = tokens.sign(claims, signer or self.key, issued_at=_ISSUED_AT, check=False)

    def user(self, **body: object) -> SignedUser:
        return SignedUser(self.key, **body)


class SignedOperator:
    """An operator with one signing key. *names_system* is whether its token names the system account it made."""

    def __init__(self, *, names_system: bool = True, strict: bool = False) -> None:
        self.key = KeyPair.generate(KeyType.OPERATOR)
        self.signing_key = KeyPair.generate(KeyType.OPERATOR)
        self.system_account: SignedAccount | None = SignedAccount(self.signing_key, name="SYS", limits=_NO_JETSTREAM)
        claims = OperatorClaims(name="acme", sub=self.key.public).replace(
            signing_keys=[self.signing_key.public],
            strict_signing_key_usage=strict,
            system_account=self.system_account.key.public if names_system else "",
        )
        self.jwt = tokens.sign(claims, self.key, issued_at=_ISSUED_AT)

    @property
    def system(self) -> SignedAccount:
        assert self.system_account is not None
        return self.system_account

    def account(self, *, name: str = "account", key: KeyPair | None = None) -> SignedAccount:
        return SignedAccount(self.signing_key, name=name, key=key)
