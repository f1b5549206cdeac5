"""IP addresses as text, decided as the reference decides: one form of a dotted quad, no zones."""

__all__ = ["is_ipv4", "is_ipv6", "is_number"]

_DIGITS = frozenset("0123456789")
_HEX = frozenset("0123456789abcdefABCDEF")


def is_number(text: str, largest: int) -> bool:
    """Tell whether *text* is ASCII digits and at most *largest*; leading zeros do not matter."""
    return bool(text) and _DIGITS.issuperset(text) and len(text.lstrip("0")) < 7 and int(text) <= largest


def is_ipv4(text: str) -> bool:
    """Tell whether *text* is a dotted quad without leading zeros."""
    parts = text.split(".")
    return len(parts) == 4 and all(is_number(part, 255) and (part == "0" or part[0] != "0") for part in parts)


def is_ipv6(text: str) -> bool:
    """Tell whether *text* is an IPv6 address without a zone; the last two groups may be a dotted quad."""
    head, gap, tail = text.partition("::")
    groups = [*(head.split(":") if head else []), *(tail.split(":") if tail else [])]
    if ("::" in tail or tail.startswith(":")) if gap else ":" not in text:
        return False
    size = len(groups)
    if groups and "." in groups[-1] and (tail or not gap):
        if not is_ipv4(groups.pop()):
            return False
        size += 1
    if not all(0 < len(group) <= 4 and _HEX.issuperset(group) for group in groups):
        return False
    return size <= 7 if gap else size == 8
