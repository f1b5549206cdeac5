"""What clients can put on the wire."""

from typing import Final

__all__ = ["check_word"]

# What parts the words of a command; everything else travels in a subject.
_PARTING: Final = frozenset(" \t\r\n")


def check_word(word: object, what: str) -> None:
    """Return nothing if *word* is a text that arrives as one word.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty, white space would part it, or it has no bytes.
    """
    if type(word) is str and word and word.isprintable() and " " not in word:
        return  # most words there are
    if not isinstance(word, str):
        raise TypeError(f"{what} is str, got {type(word).__name__}")
    if not word or not _PARTING.isdisjoint(word):
        raise ValueError(f"{what} is one word without white space, got {word!a}")
    try:
        word.encode()
    except UnicodeEncodeError:
        pass
    else:
        return
    raise ValueError(f"{what} has no half of a surrogate pair in it, got {word!a}")
