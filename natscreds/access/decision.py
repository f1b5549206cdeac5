"""What a server would say: yes, no, or that nobody can tell from the tokens."""

from typing import Final

import msgspec

from natscreds.errors import IndeterminateError

__all__ = ["Decision", "Reason"]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a server would decide so.

    Attributes:
        code: A stable, short name of the rule, such as `not-allowed`.
        sentence: The same for people.
        entry: The permission entry that decided, as it was read; `None` where no single one did.
    """

    code: str
    sentence: str
    entry: str | None = None

    def __str__(self) -> str:
        return f"{self.sentence} [{self.code}]"


class Decision:
    """An answer: truthy for yes, falsy for no.

    An *indeterminate* one is neither, so that `assert decision` and `assert not decision` both fail.

    Attributes:
        verdict: `True`, `False`, or `None` where the answer depends on other connections or on chance.
        reason: Why.
    """

    __slots__ = ("reason", "verdict")

    def __init__(self, verdict: bool | None, reason: Reason) -> None:
        self.verdict: Final = verdict
        self.reason: Final = reason

    @property
    def indeterminate(self) -> bool:
        """Whether nobody can tell from the tokens."""
        return self.verdict is None

    def __bool__(self) -> bool:
        """Return the verdict.

        Raises:
            IndeterminateError: There is none.
        """
        if self.verdict is None:
            raise IndeterminateError(f"neither yes nor no: {self.reason}")
        return self.verdict

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Decision):
            return NotImplemented
        return (self.verdict, self.reason) == (other.verdict, other.reason)

    def __hash__(self) -> int:
        return hash((self.verdict, self.reason))

    def __repr__(self) -> str:
        return f"<Decision {_WORDS[self.verdict]}: {self.reason}>"


_WORDS: Final = {True: "yes", False: "no", None: "indeterminate"}


def yes(code: str, sentence: str, entry: str | None = None) -> Decision:
    """Return the answer yes."""
    return Decision(True, Reason(code=code, sentence=sentence, entry=entry))


def no(code: str, sentence: str, entry: str | None = None) -> Decision:
    """Return the answer no."""
    return Decision(False, Reason(code=code, sentence=sentence, entry=entry))


def unknown(code: str, sentence: str) -> Decision:
    """Return that there is no answer."""
    return Decision(None, Reason(code=code, sentence=sentence))
