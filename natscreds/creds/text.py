"""The text of a .creds file: a user's token and seed between banners."""

from natscreds.errors import CredsError

__all__ = ["format_creds", "split_creds"]

LONGEST = 1_048_576 + 8_192
"""Bytes of a creds text that are read at all: a token of the largest size, and its surroundings."""

_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.=")
_BEGIN_JWT = "BEGIN NATS USER JWT"
_BEGIN_SEED = "BEGIN USER NKEY SEED"


def format_creds(jwt: str, seed: str) -> str:
    """Return the file that nsc writes, byte for byte: five dashes around BEGIN, six around END, LF line ends."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        "NKEY Seed printed below can be used to sign and prove identity.\n"
        "NKEYs are sensitive and should be treated as secrets.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n\n"
        "*************************************************************\n"
    )


def _is_banner(line: str) -> bool:
    return line.endswith("---") and line.find("---") <= len(line) - 6


def split_creds(text: str | bytes | bytearray) -> tuple[str, str]:
    """Return token and seed of a creds *text*; neither is looked into.

    What every client reads is read: LF and CRLF line ends, a missing last line end, words around the blocks. What some
    client hangs on or reads otherwise is refused: other labels, another order, blank lines inside a block.

    Raises:
        CredsError: Which of it.
    """
    if isinstance(text, bytes | bytearray):
        text = text.decode("latin-1")
    if not isinstance(text, str):
        raise TypeError(f"creds are str or bytes, got {type(text).__name__}")
    if len(text) > LONGEST:
        raise CredsError(f"a creds file has at most {LONGEST} characters, got {len(text)}")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    for words, what in ((_BEGIN_JWT, "token"), (_BEGIN_SEED, "seed")):
        if words not in text:
            raise CredsError(f"a creds file has a {what} after a line with {words!r}, found none")
    if text.index(_BEGIN_JWT) > text.index(_BEGIN_SEED):
        raise CredsError("a creds file has the token first and the seed second")
    # Clients take the first two blocks, or the lines after the first ones with these words: here both are the same.
    banners = [at for at, line in enumerate(lines) if _is_banner(line)][:4]
    found: list[str] = []
    for at, words, what in zip(banners[::2], (_BEGIN_JWT, _BEGIN_SEED), ("token", "seed"), strict=False):
        first = next(number for number, line in enumerate(lines) if words in line)
        if first != at:
            raise CredsError(f"the first line with {words!r} is not the banner that opens the {what}'s block")
        if at + 2 >= len(lines) or not _is_banner(lines[at + 2]) or not lines[at + 2].startswith("---"):
            raise CredsError(f"the {what} stands on one line between its BEGIN and END lines")
        if not lines[at + 1] or not _CHARACTERS.issuperset(lines[at + 1]):
            raise CredsError(f"the {what}'s line holds letters, digits and the marks _ - . = only")
        found.append(lines[at + 1])
    if len(banners) < 4 or len(found) != 2:
        raise CredsError("a creds file has BEGIN and END lines, of dashes and words, around token and seed")
    return found[0], found[1]
