"""Every rule of mappings: one problem each, and none beside."""

# ruff: noqa: ANN401  # members of claims are of any type

from typing import Any

from rule_cases import Asked, Rule, account, each


def mapped(*destinations: dict[str, Any], source: str = "a") -> Asked:
    return account(mappings={source: destinations})


def goes(source: str, destination: str) -> Asked:
    return mapped(to(0, destination), source=source)


def to(weight: int = 0, subject: str = "b", **members: Any) -> dict[str, Any]:
    return {"subject": subject, "weight": weight, **members}


RULES = [
    Rule("subject-empty", "error", "$.nats.mappings['']", mapped(to(), source=""), mapped(to()), "of a mapping"),
    Rule(
        "subject-space",
        "error",
        "$.nats.mappings['a'][1].subject",
        mapped(to(50), to(50, "b c")),
        mapped(to(50), to(50, "c")),
        "of a destination",
    ),
    Rule(
        "mapping-weight",
        "error",
        "$.nats.mappings['a'][0].weight",
        mapped(to(101)),
        mapped(to(100)),
        also=("mapping-sum",),
    ),
    Rule("mapping-sum", "error", "$.nats.mappings['a']", mapped(to(50), to(51, "c")), mapped(to(50), to(50, "c"))),
    Rule("mapping-sum", "error", "$.nats.mappings['a']", mapped(to(), to(1, "c")), mapped(to()), "no weight is all"),
    Rule(
        "mapping-cluster-sum",
        "error",
        "$.nats.mappings['a'][1].weight",
        mapped(to(60, cluster="x"), to(41, "c", cluster="x")),
        mapped(to(60, cluster="x"), to(60, "c", cluster="y"), to(100, "d")),
    ),
    Rule(
        "mapping-repeated",
        "error",
        "$.nats.mappings['a'][1].subject",
        mapped(to(50), to(10)),
        mapped(to(50), to(10, "c")),
    ),
    Rule(
        "mapping-repeated",
        "error",
        "$.nats.mappings['a'][1].subject",
        mapped(to(), to(cluster="x")),
        mapped(to()),
        "in a cluster",
    ),
    Rule(
        "mapping-dropped",
        "error",
        "$.nats.mappings['a.>.b']",
        mapped(to(), source="a.>.b"),
        mapped(to(), source="a.b"),
        "its source",
    ),
    *(
        Rule(
            "mapping-dropped",
            "error",
            f"$.nats.mappings[{source!a}][0].subject",
            goes(source, wrong),
            goes(source, right),
            note,
        )
        for source, wrong, right, note in [
            ("a", "b\tc", "b.c", "white space"),
            ("a.>", "b", "b.>", "a tail that gets lost"),
            ("a", "b.>", "b", "a tail from nowhere"),
            ("*", "b.*", "b.$1", "a wildcard without a number"),
            ("*.*", "$3", "$2.$1", "a number too high"),
            ("a", "$1", "$x", "a number without wildcards"),
            ("a", "{{wildcard(1)}}", "{{partition(3)}}", "a function that takes wildcards"),
            ("*", "{{lower(1)}}", "{{}}", "an unknown function"),
            ("*", "{{WILDCARD(1)}}", "{{Wildcard(1)}}", "a function in capitals"),
            ("*", "{{split(1)}}", "{{split(1,-)}}", "an argument too few"),
            ("*", "{{left(1,x)}}", "{{left(1,2)}}", "an argument that is no number"),
            ("*", "{{partition(2147483648,1)}}", "{{partition(2147483647,1)}}", "an argument too large"),
            ("a.>", "{{wildcard(1)}}.>", "{{random(9)}}.>", "a function that takes wildcards, before a tail"),
        ]
    ),
]


@each(RULES)
def test_a_mapping_that_breaks_one_rule_has_that_problem(rule: Rule) -> None:
    assert rule.told() == rule.expected


@each(RULES)
def test_the_neighbour_of_a_mapping_that_breaks_a_rule_has_no_problem(rule: Rule) -> None:
    assert rule.sound.check() == []
