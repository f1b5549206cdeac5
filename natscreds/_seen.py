"""What came by already, in few bytes: a million names as a set of texts would be most of the memory.

>>> seen = Seen()
>>> seen.add("d-1"), seen.add("d-2"), seen.add("d-1"), "d-2" in seen, len(seen)
(True, True, False, True, 2)
"""

from array import array

__all__ = ["Seen"]


class Seen:
    """Texts that came by, in 16 to 32 bytes each.

    What is kept is each text's hash of 64 bits. That two of a million share one, and the second is taken for seen
    although it is new, happens in one of 37 million runs.
    """

    __slots__ = ("_left", "_mask", "_slots")

    def __init__(self) -> None:
        self._resize(1024)

    def add(self, text: str) -> bool:
        """Note *text*; tell whether it is new."""
        slots, mask = self._slots, self._mask
        mark = hash(text) & 0xFFFF_FFFF_FFFF_FFFF or 1
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

    def __contains__(self, text: str) -> bool:
        slots, mask = self._slots, self._mask
        mark = hash(text) & 0xFFFF_FFFF_FFFF_FFFF or 1
        at = mark & mask
        while found := slots[at]:
            if found == mark:
                return True
            at = (at + 1) & mask
        return False

    def __len__(self) -> int:
        return len(self._slots) // 2 - self._left

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
