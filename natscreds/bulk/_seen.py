"""The names that came by, so that none is issued twice."""

from array import array

__all__ = ["Seen"]


class Seen:
    """Names in 16 to 32 bytes each: a million of them as a set of texts would be most of the memory.

    What is kept is each name's hash of 64 bits. That two of a million names share one, and the second is refused
    although it is new, happens in one of 37 million runs.
    """

    __slots__ = ("_left", "_mask", "_slots")

    def __init__(self) -> None:
        self._resize(1024)

    def add(self, name: str) -> bool:
        """Note *name*; tell whether it is new."""
        slots, mask = self._slots, self._mask
        mark = hash(name) & 0xFFFF_FFFF_FFFF_FFFF or 1
        at = mark & mask
        while found := slots[at]:
            if found == mark:
                return False
            at = (at + 1) & mask
        slots[at] = mark
        self._left -= 1
        if not self._left:
            self._grow()
        return True

    def _resize(self, size: int) -> None:
        self._slots = array("Q", (0,)) * size
        self._mask = size - 1
        self._left = size // 2

    def _grow(self) -> None:
        """Move to twice the slots, at most half of which are taken."""
        old = self._slots
        self._resize(2 * len(old))
        slots, mask = self._slots, self._mask
        for mark in old:
            if mark:
                at = mark & mask
                while slots[at]:
                    at = (at + 1) & mask
                slots[at] = mark
        self._left -= len(old) // 2
