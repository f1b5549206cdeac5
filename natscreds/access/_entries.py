"""Permission entries, compiled once so that a look-up costs what the subject is long, not what the list is.

The relation is the server's, `natscreds.subjects.matches`: a looked-up subject is taken as it stands, so a `*` in an
entry matches a `>` asked about.
"""

from typing import Generic, TypeVar

__all__ = ["Entries"]

ValueT = TypeVar("ValueT")


class _Node(Generic[ValueT]):
    """What may follow some tokens: others (`*` apart), and the values of entries that end here or in `>`."""

    __slots__ = ("children", "end", "rest", "star")

    def __init__(self) -> None:
        self.children: dict[str, _Node[ValueT]] = {}
        self.star: _Node[ValueT] | None = None
        self.rest: ValueT | None = None
        self.end: ValueT | None = None


class Entries(Generic[ValueT]):
    """Subjects, each with a value. Of a subject that comes twice the first value stays."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: _Node[ValueT] = _Node()

    def add(self, subject: str, value: ValueT) -> ValueT:
        """Put a valid *subject* in, and return the value that stands there now."""
        node = self._root
        tokens = subject.split(".")
        for part in tokens[:-1] if tokens[-1] == ">" else tokens:
            if part != "*":
                node = node.children.setdefault(part, _Node())
            else:
                node.star = node.star or _Node()
                node = node.star
        if tokens[-1] == ">":
            node.rest = value if node.rest is None else node.rest
            return node.rest
        node.end = value if node.end is None else node.end
        return node.end

    def first(self, tokens: list[str]) -> ValueT | None:
        """Return the value of one entry that matches a subject of these *tokens*, none empty; `None` if none does."""
        nodes = [self._root]
        for token in tokens:
            following: list[_Node[ValueT]] = []
            for node in nodes:
                if node.rest is not None:
                    return node.rest
                if (child := node.children.get(token)) is not None:
                    following.append(child)
                if node.star is not None:
                    following.append(node.star)
            if not following:
                return None
            nodes = following
        for node in nodes:
            if node.end is not None:
                return node.end
        return None

    def every(self, tokens: list[str]) -> list[ValueT]:
        """Return the values of all entries that match a subject of these *tokens*, none empty."""
        found: list[ValueT] = []
        nodes = [self._root]
        for token in tokens:
            found += [node.rest for node in nodes if node.rest is not None]
            nodes = [child for node in nodes for child in (node.children.get(token), node.star) if child is not None]
        return found + [node.end for node in nodes if node.end is not None]
