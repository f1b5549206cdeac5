"""The comparison with a real server is seen to fail: each mutant of the evaluator is found out."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from access_arena import Arena, MismatchError, live
from access_draws import Draws

from natscreds import subjects
from natscreds.access import Session, _compiled, _permissions, rules
from natscreds.access._entries import Entries
from natscreds.access._mappings import Mappings
from natscreds.access.decision import Decision
from natscreds.claims import Permission, Permissions, Template, templates

LIVES = 3_000
"""Users until a mutant must be found out; most need a few dozen."""


class Mutant(NamedTuple):
    """What is done wrong, and where it is put."""

    what: str
    owner: object
    name: str
    instead: object


FIRST = Entries.first
LISTS = _permissions.Publishing.lists
DECIDE = _permissions.Subscribing.decide
INSTALLED = _permissions.installed


def literal_only(self: Entries[Decision], tokens: list[str]) -> Decision | None:
    return None if ">" in tokens else FIRST(self, tokens)


def empty_tokens_pass(self: _permissions.Publishing, subject: str) -> Decision:
    return LISTS(self, subject.replace("..", ".").strip(".") or "a")


def plain_entry_is_enough(self: _permissions.Subscribing, subject: str, queue: str | None) -> Decision:
    decision = DECIDE(self, subject, queue)
    return DECIDE(self, subject, None) if decision.reason.code == "not-allowed-queue" else decision


def one_answer_more(self: Session, reply: str, at: float) -> None:
    permissions = self._rules.permissions
    if permissions is not None and permissions.resp is not None and reply not in self._grants:
        NOTE(self, reply, at)


NOTE = Session._note


def same_queue(queue: str, said: dict[str, Decision]) -> Decision | None:
    return said.get(queue)


def patterns_of_the_reference(queue: str, said: dict[str, Decision]) -> Decision | None:
    return next((one for name, one in said.items() if subjects.is_contained(queue, name)), None)


def never_resolved(template: Template, facts: object) -> Template:
    del facts
    return template


def allow_list_of_its_own(said: Permissions, *, callout: bool) -> Permissions | None:
    lists = INSTALLED(said, callout=callout)
    if lists is None or lists.pub.allow is None or lists.pub.allow:
        return lists
    return Permissions(pub=Permission(deny=lists.pub.deny), sub=lists.sub, resp=lists.resp)


def dropped(entry: str) -> str:
    return entry if subjects.is_valid(entry) else ""


MUTANTS = [
    Mutant("a wildcard asked about matches nothing", Entries, "first", literal_only),
    Mutant("empty tokens are overlooked", _permissions.Publishing, "lists", empty_tokens_pass),
    Mutant("an empty publish allow-list is none", rules, "installed", allow_list_of_its_own),
    Mutant(
        "a queue that is not named passes with a plain entry", _permissions.Subscribing, "decide", plain_entry_is_enough
    ),
    Mutant("queues are compared as texts", _permissions, "_of_queue", same_queue),
    Mutant("queues are compared by the reference's rule", _permissions, "_of_queue", patterns_of_the_reference),
    Mutant("no wildcard has deliveries filtered", _permissions, "_is_wide", lambda subject: False),
    Mutant("nothing is filtered", _permissions.Subscribing, "filters", lambda self, subject, queue: None),
    Mutant("a reply asked for twice is not burnt", Session, "_note", one_answer_more),
    Mutant("a deny entry with white space is lost", _permissions, "_denied", dropped),
    Mutant("roles are not filled in", templates, "resolve", never_resolved),
    Mutant("mappings are not followed", Mappings, "destinations", lambda self, subject: (subject,)),
    Mutant("the older gateway prefix is not reserved", _permissions, "_GATEWAY", ("_GR_.",)),
    Mutant("any subject can be subscribed to", _compiled, "is_valid", lambda subject: True),
]


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    with Arena.open(Draws(1)) as opened:
        yield opened


def find(arena: Arena, lives: int) -> None:
    for seed in range(lives):
        live(arena, seed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.what.replace(" ", "-") for mutant in MUTANTS])
def test_a_mutant_is_found_out(arena: Arena, mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutant.owner, mutant.name, mutant.instead)
    with pytest.raises(MismatchError):
        find(arena, LIVES)


def test_the_evaluator_itself_is_not(arena: Arena) -> None:
    find(arena, 20)
