"""Mappings as nats-server 2.15 takes them; the reference looks at their subjects and weights only.

A mapping that does not fit is dropped without a word when a server loads the account: its messages stay on the subject
they were sent to. Told over `$SYS.REQ.CLAIMS.UPDATE`, a server refuses the whole account for it.

- Source and destination are valid subjects, both end in `>` or neither does, and no token of a destination is `*`.
- A token `$n`, `{{wildcard(n)}}` or another function with `n` means the n-th `*` of the source, and there is one. (0
  and less are taken, and mean nothing.) Where the source holds no wildcard only `{{partition(…)}}` and `{{random(…)}}`
  stand.
- A token in double braces, with something in between, is a function that servers know, with arguments of its kind.
- A destination stands once, whatever its cluster.
"""

import re

from natscreds import subjects

__all__ = ["destination_fault"]

_LARGEST = 2**31 - 1
_BLANKS = r"[\t\n\f\r ]*"
# The name of each function, whose arguments are: i the number of a wildcard, n a number of 32 bits, p the same or any
# number below, s a text; with + any number of wildcards may follow.
_FUNCTIONS = {
    "[wW]ildcard": "i",
    "[pP]artition": "p+",
    "[sS]plit[fF]rom[lL]eft": "in",
    "[sS]plit[fF]rom[rR]ight": "in",
    "[sS]lice[fF]rom[lL]eft": "in",
    "[sS]lice[fF]rom[rR]ight": "in",
    "[rR]ight": "in",
    "[lL]eft": "in",
    "[sS]plit": "is",
    "[rR]andom": "p",
}
_WITHOUT_WILDCARDS = ("p+", "p")


def destination_fault(source: str, destination: str) -> str:
    """Return why servers do not map *source* to *destination*, nothing if they do. Both are sound for the reference."""
    tokens, wildcards = destination.split("."), subjects.wildcard_count(source)
    tail = source.split(".")[-1] == ">"
    if not subjects.is_valid(".".join("x" if _is_call(token) else token for token in tokens)):
        return "the destination is no valid subject: > is last, no white space"
    if "*" in tokens:
        return "a destination names the wildcards of its source as $1 and so on, it has none of its own"
    if (tokens[-1] == ">") is not tail:
        return "source and destination both end in >, or neither does"
    for token in tokens:
        fault, indexes, anywhere = _read(token)
        if fault:
            return fault
        if indexes is not None and not (wildcards or tail) and not anywhere:
            return f"the source has no wildcard for {token!a}"
        if indexes and (wildcards or tail) and max(indexes) > wildcards:
            return f"the source has {wildcards} tokens *, {token!a} asks for more"
    return ""


def _is_call(token: str) -> bool:
    return len(token) > 4 and token.startswith("{{") and token.endswith("}}")


def _read(token: str) -> tuple[str, list[int] | None, bool]:
    """Read one *token* of a destination.

    Returns:
        What is wrong with it; the wildcards it asks for, None if it is plain text; whether it needs no wildcard at all.
    """
    if token.startswith("$"):
        index = _whole(token[1:])
        return "", None if index is None else [index], False
    if not _is_call(token):
        return "", None, False
    for name, kinds in _FUNCTIONS.items():
        call = re.search(rf"\{{\{{{_BLANKS}{name}{_BLANKS}\((.*)\){_BLANKS}\}}\}}", token)
        if call is not None:
            indexes = _arguments(re.split(rf",{_BLANKS}", call[1]), kinds)
            fault = f"{token!a} has not the arguments that belong there" if indexes is None else ""
            return fault, indexes or [], kinds in _WITHOUT_WILDCARDS
    return f"servers know no function {token!a}", None, False


def _arguments(given: list[str], kinds: str) -> list[int] | None:
    """Return the numbers of wildcards among the arguments; None if these are not what *kinds* says."""
    if kinds.endswith("+"):
        kinds = kinds[0] + "i" * (len(given) - 1)
    if len(given) != len(kinds):
        return None
    indexes: list[int] = []
    for text, kind in zip(given, kinds, strict=True):
        if kind == "s":
            continue
        number = _whole(text.strip(" "))
        if number is None or (kind != "i" and number > _LARGEST) or (kind == "n" and number < -_LARGEST - 1):
            return None
        if kind == "i":
            indexes.append(number)
    return indexes


def _whole(text: str) -> int | None:
    """Read a whole number as Go does: a sign or none, ASCII digits, within 64 bits."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits.lstrip("0")) > 19:
        return None
    number = int(digits) * (-1 if text[0] == "-" else 1)
    return number if -(2**63) <= number < 2**63 else None
