"""Users in bulk: what is decided before the first, and how each gets its key."""

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from hashlib import sha256
from os import urandom

from natscreds.bulk._chunks import Chunk, Issued
from natscreds.bulk._derive import derivation_of, generations_of
from natscreds.bulk._recipes import SignerFactory, UserRecipe, carried, made
from natscreds.bulk._run import Elsewhere, Progress, Run
from natscreds.chain import Account, User, UserTemplate
from natscreds.chain.moments import Moment, expiry, forward
from natscreds.chain.press import Press, Row, name_in
from natscreds.chain.terms import Terms, Verdict, judge
from natscreds.creds import Creds
from natscreds.errors import RevokedError, WrongKeyTypeError
from natscreds.nkeys import Entropy, KeyPair, KeyType, Signer

__all__ = ["Plan", "UserSigner", "Users"]

UserSigner = Signer | SignerFactory | str | bytes
"""A key of the account: a signer, a seed's text, or a function of a module that makes a signer where it is called."""


class Users(Run[User]):
    """The users of one run, issued as they are asked for, in the order of their names.

    Nothing is issued, and no process started, before the first `next`. `len` is how many will be issued, where the
    names have a length. Closing ends the run; leaving a `with` block closes.

    Attributes:
        issued_at: `iat` of all of them, in seconds.
        job: A random text that tells this run from others.
        terms: What all of them have in common: what a directory's `job.json` keeps.
    """

    def __init__(
        self,
        account: Account,
        names: Iterable[Row],
        template: UserTemplate,
        *,
        issued_at: Moment | None,
        signer: UserSigner | None,
        on_progress: Progress | None,
        entropy: Entropy | None,
        derive_from: bytes | None,
        generations: Mapping[str, int] | None,
        elsewhere: Elsewhere | None,
    ) -> None:
        super().__init__(names, on_progress, elsewhere)
        given, factory = made(signer)
        self._account = account
        self._template = template
        self._mint = account.mint(role=template.role, signer=given)
        self._entropy = urandom if entropy is None else entropy
        self.issued_at = forward(issued_at, account.claims.nats.revocations.get("*", 0), "the revocation of everybody")
        self._exp = expiry(
            template.expires_in, template.expires_at, second=self.issued_at, past_is_fine=issued_at is not None
        )
        self._derivation = derivation_of(derive_from, generations, self._entropy, "account", account.public)
        self._revoked = {key for key in account.claims.nats.revocations if key != "*"}
        self._may_refuse = bool(self._revoked)
        self.terms = Terms(
            account=account.public,
            issuer=self._mint.signer.public,
            role="" if self._mint.scope is None else self._mint.scope.role,
            template=template.digest,
            derived=self._derivation is not None,
            generations=_digest(generations),
            issued_at=None if issued_at is None else self.issued_at,
        )
        self._carried = None if elsewhere is None else carried(self._mint.signer, factory)
        self._rows: dict[str, Row] | None = None
        if elsewhere is not None and elsewhere.executor is not None:
            self._refuse_identity()

    def _refuse_identity(self) -> None:
        """Refuse to let the account's identity leave this process.

        Raises:
            WrongKeyTypeError: It would sign.
        """
        if self._mint.signer.public == self._account.public and isinstance(self._mint.signer, KeyPair):
            raise WrongKeyTypeError(
                "a chunk carries a role's key or a plain signing key, which can be changed; here the account's identity"
                " would sign, which cannot"
            )

    def verdict(self, name: str, creds: Creds) -> Verdict:
        """Tell what *creds*, found under *name*, are to this run: one of its own, stale, or something else.

        Raises:
            TypeError: The template has fields and the rows come only once, so that they cannot be looked up.
        """
        row = self._row(name) if self._template.values[1:] else None
        found = judge(
            creds,
            name,
            account=self._account,
            mint=self._mint,
            template=self._template,
            issued_at=self.terms.issued_at,
            row=row,
        )
        if found is Verdict.KEEP and self._derivation is not None:
            derived = KeyPair(KeyType.USER, self._derivation.seed(name))
            if derived.seed != creds.seed:  # another secret or generation: somebody may be using it
                return Verdict.FOREIGN
        return found

    def _row(self, name: str) -> Mapping[str, str] | None:
        if self._rows is None:
            if not isinstance(self._names, Collection):
                raise TypeError("rows that come only once cannot be compared with what is written: give a list")
            self._rows = {name_in(row): row for row in self._names}
        row = self._rows.get(name)
        return None if row is None or isinstance(row, str) else row

    def _press(self) -> Press:
        """Return what issues in this process."""
        return Press(self._mint, self._template, second=self.issued_at, exp=self._exp)

    def _recipe(self) -> UserRecipe:
        """Return what issues in others."""
        if self._carried is None:
            self._carried = carried(self._mint.signer, None)
        return UserRecipe(self._mint, self._template, self._carried, second=self.issued_at, exp=self._exp)

    def _one_by_one(self) -> bool:
        # Names that are made as they are asked for, bytes that are, and keys that live elsewhere: none ahead.
        drawn = self._entropy is urandom
        return not (drawn and isinstance(self._names, Collection) and isinstance(self._mint.signer, KeyPair))

    def _seeds(self, rows: list[Row]) -> bytes:
        derivation = self._derivation
        if derivation is not None:
            return b"".join([derivation.seed_of_row(name_in(row)) for row in rows])
        if self._entropy is urandom:
            return urandom(32 * len(rows))
        return b"".join([_drawn(self._entropy) for _ in rows])

    def _refusal(self, item: User) -> Exception | None:
        if item.public not in self._revoked:
            return None
        told = "" if self._derivation is None else ": raise its generation (generations=), or the thief gets in again"
        return RevokedError(f"the key made for {item.name!a}, {item.public}, is one the account revokes{told}")

    def cut(self, size: int) -> Generator[Chunk, None, None]:
        """Cut the run into chunks in which nothing will be refused: that is told here, not on a cluster."""
        self._refuse_identity()
        return self._cut(size)

    def _cut(self, size: int) -> Generator[Chunk, None, None]:
        press = self._press()
        for chunk in self.chunks(self._recipe(), size):
            for row in chunk.rows:
                press.check(row)
            if self._derivation is not None and self._revoked:  # what is drawn is never a key that came before
                for name, seed in zip(chunk.names, chunk.each_seed, strict=True):
                    refused = self._refusal(User("", name=name, public=KeyPair(KeyType.USER, seed).public))
                    if refused is not None:
                        raise refused
            yield chunk

    def restored(self, rows: Iterable[Issued]) -> list[User]:
        """Return the users that `run` gave as *rows*."""
        if isinstance(rows, str | bytes):
            raise TypeError("rows takes several: give what run returned")
        recipe = self._recipe()
        return [recipe.item(row[0], row[1:]) for row in rows]


class Plan(Iterator[Chunk]):
    """The chunks of one run, each made as it is asked for; seeds are drawn, or derived, then and only then.

    Keep the chunks, and any of them can be run again with the same result. `len` is how many there will be, where the
    names have a length.

    Attributes:
        issued_at: `iat` of all users, in seconds.
        job: The run's id.
        terms: What all users have in common.
    """

    def __init__(self, users: Users, chunk_size: int) -> None:
        self._users = users
        self._size = chunk_size
        self._chunks = users.cut(chunk_size)
        self._begun = False
        self.issued_at = users.issued_at
        self.job = users.job
        self.terms = users.terms

    def skip(self, names: Iterable[str]) -> "Plan":
        """Leave out these *names*, before the first chunk is made."""
        if self._begun:
            raise RuntimeError("skip() comes before the first chunk is made")
        self._users.skip(names)
        return self

    def users(self, rows: Iterable[Issued]) -> list[User]:
        """Return the users that `run` gave as *rows*."""
        return self._users.restored(rows)

    def __len__(self) -> int:
        return -(-len(self._users) // self._size)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> "Plan":
        return self

    def __next__(self) -> Chunk:
        self._begun = True
        return next(self._chunks)


def _drawn(entropy: Entropy) -> bytes:
    """Return 32 bytes of *entropy*."""
    seed = entropy(32)
    if len(seed) != 32:
        KeyPair(KeyType.USER, seed)  # which says it in its own words
    return seed


def _digest(generations: Mapping[str, int] | None) -> str:
    """Return the digest of *generations*; empty where every key is the first."""
    listed = sorted(generations_of(generations).items())
    text = "\n".join(f"{number} {name!a}" for name, number in listed)
    return sha256(text.encode()).hexdigest() if listed else ""
