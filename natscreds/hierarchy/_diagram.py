"""Who exports to whom, drawn as Mermaid text."""

import re
from collections.abc import Iterable

from natscreds.chain import Account, Operator
from natscreds.hierarchy._accounts import Hierarchy
from natscreds.hierarchy._imports import Grants

__all__ = ["diagram"]

# What is not plain in a label: all but letters, digits and what stands quietly between them. Quotes end a label, # and
# ; begin and end an entity, and Mermaid reads Markdown and directives in labels.
_LOUD = re.compile(r"[^A-Za-z0-9_ .-]|[.-](?= |$)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^ | $| (?= )")
# What Mermaid 11 looks for when it has read the numbers already, icons and formulas: an invisible joiner breaks it.
_LATE = re.compile(r":(?=fa-)|\$(?=\$)")
_JOINER = "\u2060"
_KEY_SHOWN = 12


def diagram(operator: Operator | str, accounts: Iterable[Account | str]) -> str:
    """Draw who exports to whom, as Mermaid text.

    An arrow goes from the exporting account to the importing one, and is dotted where the export does not grant the
    import or cannot be seen. Names and subjects are written so that nothing in a token can add to the drawing.

    Args:
        operator: The operator or its token.
        accounts: Its accounts or their tokens.

    Returns:
        ASCII text for a `mermaid` block; equal input gives equal text.

    Raises:
        TypeError: As `check_hierarchy`.
        NatsCredsError: As `check_hierarchy`.
    """
    hierarchy = Hierarchy(operator, accounts)
    nodes = {key: f"a{at}" for at, key in enumerate(hierarchy.accounts)}
    lines = ["flowchart LR", f'  subgraph operator["{_escaped(hierarchy.operator.name)}"]']
    for key, claims in hierarchy.accounts.items():
        lines.append(f'    {nodes[key]}["{_escaped(claims.name)}<br/>{key[:_KEY_SHOWN]}"]')
    lines.append("  end")
    arrows: list[str] = []
    for key, checked in Grants(hierarchy).checked.items():
        for taken, faults in checked:
            if taken.exporter not in nodes:
                nodes[taken.exporter] = f"a{len(nodes)}"
                lines.append(f'  {nodes[taken.exporter]}["not given<br/>{_escaped(taken.exporter[:_KEY_SHOWN])}"]')
            label = f"{taken.said.type or 'import'} {_escaped(taken.remote)}"
            if taken.local != taken.remote:
                label += f" as {_escaped(taken.said.local_subject or taken.local)}"
            arrow = "-.->" if faults or taken.said.type is None else "-->"
            arrows.append(f'  {nodes[taken.exporter]} {arrow}|"{label}"| {nodes[key]}')
    return "\n".join((*lines, *arrows)) + "\n"


def _escaped(text: str) -> str:
    """Return *text* for a label in quotes: whatever Mermaid or a browser might read becomes its number."""
    seen = "".join(one if one.isprintable() else "\ufffd" for one in text)
    return _LOUD.sub(lambda found: f"#{ord(found[0])};", _LATE.sub(lambda found: found[0] + _JOINER, seen))
