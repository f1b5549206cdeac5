"""Subjects: which are valid, what lies in what, what meets what, and how an import renames one.

A subject is tokens joined by dots. `*` alone in a token stands for one token, `>` alone in the last for one or more.
Two readers disagree about the rest, so every function below says whose rule it is: the *reference* (nats-io/jwt v2.8,
which libraries and tools check claims with) or the *server* (nats-server 2.15, which decides in the end).

The rules:

| question | reference | server |
|---|---|---|
| sound? | `faults`: some text; no space, end dot, `..` | `is_valid`: no empty token; `>` only last; no white space |
| one of many? | `has_wildcards`: a token `*`, or `>` last | the same, once it is valid |
| in another? | `is_contained` | `is_subset`; for permissions `matches` |
| a permission entry? | `entry_faults`: one space parts subject and queue | `split_queue`: any white space does |

White space in a subject is space, TAB, LF, FF and CR; between words it is whatever Unicode calls so.
Everything compares byte for byte: `A` is not `a`, and `a*`, `*a` or `a>` are ordinary tokens.

Where these are not what sets of literal subjects would say:

- `is_contained` reads the left side as if it were literal. So `a.>` is in `a.*`, and `>` in `*`, though the right
  side does not match `a.b.c`. For valid subjects this is the only difference: the left ends in `>` where the right
  ends in `*`. Empty tokens count as tokens, and `a.>.c` is only in what spells it or has `*` there.
- `matches` reads the subject as if it were literal too, because servers do so for permissions: the entry `foo.*`
  admits a subscription to `foo.>`. An empty token in the subject matches nothing, an invalid entry matches nothing.
- `is_subset` is containment of sets for valid subjects, but on its right side a token that merely begins with `*`
  (`*x`) stands for any token. Servers use it for imports in exports and for queue names.
- `overlaps` is what it says: some literal subject matches both.

>>> is_contained("a.>", "a.*"), is_subset("a.>", "a.*"), overlaps("a.>", "a.*")
(True, False, True)
"""

from typing import Final, Literal, NamedTuple

__all__ = [
    "RULES",
    "Entry",
    "Fault",
    "cleaned",
    "entry_faults",
    "faults",
    "has_wildcards",
    "is_contained",
    "is_subset",
    "is_token",
    "is_valid",
    "matches",
    "overlaps",
    "renaming_faults",
    "renaming_to_subject",
    "split_queue",
    "wildcard_count",
]

Fault = Literal[
    "subject-empty",
    "subject-space",
    "subject-dot-at-end",
    "subject-empty-token",
    "entry-queue",
    "entry-spaces",
    "renaming-tail",
    "renaming-reference",
    "renaming-count",
]
"""The short name of a reference rule that a subject, a permission entry or a renaming breaks."""

RULES: Final[dict[Fault, str]] = {
    "subject-empty": "a subject is not empty",
    "subject-space": "a subject holds no space",
    "subject-dot-at-end": "a subject neither starts nor ends with a dot",
    "subject-empty-token": "a subject has no two dots in a row",
    "entry-queue": "only subscribe permissions name a queue",
    "entry-spaces": "a permission is a subject, or a subject, one space and a queue",
    "renaming-tail": "a renaming ends in '>' exactly when its subject does",
    "renaming-reference": "a reference $n is at most the number of '*' in the subject",
    "renaming-count": "a renaming has as many '*' and references as the subject has '*'",
}
"""What each `Fault` means, as a sentence for people."""

# What parts words for the server: Go's unicode.IsSpace. Python's str.split would add U+001C to U+001F.
_WHITE_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
_TO_SPACE: Final = dict.fromkeys(map(ord, _WHITE_SPACE), " ")
# What the server refuses inside a token; smaller than what parts words.
_NOT_IN_SUBJECTS: Final = frozenset(" \t\n\f\r")
_CONTROL: Final = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_NOT_IN_TOKENS: Final = frozenset(".*>{}" + _WHITE_SPACE + _CONTROL)
_TOKEN_BYTES: Final = 128


class Entry(NamedTuple):
    """A permission entry as a server reads it.

    Attributes:
        subject: What is allowed or denied, valid.
        queue: The queue group it is limited to; None without one.
    """

    subject: str
    queue: str | None = None


def faults(subject: str) -> tuple[Fault, ...]:
    """Name the reference's subject rules that *subject* breaks, in its order; several can break at once.

    Only the space counts as white space, and neither the place of `>` nor length is looked at: see `is_valid`.
    """
    if not subject:
        return ("subject-empty",)
    found: list[Fault] = []
    if " " in subject:
        found.append("subject-space")
    if subject[0] == "." or subject[-1] == ".":
        found.append("subject-dot-at-end")
    if ".." in subject:
        found.append("subject-empty-token")
    return tuple(found)


def is_valid(subject: str) -> bool:
    """Tell whether nats-server takes *subject*, wildcards included.

    A permission entry that is not valid is dropped without a word, in deny lists too.
    """
    tokens = subject.split(".")
    return "" not in tokens and ">" not in tokens[:-1] and _NOT_IN_SUBJECTS.isdisjoint(subject)


def has_wildcards(subject: str) -> bool:
    """Tell whether *subject* stands for many, by the reference's rule: a token `*`, or `>` as the last."""
    tokens = subject.split(".")
    return "*" in tokens or tokens[-1] == ">"


def wildcard_count(subject: str) -> int:
    """Count the tokens that are `*`."""
    return subject.split(".").count("*")


def is_contained(subject: str, other: str) -> bool:
    """Tell whether *subject* lies in *other*, by the reference's rule, which is not that of sets (see the module)."""
    tokens, others = subject.split("."), other.split(".")
    if others[-1] == ">":
        others.pop()
        if len(tokens) <= len(others):
            return False
    elif len(tokens) != len(others):
        return False
    return all(right in ("*", left) for left, right in zip(tokens, others, strict=False))


def is_subset(subject: str, other: str) -> bool:
    """Tell whether *other* covers all that *subject* stands for, by nats-server's rule for imports and queue names.

    Both are taken to be valid; see the module for tokens that merely begin with `*`.
    """
    tokens, others = subject.split("."), other.split(".")
    for left, right in zip(tokens, others, strict=False):
        if right == ">":
            return True
        if not left or not right or left == ">":
            return False
        if left != right and (left == "*" or right[0] != "*"):
            return False
    return len(tokens) == len(others)


def overlaps(subject: str, other: str) -> bool:
    """Tell whether some literal subject matches both; never for one that is not valid.

    nats-server's own test agrees, except that tokens which merely begin with a wildcard may meet any token.
    """
    if not (is_valid(subject) and is_valid(other)):
        return False
    tokens, others = subject.split("."), other.split(".")
    for left, right in zip(tokens, others, strict=False):
        if ">" in (left, right):
            return True
        if left != right and "*" not in (left, right):
            return False
    return len(tokens) == len(others)


def matches(entry: str, subject: str) -> bool:
    """Tell whether a server finds *subject* under the permission *entry* (a subject, without a queue).

    *subject* is taken as it stands: a `>` in it is one token like any other, so `foo.*` matches `foo.>`. Publishing and
    subscribing ask this same question.
    """
    tokens = subject.split(".")
    return "" not in tokens and is_valid(entry) and is_contained(subject, entry)


def split_queue(entry: str) -> Entry | None:
    """Read an entry of the subscribe lists as a server does: words parted by any white space, the second a queue.

    Returns:
        Subject and queue; None when the server drops the entry: no word, more than two, or one that is not valid.
        An entry is read as written when its words joined by one space give it back. The publish lists know no queue:
        an allow entry counts only when `is_valid`, a deny entry that is not keeps the subject found here.
    """
    words = [word for word in entry.translate(_TO_SPACE).split(" ") if word]
    if not 1 <= len(words) <= 2 or not all(map(is_valid, words)):
        return None
    return Entry(*words)


def entry_faults(entry: str, *, queue: bool) -> tuple[Fault, ...]:
    """Name the reference's rules that a permission *entry* breaks, in its order.

    Args:
        entry: A subject, or a subject, one space and a queue; both halves keep the subject rules.
        queue: Whether a queue may stand there: in subscribe lists only.
    """
    words = entry.split(" ")
    if len(words) > 2:
        return ("entry-spaces",)
    found: list[Fault] = [fault for word in words for fault in faults(word)]
    if len(words) == 2 and not queue:
        found.append("entry-queue")
    return tuple(found)


def renaming_faults(renaming: str, source: str) -> tuple[Fault, ...]:
    """Name the reference's rules that an import's `local_subject` breaks, in its order.

    A token `*`, or a reference `$n` up to the number of `*` in *source*, takes the place of a `*`. Zero, negative and
    repeated references pass the reference's rules.

    Args:
        renaming: The local subject. A space in it is told twice, as the reference does.
        source: The subject it renames.
    """
    found = list(faults(renaming))
    if not source:
        found.append("subject-empty")
    if " " in renaming:
        found.append("subject-space")
    tokens = renaming.split(".")
    if (tokens[-1] == ">") != (source.split(".")[-1] == ">"):
        found.append("renaming-tail")
    wanted = wildcard_count(source)
    given = tokens.count("*")
    for number in map(_reference, tokens):
        if number is not None and number > wanted:
            found.append("renaming-reference")
        elif number is not None:
            given += 1
    if given != wanted:
        found.append("renaming-count")
    return tuple(found)


def renaming_to_subject(renaming: str) -> str:
    """Make the subject an import listens on: references `$n` become `*`, other tokens stay."""
    return ".".join("*" if _reference(token) is not None else token for token in renaming.split("."))


def cleaned(subject: str) -> str:
    """Cut *subject* before its first wildcard token, for the reference's hash id of an activation; `_` if none is left.

    Outside valid subjects the reference leaves `.*…` and `.>…` whole.
    """
    tokens = subject.split(".")
    first = next((place for place, token in enumerate(tokens) if token in ("*", ">")), len(tokens))
    return (".".join(tokens[:first]) or subject) if first else "_"


def is_token(text: str, *, first: bool = False) -> bool:
    """Tell whether *text* can stand in a subject as one literal token, whoever chose it.

    Stricter than servers are, because names and tags come from outside: not empty, at most 128 bytes of UTF-8, none of
    `.`, `*`, `>`, `{`, `}`, and no white space, control character or surrogate.

    Args:
        text: A name, a tag's value, or the like.
        first: Whether it becomes the first token, where `$` and `_` begin the subjects of servers and inboxes.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # a surrogate
        return False
    return 0 < size <= _TOKEN_BYTES and _NOT_IN_TOKENS.isdisjoint(text) and not (first and text[0] in "$_")


def _reference(token: str) -> int | None:
    """Read `$n` as Go's strconv.Atoi reads n: a sign or none, ASCII digits, within 64 bits; None for other tokens."""
    if not token.startswith("$"):
        return None
    signed = token[1:2] in ("+", "-")
    digits = token[1 + signed :]
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0") or "0"
    if len(digits) > len(str(2**63)):  # int() has a limit of its own
        return None
    number = -int(digits) if token[1] == "-" else int(digits)
    return number if -(2**63) <= number < 2**63 else None
