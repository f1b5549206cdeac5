"""Many users of one template, quickly: what they share is written once, and what differs is put in between.

`Mint.issue` says what is right: claims are built, encoded, read back and signed, for each user anew. A `Press` has that
done once, with marks where name, key, id and row values stand, takes the JSON apart at the marks, and from then on only
joins texts, encodes and signs. The first user of every press is made both ways: if the two differ in one byte, the
press is not used. What a name or value might do to JSON, a subject or a tag is asked first, and whatever is not plain
goes the plain way, which also finds the words for what is wrong.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from os import urandom
from typing import cast

import msgspec

from natscreds import _sodium
from natscreds._codec import b32_texts, b64encode
from natscreds.chain._grants import name_of
from natscreds.chain.mint import Mint
from natscreds.chain.template import UserTemplate
from natscreds.chain.user import User
from natscreds.claims import encode, standard
from natscreds.envelope import HEADER
from natscreds.errors import InvalidClaimsError
from natscreds.nkeys import KeyPair, KeyType, PublicKey, nkey_texts
from natscreds.tokens import digest

__all__ = ["Press", "Row", "name_in"]

Row = str | Mapping[str, str]
"""A name, or a row with a `name` and values for the template's other fields."""

# One literal token wherever in a subject it stands, and itself in JSON.
_is_plain = re.compile(r"[A-Za-z0-9@:+=~-][A-Za-z0-9@:+=~_$-]{0,127}").fullmatch
# Itself in JSON; for values that reach no subject.
_is_safe = re.compile(r"[A-Za-z0-9@:+=~_$ .,;!?#%|()/*-]{1,128}").fullmatch
# Stands for a key where none is made.
_ANY_KEY = "U" * 56
_HEADER = HEADER.encode("ascii")
# Characters of JSON from which on a token with values of 128 characters each might become too long.
_LONGEST = 100_000


def name_in(row: Row) -> str:
    """Return the name in *row*.

    Raises:
        TypeError: Neither a text nor a row.
        InvalidClaimsError: A row without a name.
    """
    if isinstance(row, str):
        return row
    if not isinstance(row, Mapping):
        raise TypeError(f"names holds texts and rows, got {type(row).__name__}")
    if "name" not in row:
        raise InvalidClaimsError.one("$.name", "field-missing", "a row has a 'name'")
    return row["name"]


class Press:
    """Issues users of one mint and one template, all in one second.

    Attributes:
        mint: Who signs.
        template: What the users have in common.
        second: `iat` of all.
        exp: Their last second of validity; 0 is never.
    """

    __slots__ = ("_form", "_names_only", "_unchecked", "exp", "mint", "second", "template")

    seed_size = 32
    """Bytes that each user's keys are made of."""

    def __init__(self, mint: Mint, template: UserTemplate, *, second: int, exp: int) -> None:
        """Prepare; nothing is signed yet."""
        self.mint = mint
        self.template = template
        self.second = second
        self.exp = exp
        self._unchecked = True
        self._names_only = False
        self._form: _Form | None = None

    @property
    def fast(self) -> bool:
        """Users are made the quick way: known after the first."""
        return self._form is not None

    def issue(self, rows: Sequence[Row], seeds: bytes) -> tuple[list[User], Exception | None]:
        """Issue a user for each row, until one is refused.

        Args:
            rows: Names, or rows with a `name`.
            seeds: 32 bytes for each, one after the other.

        Returns:
            The users, in order; and why the next one was refused, or `None`.
        """
        if isinstance(rows, str | bytes):
            raise TypeError("rows takes several: give a list of names or rows")
        made: list[User] = []
        at = 0
        while at < len(rows):
            if self._form is not None:
                made += self._form.strike(rows[at:], seeds[32 * at :])
                at = len(made)
                if at == len(rows):
                    break
            try:
                made.append(self._plain(rows[at], seeds[32 * at : 32 * at + 32]))
            except Exception as error:  # whatever it is, those made before it come out first
                return made, error
            at += 1
        return made, None

    def check(self, row: Row) -> None:
        """Refuse a *row* that `issue` would refuse; nothing is made.

        Raises:
            TypeError: No text and no row, or a value that is no text.
            InvalidClaimsError: A name or value that does not fit the template, or the role.
        """
        name = name_of(name_in(row))
        if isinstance(row, str) and self._names_only and _is_plain(row):
            return
        claims = self.mint.claims(
            self.template, name, _ANY_KEY, exp=self.exp, row=None if isinstance(row, str) else row
        )
        guard = self.mint.guard(dotted=self.template.dotted_names)
        if guard is not None:
            guard.check(claims)
            self.mint.check_expiry(self.exp)
        # Once one name has passed, all that are one literal token do, where nothing else differs.
        tagged = self.template.fills_tags or (guard is not None and guard.reads_tags)
        self._names_only = len(self.template.values) == 1 and not tagged

    def _plain(self, row: Row, seed: bytes) -> User:
        """Issue one user the plain way; after the first, see whether the quick way gives the same."""
        name = name_in(row)
        pair = KeyPair(KeyType.USER, seed)
        values = None if isinstance(row, str) else row
        user = self.mint.issue(
            self.template,
            name,
            pair.public,
            pair,
            second=self.second,
            exp=self.exp,
            row=values,
            check=self._unchecked,
        )
        if self._unchecked:
            self._unchecked = False
            form = _form_of(self)
            again = form.strike([row], seed) if form is not None else []
            if all((one.jwt, one.public, one.seed) == (user.jwt, user.public, user.seed) for one in again):
                self._form = form
        return user


class _Form:
    """The texts of one press with holes in them, and what may fill the holes."""

    __slots__ = ("_fields", "_fits", "_identity", "_inbox", "_parts", "_pick", "_sign", "_tags", "_tails", "_template")

    def __init__(
        self, press: Press, sign: Callable[[bytes], bytes], identity: list[str], parts: list[str], order: list[int]
    ) -> None:
        """Note the *identity* the id is made of and the JSON *parts*, both cut at holes, and the *order* of these."""
        template = press.template
        self._template = template
        self._fields = template.values[1:]
        tokens_only = template.in_subjects | ({"name"} if press.mint.scope is not None else frozenset[str]())
        self._fits = tuple(_is_plain if field in tokens_only else _is_safe for field in template.values)
        self._tags = len(template.body.tags) if template.fills_tags else 0
        self._inbox = template.private_inbox or press.mint.private_inbox
        self._sign = sign
        self._identity = identity
        *self._parts, last = parts
        # Picks part, hole, part, hole … from the parts and, behind them, what fills the holes.
        self._pick = itemgetter(*chain.from_iterable((at, len(order) + hole) for at, hole in enumerate(order)))
        # What stands behind the last hole is encoded once for each of three ways to come to whole groups of 3 bytes.
        self._tails = [(last[:cut].encode("ascii"), b64encode(last[cut:].encode("ascii"))) for cut in (0, 2, 1)]

    def strike(self, rows: Sequence[Row], seeds: bytes) -> list[User]:
        """Issue users for the first of *rows*, as far as they are plain: the one fast path, equal to `Mint.issue`."""
        filled = self._filled(rows)
        raw = [seeds[at : at + 32] for at in range(0, 32 * len(filled), 32)]
        publics = cast(
            "list[PublicKey]", nkey_texts(KeyType.USER.public_head, [_sodium.key_pair(seed)[0] for seed in raw])
        )
        secrets = nkey_texts(KeyType.USER.seed_head, raw)
        before, between, after = self._identity
        ids = b32_texts(
            [
                digest(f"{before}{values[0]}{between}{public}{after}".encode("ascii"))
                for values, public in zip(filled, publics, strict=True)
            ]
        )
        parts, pick, tails, sign, inbox = self._parts, self._pick, self._tails, self._sign, self._inbox
        users: list[User] = []
        for values, public, secret, one in zip(filled, publics, secrets, ids, strict=True):
            payload = "".join(pick((*parts, one, public, *values))).encode("ascii")
            filler, tail = tails[len(payload) % 3]
            signed = b"%b.%b%b" % (_HEADER, b64encode(payload + filler), tail)
            jwt = b"%b.%b" % (signed, b64encode(sign(signed)))
            users.append(User.issued(jwt.decode("ascii"), values[0], public, secret, inbox))
        return users

    def _filled(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """Return the values of the first *rows*, up to the first one that needs a closer look."""
        filled: list[tuple[str, ...]] = []
        name_fits = self._fits[0]
        names_only = not self._fields and not self._tags
        for row in rows:
            if names_only and type(row) is str and name_fits(row):
                filled.append((row,))
            elif (values := self._values(row)) is not None:
                filled.append(values)
            else:
                break
        return filled

    def _values(self, row: Row) -> tuple[str, ...] | None:
        """Return the values of one *row* with fields or tags; `None` if it needs a closer look."""
        columns: Mapping[str, str] = {"name": row} if isinstance(row, str) else row
        try:
            self._template.check_row(columns)
            values = tuple(columns[field] for field in ("name", *self._fields))
            if self._tags and len(self._template.fill_tags(columns)) != self._tags:
                return None  # two tags became one
        except (InvalidClaimsError, KeyError, TypeError, AttributeError):
            return None
        return values if all(fits(value) for fits, value in zip(self._fits, values, strict=True)) else None


def _form_of(press: Press) -> _Form | None:
    """Return the form of *press*; `None` where each user is looked at as a whole, or signed elsewhere."""
    mint, template = press.mint, press.template
    guard = mint.guard(dotted=template.dotted_names)
    if type(mint.signer) is not KeyPair or (guard is not None and guard.reads_tags and template.fills_tags):
        return None
    # Letters and digits that no template holds: they pass for names, for values and for keys.
    stem = f"m{urandom(12).hex()}"
    marks = [f"{stem}{at}z" for at in range(2 + len(template.values))]
    columns = dict(zip(template.values, marks[2:], strict=True))
    claims = mint.claims(template, columns["name"], marks[1], exp=press.exp, row=columns).prepared()
    claims = msgspec.structs.replace(claims, iss=mint.signer.public, iat=press.second)
    identity, _ = _cut(encode(standard(claims)).decode(), stem)
    text = encode(msgspec.structs.replace(claims, jti=marks[0])).decode()
    if len(text) > _LONGEST or not text.isascii():
        return None
    return _Form(press, mint.signer.sign, identity, *_cut(text, stem))


def _cut(text: str, stem: str) -> tuple[list[str], list[int]]:
    """Return *text* in parts, cut out of it its marks, and which marks those were."""
    pieces = re.split(rf"{stem}(\d+)z", text)
    return pieces[::2], [int(mark) for mark in pieces[1::2]]
