"""Account tokens on their way to servers, and what speaks against sending one.

Servers take a token of any operator, an expired one and an older one, and answer 200: what they would not mind is
refused here, before anything is sent.
"""

from collections.abc import Iterable, Sequence

from natscreds import tokens
from natscreds.chain import Account, Operator, refuse_throwaway
from natscreds.chain.account import Earlier, digest
from natscreds.claims import AccountClaims
from natscreds.errors import InvalidClaimsError, MalformedError, NatsCredsError, TokenError
from natscreds.nkeys import KeyType, PublicKey, parse_public, raw_public
from natscreds.server._config import AccountLike
from natscreds.server._reports import Answer, Outcome, State
from natscreds.server._succession import steps_back

__all__ = ["ALLOW", "Parcel", "believed", "is_disabled", "key_of", "parcels_of", "refuse_text", "second", "text_of"]

ALLOW = ("unrevoke", "signing-key")
"""What a push refuses unless it is asked for by name."""


class Parcel:
    """One account's token, and what became of it.

    Attributes:
        key: The account.
        text: What is to be sent.
        claims: What it says.
        earlier: What the token was made from, if that is known.
        stored: What each server that answered holds: texts, None for nothing; None as a whole if nobody was asked.
        state: What became of it; `failed` until something better is known.
        code: What is wrong, in short.
        reason: And in a sentence.
        answers: What each server said.
    """

    __slots__ = ("answers", "claims", "code", "earlier", "key", "reason", "state", "stored", "text")

    def __init__(self, text: str, claims: AccountClaims, earlier: Earlier = ()) -> None:
        self.key = PublicKey(claims.sub)
        self.text = text
        self.claims = claims
        self.earlier = earlier
        self.stored: tuple[str | None, ...] | None = None
        self.state: State = "failed"
        self.code = "not-sent"
        self.reason = "it was not sent"
        self.answers: tuple[Answer, ...] = ()

    def end(self, state: State, code: str = "", reason: str = "") -> None:
        """Note what became of it."""
        self.state, self.code, self.reason = state, code, reason

    def outcome(self) -> Outcome:
        """Return what became of it."""
        held = () if self.stored is None else tuple(second(text) for text in self.stored)
        return Outcome(
            account=self.key,
            state=self.state,
            code=self.code,
            reason=self.reason,
            answers=self.answers,
            held=held,
        )

    def judge(self, operator: Operator, now: int) -> bool:
        """Refuse a token that no server could use, though it would take it; tell whether this one may go.

        Its signature is not verified here: that is what servers do themselves before anything else.
        """
        claims, code, reason = self.claims, "", ""
        if claims.iss not in operator.claims.trusted_keys:
            code = "untrusted"
            reason = f"it is signed by {claims.iss}, which operator {operator.public} does not sign accounts with"
        elif claims.exp and claims.exp <= now:
            code, reason = "expired", f"it expired at {claims.exp}, now it is {now}"
        elif claims.nbf > now:
            code, reason = "not-yet-valid", f"it is valid from {claims.nbf}, now it is {now}"
        if code:
            self.end("refused", code, reason)
        return not code

    def guard(self, operator: Operator, allow: frozenset[str]) -> bool:
        """Refuse a token that takes something back which servers hold; tell whether this one may go."""
        held = [(text, claims) for text in self.stored or () if text and (claims := _claims(text, self.key, operator))]
        objection = self._objection(held, allow)
        if objection is not None:
            # Only now is it worth the time to find out whether anything was made up by who answered.
            sound = [(text, claims) for text, claims in held if believed(text, self.key, operator)]
            objection = self._objection(sound, allow)
        if objection is not None:
            self.end("refused", *objection)
        return objection is None

    def _objection(self, held: Sequence[tuple[str, AccountClaims]], allow: frozenset[str]) -> tuple[str, str] | None:
        """Return what speaks against this token where servers hold those: code and reason."""
        mine = self.claims
        newest = max((claims.iat for _, claims in held), default=0)
        for text, claims in held:
            if text == self.text or claims.iat < newest:
                continue
            for problem in steps_back(claims, mine):
                if problem.code not in allow:
                    hint = f": allow=[{problem.code!r}] says so" if problem.code in ALLOW else ": sign the newest anew"
                    return problem.code, problem.message + hint
            if "signing-key" not in allow and (back := self._brought_back(text, claims)):
                return "signing-key", (
                    f"signing key {back} is not in the token that servers hold, and may have been taken out of it:"
                    " allow=['signing-key'] brings it in"
                )
        return None

    def _brought_back(self, text: str, stored: AccountClaims) -> str:
        """Return a signing key that *stored* does not have and that may be an old one, or `""`.

        A token that was made from the very one that is stored has it in its history: what was listed in none of the
        tokens up to there is new. Of any other nobody can tell.
        """
        more = _signing_keys(self.claims) - _signing_keys(stored)
        if not more:
            return ""
        known = [index for index, (name, _) in enumerate(self.earlier) if name == digest(text)]
        if known:
            more &= frozenset[str]().union(*(keys for _, keys in self.earlier[: known[-1]]))
        return min(more, default="")


def refuse_text(what: str, value: object) -> None:
    """Refuse one text where several things are meant.

    Raises:
        TypeError: It is one.
    """
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"{what} takes several: put the one in a list")


def parcels_of(accounts: Iterable[AccountLike | str]) -> dict[PublicKey, Parcel]:
    """Return *accounts* by key, in their order; no signature is verified yet.

    Raises:
        TypeError: One text instead of several, or something that is neither chain object nor text.
        TokenError: A text is not an account's token.
        InvalidClaimsError: Two different tokens of one account.
        ThrowAwayError: An account of a throw-away chain, whose keys everybody knows.
    """
    refuse_text("accounts", accounts)
    found: dict[PublicKey, Parcel] = {}
    for account in accounts:
        text = text_of(account)
        refuse_throwaway(text)
        if isinstance(account, Account):
            parcel = Parcel(text, account.claims, account.earlier)  # it was read when it was made
        else:
            parcel = Parcel(text, _parse(text))
        if found.setdefault(parcel.key, parcel).text != parcel.text:
            raise InvalidClaimsError.one(
                "$.sub", "same-account", f"an account stands once, {parcel.key} came with two tokens"
            )
    return found


def _parse(text: str) -> AccountClaims:
    claims = tokens.parse(text, AccountClaims).claims
    fault = ""
    try:
        kind, _ = raw_public(claims.sub)
        fault = "" if kind is KeyType.ACCOUNT else f"it is one of type {kind.name.lower()}"
    except MalformedError as error:
        fault = str(error)
    if fault:
        raise TokenError(f"sub is no account's key: {fault}")
    return claims


def text_of(account: AccountLike | str) -> str:
    """Return the token text of a chain object, or the text."""
    text: object = account if isinstance(account, str) else getattr(account, "jwt", None)
    if not isinstance(text, str):
        raise TypeError(f"an account is the chain object or its token text, got {type(account).__name__}")
    return text


def key_of(account: AccountLike | str) -> tuple[PublicKey, str]:
    """Return an account's key and its token text, `""` where *account* is only the key."""
    text = text_of(account)
    if "." not in text:
        return parse_public(text, KeyType.ACCOUNT), ""
    return parse_public(tokens.parse(text, AccountClaims).claims.sub, KeyType.ACCOUNT), text


def believed(text: str, key: str, operator: Operator) -> AccountClaims | None:
    """Return the claims of a token that a server gave, if it is about *key* and the operator stands behind it."""
    claims = _claims(text, key, operator)
    try:
        tokens.verify(text, AccountClaims)
    except NatsCredsError:
        return None
    return claims


def _claims(text: str, key: str, operator: Operator) -> AccountClaims | None:
    """Return the claims of a token if it says to be about *key* and by the operator; nothing is verified."""
    try:
        claims = tokens.parse(text, AccountClaims).claims
    except NatsCredsError:
        return None
    return claims if claims.sub == key and claims.iss in operator.claims.trusted_keys else None


def is_disabled(claims: AccountClaims) -> bool:
    """Tell whether *claims* are those of an account that was disabled here."""
    body = claims.nats
    closed = body.limits.conn == 0 and not body.signing_keys
    return closed and bool(claims.exp) and body.revocations.get("*", 0) >= claims.iat


def second(text: str | None) -> int:
    """Return `iat` of a token that a server gave, 0 for nothing and for what is no token."""
    if not text:
        return 0
    try:
        return tokens.parse(text, AccountClaims).claims.iat
    except NatsCredsError:
        return 0


def _signing_keys(claims: AccountClaims) -> frozenset[str]:
    return frozenset((*claims.plain_signing_keys, *(scope.key for scope in claims.scopes)))
