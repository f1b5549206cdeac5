"""Who may publish and subscribe where, as a table: people would rather look than read."""

import html
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from natscreds.access._words import check_word
from natscreds.access.decision import Decision
from natscreds.access.rules import Access

__all__ = ["Cell", "Matrix", "matrix"]

_MARK: Final = {True: "", None: "?"}


class Cell(NamedTuple):
    """What one user may do on one subject."""

    publish: Decision
    subscribe: Decision


class Matrix:
    """Decisions by subject and by user. `str` is a table of text, a notebook shows one of HTML.

    A cell says `pub` and `sub` for what is allowed and `-` for what is not; a `?` behind the word is for what nobody
    can tell.

    Attributes:
        labels: The users, in order.
        subjects: The subjects, in order.
    """

    def __init__(self, cells: Mapping[str, Mapping[str, Cell]], subjects: tuple[str, ...]) -> None:
        """Hold the cells by label and subject; `matrix` is the usual way."""
        self._cells = {label: dict(column) for label, column in cells.items()}
        self.labels = tuple(self._cells)
        self.subjects = subjects

    def __getitem__(self, place: tuple[str, str]) -> Cell:
        """Return the cell of a label and a subject."""
        label, subject = place
        return self._cells[label][subject]

    def rows(self) -> list[list[str]]:
        """Return the table's texts, row by row, the head first."""
        head = ["subject", *self.labels]
        return [head] + [
            [subject, *(_text(self[label, subject]) for label in self.labels)] for subject in self.subjects
        ]

    def __str__(self) -> str:
        rows = [[_plain(text) for text in row] for row in self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])

    def __repr__(self) -> str:
        return f"<Matrix of {len(self.labels)} users and {len(self.subjects)} subjects>"

    def _repr_html_(self) -> str:
        """Return the table for notebooks; each answer tells its reason when pointed at."""
        head, *_ = self.rows()
        lines = ["<table>", f"<tr>{''.join(f'<th>{html.escape(_plain(text))}</th>' for text in head)}</tr>"]
        for subject in self.subjects:
            cells = "".join(_cell(self[label, subject]) for label in self.labels)
            lines.append(f"<tr><th>{html.escape(_plain(subject))}</th>{cells}</tr>")
        return "\n".join([*lines, "</table>"])


def matrix(rules: Mapping[str, Access], subjects: Iterable[str]) -> Matrix:
    """Ask who may publish and subscribe where.

    Args:
        rules: Users by the labels they are shown under.
        subjects: Subjects, in the order of the rows; one with wildcards is asked about as it stands.

    Raises:
        TypeError: *subjects* is one text instead of several.
        ValueError: A subject that no client can send.
    """
    if isinstance(subjects, str | bytes | bytearray):
        raise TypeError("subjects are several: put the one in a list")
    rows = tuple(dict.fromkeys(subjects))
    for subject in rows:
        check_word(subject, "a subject")
    cells = {
        label: {subject: Cell(one.publish(subject), one.subscribe(subject)) for subject in rows}
        for label, one in rules.items()
    }
    return Matrix(cells, rows)


def _text(cell: Cell) -> str:
    return " ".join(f"{word}{_MARK[decision.verdict]}" for word, decision in _answers(cell)) or "-"


def _answers(cell: Cell) -> list[tuple[str, Decision]]:
    """Return what is not refused, with its word."""
    answers = (("pub", cell.publish), ("sub", cell.subscribe))
    return [(word, decision) for word, decision in answers if decision.verdict is not False]


def _cell(cell: Cell) -> str:
    told = html.escape(f"publish: {cell.publish.reason}\nsubscribe: {cell.subscribe.reason}", quote=True)
    return f'<td title="{told}">{html.escape(_text(cell))}</td>'


def _plain(text: str) -> str:
    """Return a label or subject as it can be shown on one line."""
    return text if text.isprintable() else ascii(text)[1:-1]
