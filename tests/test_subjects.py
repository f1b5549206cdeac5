"""Subjects, held against definitions that try every literal subject, and against tables seen in the reference."""

import base64
import hashlib
import itertools
import re
import sys
import unicodedata
from typing import get_args

import pytest

from natscreds import subjects
from natscreds.subjects import Entry


def joined(alphabet: tuple[str, ...], longest: int) -> list[str]:
    """Make every subject of one to *longest* tokens."""
    lengths = range(1, longest + 1)
    return [".".join(tokens) for length in lengths for tokens in itertools.product(alphabet, repeat=length)]


def spelled(alphabet: str, longest: int) -> list[str]:
    """Make every text of up to *longest* characters."""
    return ["".join(text) for length in range(longest + 1) for text in itertools.product(alphabet, repeat=length)]


# Four tokens show every rule; one token and one letter more among the literals, so that `>` and `*` always have
# something to stand for which nothing else spells.
ANY = joined(("a", "b", "*", ">", ""), 4)
LITERAL = joined(("a", "b", "c"), 5)
VALID = [text for text in ANY if re.fullmatch(r"((a|b|\*)\.)*(a|b|\*|>)", text)]


def shape(subject: str, letter: str) -> re.Pattern[str]:
    """Write *subject* as a pattern whose wildcards stand for tokens of one *letter*."""
    words = {"*": letter, ">": rf"{letter}(\.{letter})*"}
    return re.compile(r"\.".join(words.get(part, re.escape(part)) for part in subject.split(".")))


def literals_of(subject: str) -> frozenset[str]:
    """Find what *subject* stands for by trying every literal subject."""
    return frozenset(filter(shape(subject, "[abc]").fullmatch, LITERAL))


SETS = {subject: literals_of(subject) for subject in VALID}


def test_the_definitions_have_something_to_try() -> None:
    assert (len(ANY), len(LITERAL), len(VALID)) == (780, 363, 160)
    assert SETS["a.*"] == {"a.a", "a.b", "a.c"}
    assert len(SETS[">"]) == 363
    assert len(SETS["a.>"]) == 120
    assert len(set(SETS.values())) == 160


# --- what is well formed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("", ("subject-empty",)),
        (" ", ("subject-space",)),
        ("a b", ("subject-space",)),
        (".a", ("subject-dot-at-end",)),
        ("a.", ("subject-dot-at-end",)),
        (".", ("subject-dot-at-end",)),
        ("a..b", ("subject-empty-token",)),
        ("..", ("subject-dot-at-end", "subject-empty-token")),
        (". ..", ("subject-space", "subject-dot-at-end", "subject-empty-token")),
        ("a\tb\n", ()),
        (">.a", ()),
        ("a*.b>", ()),
        ("A.é", ()),
    ],
    ids=repr,
)
def test_faults_tells_all_broken_rules_in_order(subject: str, expected: tuple[str, ...]) -> None:
    assert subjects.faults(subject) == expected


def test_faults_are_those_of_the_empty_tokens_and_the_spaces() -> None:
    for text in spelled("a. \t", 5):
        first, *inner = text.split(".")
        last = inner.pop() if inner else first
        expected = {
            "subject-empty": text == "",
            "subject-space": " " in text,
            "subject-dot-at-end": text != "" and "" in (first, last),
            "subject-empty-token": "" in inner,
        }
        assert subjects.faults(text) == tuple(code for code, broken in expected.items() if broken), text


def test_every_fault_has_its_sentence() -> None:
    assert tuple(subjects.RULES) == get_args(subjects.Fault)


def test_valid_is_what_servers_take() -> None:
    rule = re.compile(r"((?!>\.)[^. \t\n\f\r]+\.)*[^. \t\n\f\r]+")
    for text in spelled("a.*> \t\v", 5):
        assert subjects.is_valid(text) == bool(rule.fullmatch(text)), text


@pytest.mark.parametrize("blank", " \t\n\f\r", ids=ascii)
def test_a_subject_with_white_space_is_not_valid(blank: str) -> None:
    assert not any(map(subjects.is_valid, (blank, f"a{blank}b", f"{blank}a", f"x.a{blank}", f"a.{blank}.b")))


@pytest.mark.parametrize("character", "\v\0\x1c\x85\u00a0\u2028", ids=ascii)
def test_servers_take_any_other_character(character: str) -> None:
    assert subjects.is_valid(f"a{character}b.{character}")


def test_a_valid_subject_has_no_reference_fault() -> None:
    assert [text for text in spelled("a.*> \t", 5) if subjects.is_valid(text) and subjects.faults(text)] == []


# --- wildcards ------------------------------------------------------------------------------------------------------


def test_wildcards_are_found_by_the_text_rule_of_the_reference() -> None:
    for text in spelled("a.*>", 6):
        expected = text.endswith((".>", ".*")) or ".*." in text or text.startswith("*.") or text in ("*", ">")
        assert subjects.has_wildcards(text) == expected, text


@pytest.mark.parametrize("subject", ["a.>.b", ">.a", "foo.*>", "a*", "*a", "a>", ""], ids=repr)
def test_a_wildcard_out_of_place_is_none(subject: str) -> None:
    assert not subjects.has_wildcards(subject)


def test_a_valid_subject_without_wildcards_stands_for_itself_alone() -> None:
    assert [text for text in VALID if subjects.has_wildcards(text) == (SETS[text] == {text})] == []


@pytest.mark.parametrize(
    ("subject", "count"),
    [("*", 1), ("*.*", 2), ("a.*.b.*.>", 2), ("a*.*b.**", 0), (">", 0), ("", 0), ("*.", 1), ("*..*", 2)],
    ids=repr,
)
def test_wildcard_count_counts_single_stars(subject: str, count: int) -> None:
    assert subjects.wildcard_count(subject) == count


# --- one subject in another -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "other", "expected"),
    [
        ("a", "a.>", False),
        ("a.b", "a.>", True),
        ("a.>", "a.>", True),
        ("a.*", "a.>", True),
        ("a.b.>", "a.*.>", True),
        ("", "", True),
        ("", ">", True),
        ("", "*", True),
        ("*.b", "a.*", False),
        ("a.>", "a.*", True),
        (">", "*", True),
        ("a.>", "a.*.>", False),
        ("a.b.c", "a.>.c", False),
        ("a.>.c", "a.>.c", True),
        ("a", "", False),
        ("A", "a", False),
    ],
    ids=repr,
)
def test_is_contained_keeps_the_odd_rows_of_the_reference(subject: str, other: str, expected: bool) -> None:
    assert subjects.is_contained(subject, other) is expected


def test_is_contained_reads_the_left_side_as_literal_text() -> None:
    for other in ANY:
        *front, last = other.split(".")
        words = ["[^.]*" if part == "*" else re.escape(part) for part in front]
        words.append({">": ".*", "*": "[^.]*"}.get(last, re.escape(last)))
        expected = list(filter(re.compile(r"\.".join(words)).fullmatch, ANY))
        assert [subject for subject in ANY if subjects.is_contained(subject, other)] == expected, other


def test_is_contained_differs_from_sets_only_where_a_tail_meets_a_star() -> None:
    for subject, other in itertools.product(VALID, VALID):
        odd = subject.split(".")[-1] == ">" and other.split(".")[-1] == "*"
        if odd:
            assert not SETS[subject] <= SETS[other]
        else:
            assert subjects.is_contained(subject, other) == (SETS[subject] <= SETS[other]), (subject, other)


def test_is_subset_is_containment_of_the_literals() -> None:
    for subject, other in itertools.product(VALID, VALID):
        assert subjects.is_subset(subject, other) == (SETS[subject] <= SETS[other]), (subject, other)


@pytest.mark.parametrize(
    ("subject", "other", "expected"),
    [
        ("b", "*x", True),
        ("a.b", "a.*x", True),
        ("*x", "*x", True),
        ("*", "*x", False),
        (">", "*x", False),
        ("a", "x*", False),
        ("a", ">x", False),
        ("A", "a", False),
        ("", "*", False),
        ("a..b", "a.*.b", False),
        ("a..b", "a..b", False),
        ("a..b", "a.>", True),
    ],
    ids=repr,
)
def test_is_subset_keeps_the_odd_rows_of_the_server(subject: str, other: str, expected: bool) -> None:
    assert subjects.is_subset(subject, other) is expected


def test_overlap_is_a_common_literal() -> None:
    for subject, other in itertools.product(VALID, VALID):
        assert subjects.overlaps(subject, other) == (not SETS[subject].isdisjoint(SETS[other])), (subject, other)


def test_what_is_not_valid_overlaps_nothing() -> None:
    valid = set(VALID)
    invalid = [text for text in ANY if text not in valid]
    assert [text for text in invalid if subjects.overlaps(text, text) or subjects.overlaps(">", text)] == []


# --- permissions ----------------------------------------------------------------------------------------------------


def test_an_entry_matches_the_literals_it_stands_for() -> None:
    for entry in VALID:
        assert {text for text in LITERAL if subjects.matches(entry, text)} == SETS[entry], entry


def test_an_entry_takes_wildcards_in_the_subject_for_letters() -> None:
    for entry in VALID:
        expected = list(filter(shape(entry, "[ab*>]").fullmatch, ANY))
        assert [subject for subject in ANY if subjects.matches(entry, subject)] == expected, entry


@pytest.mark.parametrize(
    ("entry", "subject", "expected"),
    [
        ("foo.*", "foo.*", True),
        ("foo.*", "foo.>", True),
        ("*", ">", True),
        ("foo.*", "foo.*.*", False),
        ("foo.*", "foo.*.>", False),
        ("foo.*", ">", False),
        ("foo.>", "foo", False),
        ("foo.>", "foo.a.b", True),
        (">", "a..b", False),
        (">", "", False),
        ("a..b", "a..b", False),
        ("a.>.b", "a.>.b", False),
        ("a b", "a b", False),
        ("a*", "a*", True),
        ("a*", "ab", False),
        ("A", "a", False),
    ],
    ids=repr,
)
def test_an_entry_matches_as_servers_were_seen_to(entry: str, subject: str, expected: bool) -> None:
    assert subjects.matches(entry, subject) is expected


def test_an_entry_that_is_not_valid_matches_nothing() -> None:
    valid = set(VALID)
    assert [e for e in ANY if e not in valid and any(subjects.matches(e, text) for text in (e, *LITERAL))] == []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("a.>", Entry("a.>")),
        ("a q", Entry("a", "q")),
        ("a\tq", Entry("a", "q")),
        (" a  q ", Entry("a", "q")),
        ("a\u00a0q", Entry("a", "q")),
        ("a\u3000q", Entry("a", "q")),
        ("a\vq", Entry("a", "q")),
        ("a\x1cq", Entry("a\x1cq")),
        ("a v.*", Entry("a", "v.*")),
        ("a b c", None),
        ("a.>.b", None),
        ("a >.q", None),
        ("a q..r", None),
        ("", None),
        (" \t", None),
    ],
    ids=ascii,
)
def test_split_queue_reads_as_servers_do(entry: str, expected: Entry | None) -> None:
    assert subjects.split_queue(entry) == expected


def test_split_queue_parts_words_at_unicode_white_space_alone() -> None:
    # unicodedata knows the property White_Space only in parts: the blanks, and what parts lines.
    plane = [chr(code) for code in range(0x10000)]
    blank = {character for character in plane if unicodedata.category(character) == "Zs"}
    parting = {character for character in plane if subjects.split_queue(f"a{character}q") == ("a", "q")}
    assert parting == blank | set("\t\n\v\f\r\x85\u2028\u2029")


@pytest.mark.parametrize(
    ("entry", "in_subscribe", "in_publish"),
    [
        ("a", (), ()),
        ("a.>.b", (), ()),
        ("a\tq", (), ()),
        ("", ("subject-empty",), ("subject-empty",)),
        ("a..b", ("subject-empty-token",), ("subject-empty-token",)),
        ("a q", (), ("entry-queue",)),
        (" q", ("subject-empty",), ("subject-empty", "entry-queue")),
        ("a ", ("subject-empty",), ("subject-empty", "entry-queue")),
        (" ", ("subject-empty",) * 2, (*("subject-empty",) * 2, "entry-queue")),
        (
            ".a b..c",
            ("subject-dot-at-end", "subject-empty-token"),
            ("subject-dot-at-end", "subject-empty-token", "entry-queue"),
        ),
        ("a b c", ("entry-spaces",), ("entry-spaces",)),
        ("a  b", ("entry-spaces",), ("entry-spaces",)),
    ],
    ids=repr,
)
def test_entry_faults_are_those_of_the_reference(
    entry: str, in_subscribe: tuple[str, ...], in_publish: tuple[str, ...]
) -> None:
    assert subjects.entry_faults(entry, queue=True) == in_subscribe
    assert subjects.entry_faults(entry, queue=False) == in_publish


# --- renaming -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "renaming"),
    [
        ("foo", "bar"),
        ("x", "x.y.z"),
        (">", "foo.>"),
        ("*", "$1.foo"),
        ("*.*", "$1.foo.$2"),
        ("*.bar", "$1"),
        ("*.*", "$1.$1"),
        ("*.*", "$2.*"),
        ("a.*", "$0"),
        ("a.*", "$-2"),
        ("a.*.*", "$+2.$01"),
    ],
)
def test_a_renaming_that_gives_back_the_wildcards_is_sound(source: str, renaming: str) -> None:
    assert subjects.renaming_faults(renaming, source) == ()


@pytest.mark.parametrize(
    ("source", "renaming", "expected"),
    [
        ("foo", ">", ("renaming-tail",)),
        ("bar", "*", ("renaming-count",)),
        ("foo.*", "*.*", ("renaming-count",)),
        ("foo.>", "*.*", ("renaming-tail", "renaming-count")),
        ("bar.>", "*.>", ("renaming-count",)),
        ("*.bar", "$2", ("renaming-reference", "renaming-count")),
        ("*.bar", "$2.$3.$1", ("renaming-reference", "renaming-reference")),
        ("foo", "", ("subject-empty",)),
        ("", "", ("subject-empty", "subject-empty")),
        ("", "a", ("subject-empty",)),
        ("foo", "a b", ("subject-space", "subject-space")),
        (
            "foo",
            ". ..b.>",
            ("subject-space", "subject-dot-at-end", "subject-empty-token", "subject-space", "renaming-tail"),
        ),
        ("a.>", "x>", ("renaming-tail",)),
        ("foo", "x.>", ("renaming-tail",)),
    ],
    ids=repr,
)
def test_a_renaming_tells_its_faults_in_order(source: str, renaming: str, expected: tuple[str, ...]) -> None:
    assert subjects.renaming_faults(renaming, source) == expected


REFERENCES = ["$0", "$1", "$-1", "$+2", "$01", "$-0", "$9223372036854775807", "$-9223372036854775808"]
REFERENCES += ["$" + "0" * 5000 + "1"]
PLAIN = ["$", "$x", "$1x", "$1_0", "a$1", "$+", "$+-1", "$ 1", "$\u0663", "$\u00b2", "$1e1", "1"]
PLAIN += ["$9223372036854775808", "$-9223372036854775809", "$99999999999999999999", "$" + "9" * 5000]


def shortly(text: str) -> str:
    """Name a case whose text may be thousands of characters long."""
    return ascii(text[:24])


@pytest.mark.parametrize("token", REFERENCES, ids=shortly)
def test_a_number_within_64_bits_is_a_reference(token: str) -> None:
    assert subjects.renaming_to_subject(f"x.{token}.y") == "x.*.y"


@pytest.mark.parametrize("token", PLAIN, ids=shortly)
def test_any_other_dollar_is_plain_text(token: str) -> None:
    assert subjects.renaming_to_subject(f"x.{token}.y") == f"x.{token}.y"
    assert "renaming-count" not in subjects.renaming_faults(token, "x")


@pytest.mark.parametrize("token", ["$9223372036854775807", "$3", "$003", "$+3"])
def test_a_reference_past_the_stars_is_told(token: str) -> None:
    assert subjects.renaming_faults(f"{token}.$1.$2", "*.*") == ("renaming-reference",)


def test_a_sound_renaming_listens_on_as_many_wildcards_as_its_source_has() -> None:
    renamings = joined(("a", "*", ">", "$1", "$2", "$0", "$x", ""), 3)
    sources = joined(("a", "*", ">", ""), 3)
    sound = 0
    for renaming, source in itertools.product(renamings, sources):
        heard = subjects.renaming_to_subject(renaming)
        tokens = heard.split(".")
        references = {int(token) for token in re.findall(r"\$(\d)", renaming)}
        expected = (
            not subjects.faults(renaming)
            and source != ""
            and (tokens[-1] == ">") == (source.split(".")[-1] == ">")
            and tokens.count("*") == source.split(".").count("*")
            and max(references, default=0) <= source.split(".").count("*")
        )
        assert (subjects.renaming_faults(renaming, source) == ()) == expected, (renaming, source)
        sound += expected
    assert sound > 1000


# --- activations ----------------------------------------------------------------------------------------------------

EXPORTER = "ADYM2EEFC35YEDLQQCHFVJSDO7TB5Q4LYYVJAKSPL4WN2UBZKDCPP33V"
IMPORTER = "ACMROMJD4HKTZJI6SDQW2SXTK2YRIOF2NMVCZHZO5JU3PB4CYES3ZVV4"


@pytest.mark.parametrize(
    ("subject", "hash_id"),
    [
        ("foo", "BUCLDIJCEBURIPPXL65XOGZQDPSVQDEAHJSYN76EAYVOA67FMVKQ===="),
        ("foo.*", "BUCLDIJCEBURIPPXL65XOGZQDPSVQDEAHJSYN76EAYVOA67FMVKQ===="),
        ("foo.*.bar", "BUCLDIJCEBURIPPXL65XOGZQDPSVQDEAHJSYN76EAYVOA67FMVKQ===="),
        ("*", "ND4FCSXS6HL6W5AHL2TVAFJ3LOXWDGCKUR6ESC3AYCDKWCOPHKGA===="),
        (">", "ND4FCSXS6HL6W5AHL2TVAFJ3LOXWDGCKUR6ESC3AYCDKWCOPHKGA===="),
        ("*.x", "ND4FCSXS6HL6W5AHL2TVAFJ3LOXWDGCKUR6ESC3AYCDKWCOPHKGA===="),
        ("foo.bar.>", "PJU6DCKGYL77KCZERCHPZXA3N3K3UICVASIVJ4CQDXXICXXGC6XQ===="),
    ],
)
def test_cleaned_gives_the_hash_id_of_the_reference(subject: str, hash_id: str) -> None:
    text = f"{EXPORTER}.{IMPORTER}.{subjects.cleaned(subject)}"
    assert base64.b32encode(hashlib.sha256(text.encode()).digest()).decode() == hash_id


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("foo.bar.*.>", "foo.bar"),
        (">.a", "_"),
        ("a*.b>.*", "a*.b>"),
        ("*a.>b.*", "*a.>b"),
        ("a.", "a."),
        ("a..*", "a."),
        ("..*", "."),
        (".*", ".*"),
        (".>.a", ".>.a"),
        ("", ""),
    ],
    ids=repr,
)
def test_cleaned_cuts_before_the_first_wildcard_token(subject: str, expected: str) -> None:
    assert subjects.cleaned(subject) == expected


def test_cleaned_is_the_longest_front_without_wildcard_tokens() -> None:
    for subject in VALID:
        tokens = subject.split(".")
        fronts = [tokens[:length] for length in range(1, len(tokens) + 1) if not {"*", ">"} & set(tokens[:length])]
        assert subjects.cleaned(subject) == (".".join(fronts[-1]) if fronts else "_"), subject


# --- one literal token ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "d-17", "A_b$c", "é", "日本", "😀", "a,b", "$", "_"], ids=ascii)
def test_a_name_can_be_a_token(text: str) -> None:
    assert subjects.is_token(text)


@pytest.mark.parametrize(
    "text",
    ["", "a.b", ".", "*", "a*", ">", "a>", "{", "a}", "a b", "\t", "a\n", "\0", "\x7f", "\x85", "\u2028", "\ud800"],
    ids=shortly,
)
def test_what_is_subject_syntax_is_no_token(text: str) -> None:
    assert not subjects.is_token(text)


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_a_token_holds_128_bytes_at_most(letter: str) -> None:
    most = 128 // len(letter.encode())
    assert subjects.is_token(letter * most)
    assert not subjects.is_token(letter * (most + 1))


@pytest.mark.parametrize("text", ["$SYS", "_INBOX", "$", "_"])
def test_a_first_token_is_not_one_of_the_servers_or_inboxes(text: str) -> None:
    assert not subjects.is_token(text, first=True)
    assert subjects.is_token(f"a{text}", first=True)


def test_nothing_is_no_first_token() -> None:
    assert not subjects.is_token("", first=True)


def test_a_token_holds_no_syntax_white_space_control_or_surrogate() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        refused = character in ".*>{}" or character.isspace() or unicodedata.category(character) in ("Cc", "Cs")
        assert subjects.is_token(character) is not refused, hex(code)


def test_a_token_is_a_valid_literal_subject_that_one_star_covers() -> None:
    for text in spelled("a.*> {$\t\u00a0", 3):
        if subjects.is_token(text):
            assert subjects.is_valid(text)
            assert not subjects.has_wildcards(text)
            assert subjects.matches("*", text)
            assert subjects.split_queue(f"x.{text}") == Entry(f"x.{text}")
