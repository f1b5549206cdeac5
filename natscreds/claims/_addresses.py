"""IP addresses as text, decided as the reference decides: one form of a dotted quad, no zones."""

__all__ = ["is_ipv4", "is_ipv6", "is_number"]

_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")
_MORE_DIGITS_THAN_MEANT = 7


def is_number(text: str, largest: int) -> bool:
    """Tell whether *text* is ASCII digits and at most *largest*, a few digits long; any zeros may lead."""
    if not text or not _DIGITS.issuperset(text):
        return False
    bare = text.lstrip("0")  # before int(), which refuses thousands of digits, zeros too
    return len(bare) < _MORE_DIGITS_THAN_MEANT and int(bare or "0") <= largest


def is_ipv4(text: str) -> bool:
    """Tell whether *text* is a dotted quad without leading zeros."""
    parts = text.split(".")
    return len(parts) == 4 and all(is_number(part, 255) and (part == "0" or part[0] != "0") for part in parts)


def is_ipv6(text: str) -> bool:
    """Tell whether *text* is an IPv6 address without a zone; the last two groups may be a dotted quad."""
    if ":" not in text:
        return False
    head, gap, tail = text.partition("::")
    groups = [*(head.split(":") if head else []), *(tail.split(":") if tail else [])]
    size = len(groups)
    if groups and "." in groups[-1] and (tail or not gap):  # nothing follows a dotted quad, not even ::
        if not is_ipv4(groups.pop()):
            return False
        size += 1
    if not all(0 < len(group) <= 4 and _HEX.issuperset(group) for group in groups):  # a second :: leaves an empty group
        return False
    return size <= 7 if gap else size == 8
