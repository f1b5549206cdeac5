"""Operators, accounts and users that are the same in every run: for golden tests."""

from collections.abc import Iterable, Mapping
from hashlib import shake_256
from itertools import count
from types import MappingProxyType

from natscreds.chain import THROWAWAY_TAG, Account, Operator, User, UserTemplate
from natscreds.chain.moments import Moment, expiry, issue_second
from natscreds.nkeys import Entropy, KeyPair, KeyType

__all__ = ["TrustChain"]

_NAME = "THROW-AWAY"
_EVERYTHING = UserTemplate(publish=[">"], subscribe=[">"])


class TrustChain:
    """An operator, accounts and users, all of whose keys follow from a number.

    Whoever reads this has the keys. So everything in it bears the tag `natscreds:throwaway`, and so does whatever is
    made from it; `natscreds.server.config` and the writers refuse it, and only `NatsServer` and `NatsCluster` take it.

    What is made further with `entropy=chain.entropy("…")` and `issued_at=chain.issued_at` is the same in every run too.

    Attributes:
        seed: The number.
        issued_at: The second in which everything was signed.
        operator: The operator, named THROW-AWAY, with all its keys.
        accounts: The accounts by name, with all their keys; the system account is `operator.system_account`.
        users: The users by name, by the name of their account: `users["orders"]["svc-1"]`.
    """

    __slots__ = ("accounts", "issued_at", "operator", "seed", "users")

    def __init__(
        self,
        operator: Operator,
        accounts: Mapping[str, Account],
        users: Mapping[str, Mapping[str, User]],
        *,
        seed: int,
        issued_at: int,
    ) -> None:
        """Put together what was just made; `throwaway` is the usual way."""
        self.operator = operator
        self.accounts = accounts
        self.users = users
        self.seed = seed
        self.issued_at = issued_at

    @classmethod
    def throwaway(
        cls,
        seed: int = 1,
        *,
        accounts: Iterable[str] = ("orders", "billing"),
        users: Iterable[str] = ("svc-1", "svc-2"),
        template: UserTemplate = _EVERYTHING,
        jetstream: bool = False,
        strict: bool = False,
        issued_at: Moment | None = None,
    ) -> "TrustChain":
        """Make the chain of a number: the same keys each time, and with *issued_at* the same tokens.

        A key depends on *seed*, and on the name of what it is for; not on what else there is.

        Args:
            seed: Any number; each has a chain of its own.
            accounts: The names of the accounts.
            users: The names of the users in each account.
            template: What the users may do. Not given: everything.
            jetstream: Whether the accounts may use JetStream.
            strict: Whether only signing keys may sign.
            issued_at: `iat` of every token. `None` is the clock.

        Raises:
            TypeError: A bare text where several are meant, or a value of another type.
            InvalidClaimsError: As `Operator.create`, `Operator.create_account` and `Account.create_user`.
        """
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise TypeError(f"seed is a number, an int, got {type(seed).__name__}")
        if not isinstance(template, UserTemplate):
            raise TypeError(f"template is a UserTemplate, got {type(template).__name__}")
        names, members = _names(accounts, "accounts"), _names(users, "users")
        second = issue_second(issued_at)
        operator = Operator.create(
            _NAME, strict=strict, tags=[THROWAWAY_TAG], issued_at=second, entropy=_entropy(seed, "operator")
        )
        made: dict[str, Account] = {}
        people: dict[str, Mapping[str, User]] = {}
        for name in names:
            account = operator.create_account(
                name, jetstream=jetstream, issued_at=second, entropy=_entropy(seed, f"account {name!a}")
            )
            made[name] = account
            people[name] = MappingProxyType(
                {member: _user(account, member, template, seed=seed, second=second) for member in members}
            )
        return cls(operator, MappingProxyType(made), MappingProxyType(people), seed=seed, issued_at=second)

    def entropy(self, label: str) -> Entropy:
        """Return what gives the bytes of keys, the same in every run: for `entropy=` of what is made further.

        Args:
            label: Of your choice; two things with one label get the same keys.
        """
        if not isinstance(label, str):
            raise TypeError(f"a label is a str, got {type(label).__name__}")
        return _entropy(self.seed, f"further {label!a}")

    def __repr__(self) -> str:
        return f"<TrustChain {_NAME} {self.seed} {self.operator.public}>"


def _user(account: Account, name: str, template: UserTemplate, *, seed: int, second: int) -> User:
    mint = account.mint(role=template.role)
    pair = KeyPair.generate(KeyType.USER, entropy=_entropy(seed, f"user {account.name!a} {name!a}"))
    exp = expiry(template.expires_in, template.expires_at, second=second, past_is_fine=True)
    return mint.issue(template, name, pair.public, pair, second=second, exp=exp)


def _entropy(seed: int, label: str) -> Entropy:
    """Return a source of bytes that anybody can compute: nothing it gives is a secret."""
    calls = count()
    return lambda size: shake_256(f"natscreds throw-away {seed} {label} {next(calls)}".encode()).digest(size)


def _names(names: Iterable[str], keyword: str) -> tuple[str, ...]:
    if isinstance(names, str | bytes | bytearray):
        raise TypeError(f"{keyword} takes several: give a list of names")
    return tuple(names)
