"""The friendly keywords of users and roles, turned into limits and permissions: the one place that knows the table.

`None` is "not said", a list is exactly these, `[]` is nothing (written `deny: [">"]`, never as an empty list). As soon
as publishing, subscribing or answering is said, the direction not said is nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, cast

from natscreds import subjects
from natscreds.claims import Permission, ResponsePermission, TimeRange, is_network, is_time_of_day, is_time_zone
from natscreds.errors import InvalidClaimsError

__all__ = ["CONNECTION_TYPES", "limits_of", "name_of", "placeholders", "several", "tags_of", "template_calls"]

CONNECTION_TYPES = ("STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS")

_CALLS = ("name()", "subject()", "account-name()", "account-subject()")


def refuse(path: str, code: str, message: str) -> InvalidClaimsError:
    """Return the error for one keyword."""
    return InvalidClaimsError.one(path, code, message)


def several(value: Iterable[str], name: str) -> tuple[str, ...]:
    """Return *value* as a tuple of texts.

    Raises:
        TypeError: A bare text, which would be read by character, or something else than texts in it.
    """
    if isinstance(value, str | bytes | bytearray):
        raise TypeError(f"{name} takes several: give a list, a single text would be read by character")
    entries = tuple(value)
    for entry in entries:
        if not isinstance(entry, str):
            raise TypeError(f"{name} holds texts, got {type(entry).__name__}")
    return entries


def name_of(name: object, what: str = "a name", path: str = "$.name") -> str:
    """Return *name*: text with something in it that has a UTF-8 form."""
    if not isinstance(name, str):
        raise TypeError(f"{what} is a str, got {type(name).__name__}")
    if not name:
        raise refuse(path, "name-empty", f"{what} has at least one character")
    fault = False
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        fault = True
    if fault:
        raise refuse(path, "name-not-text", f"{what} has a UTF-8 form, this one holds a lone surrogate")
    return name


def tags_of(tags: Iterable[str] | Mapping[str, str] | None) -> tuple[str, ...]:
    """Return *tags* as `key:value` texts, refusing those that the reference would bend.

    Raises:
        InvalidClaimsError: An empty tag, or one that lower-casing or trimming would change.
    """
    if tags is None:
        return ()
    if isinstance(tags, Mapping):
        pairs = cast("Mapping[str, str]", tags)
        for key in several(pairs, "tags"):
            if not key or ":" in key:
                raise refuse("$.nats.tags", "tag-key", f"a tag's key has no colon and is not empty, got {key!a}")
        for value in several(pairs.values(), "tags"):
            if not value:
                raise refuse("$.nats.tags", "tag-empty", "a tag's value is not empty")
        entries = tuple(f"{key}:{value}" for key, value in pairs.items())
    else:
        entries = several(tags, "tags")
    for entry in entries:
        name_of(entry, "a tag", "$.nats.tags")
        if entry != entry.strip() or entry != entry.lower():
            raise refuse("$.nats.tags", "tag-bent", f"tags are lower case without blanks around, got {entry!a}")
    return tuple(dict.fromkeys(entries))


def placeholders(entry: str) -> tuple[list[str], list[str]]:
    """Return *entry* taken apart at `{field}`: the texts between, and the fields; one text more than fields.

    Raises:
        ValueError: A brace that belongs to no `{field}`.
    """
    texts: list[str] = []
    fields: list[str] = []
    rest = entry
    while True:
        text, brace, rest = rest.partition("{")
        if "}" in text:
            raise ValueError("a } without its {")
        texts.append(text)
        if not brace:
            return texts, fields
        field, brace, rest = rest.partition("}")
        if not brace or not field or "{" in field:
            raise ValueError("a { without its }, or nothing between")
        fields.append(field)


def template_calls(entry: str) -> tuple[list[str], list[str]]:
    """Return a role's *entry* taken apart at `{{…}}`: the texts between, and what stands inside, trimmed.

    Raises:
        ValueError: A brace that belongs to no `{{…}}`.
    """
    texts: list[str] = []
    calls: list[str] = []
    rest = entry
    while True:
        text, opened, rest = rest.partition("{{")
        if "{" in text or "}" in text:
            raise ValueError("a single brace")
        texts.append(text)
        if not opened:
            return texts, calls
        call, closed, rest = rest.partition("}}")
        if not closed or not call or "{" in call or "}" in call:
            raise ValueError("a {{ without its }}, or nothing between")
        calls.append(call.strip())


class _Entries:
    """Checks the entries of one keyword for users (`{field}`) or for roles (`{{call}}`)."""

    def __init__(self, *, role: bool, fields: frozenset[str]) -> None:
        self.role = role
        self.fields = fields

    def read(self, value: Iterable[str] | None, keyword: str, *, queues: bool) -> tuple[str, ...] | None:
        if value is None:
            return None
        entries = several(value, keyword)
        plain = [self._check(entry, keyword, queues=queues) for entry in entries]
        if any("{{" in entry for entry in entries) and any(" " in entry for entry in plain):
            raise refuse(keyword, "queue-in-template-list", "servers drop queue entries from a list that holds {{…}}")
        return tuple(dict.fromkeys(entries))

    def _check(self, entry: str, keyword: str, *, queues: bool) -> str:
        """Return *entry* with a word in the place of each placeholder, or raise if servers read it otherwise."""
        plain = self._plain(entry, keyword)
        name_of(plain or "x", "a subject")
        if "," in plain:
            raise refuse(keyword, "entry-with-comma", f"one subject in an entry, without a comma, got {entry!a}")
        read = subjects.split_queue(plain)
        if read is None or " ".join(filter(None, read)) != plain:
            raise refuse(
                keyword, "entry-servers-drop", f"tokens are not empty, > is the last, no white space; got {entry!a}"
            )
        if read.queue is not None and not queues:
            raise refuse(keyword, "entry-with-blank", f"a subject has no blank, got {entry!a}")
        return plain

    def _plain(self, entry: str, keyword: str) -> str:
        """Return *entry* with a word in the place of each placeholder."""
        fault = ""
        texts, inner = [entry], list[str]()
        try:
            if self.role:
                texts, inner = template_calls(entry)
            elif "{{" in entry:
                fault = "the server expands {{…}} only under a role: use {name} and {public} here"
            else:
                texts, inner = placeholders(entry)
        except ValueError as error:
            fault = str(error)
            if self.role:
                fault += ": a role's subjects hold {{name()}} and the like, {name} is for users without one"
        for word in inner if not fault else ():
            if self.role and not (word in _CALLS or (word.startswith(("tag(", "account-tag(")) and word[-1] == ")")):
                fault = f"servers know {', '.join(_CALLS)}, tag(…) and account-tag(…), got {word!a}"
            elif not self.role and word not in self.fields:
                fault = f"known are {', '.join('{' + field + '}' for field in sorted(self.fields))}, got {word!a}"
        if fault:
            raise refuse(keyword, "placeholder", f"{fault}; in {entry!a}")
        return "x".join(texts)


def limits_of(
    *,
    role: bool,
    fields: frozenset[str] = frozenset(),
    publish: Iterable[str] | None,
    subscribe: Iterable[str] | None,
    deny_publish: Iterable[str] | None,
    deny_subscribe: Iterable[str] | None,
    private_inbox: bool,
    allow_responses: int | None,
    response_ttl: timedelta | int | None,
    max_subscriptions: int | None,
    max_payload: int | None,
    max_data: int | None,
    sources: Iterable[str] | None,
    times: Iterable[TimeRange | tuple[str, str]] | None,
    times_location: str | None,
    connection_types: Iterable[str] | None,
    bearer: bool | None,
    proxy_required: bool | None,
) -> dict[str, Any]:
    """Return the members of `UserPermissionLimits` that the keywords mean.

    Raises:
        TypeError: A bare text where several are meant, or a value of another type.
        InvalidClaimsError: A value that servers would drop or read otherwise, or that means nothing.
    """
    entries = _Entries(role=role, fields=fields)
    resp = _responses(allow_responses, response_ttl)
    allow_pub = entries.read(publish, "publish", queues=False)
    allow_sub = entries.read(subscribe, "subscribe", queues=True)
    deny_pub = entries.read(deny_publish, "deny_publish", queues=False)
    deny_sub = entries.read(deny_subscribe, "deny_subscribe", queues=True)
    if resp is not None and not allow_sub:
        raise refuse("allow_responses", "responses-without-subscribe", "answers need something to subscribe to")
    closed = allow_pub is not None or allow_sub is not None or resp is not None
    if flag(private_inbox, "private_inbox"):
        closed = True
        inbox = "_INBOX.{{subject()}}.>" if role else "_INBOX.{public}.>"
        allow_sub = (*(allow_sub or ()), *(() if inbox in (allow_sub or ()) else (inbox,)))
    found: dict[str, Any] = {
        "pub": _direction(allow_pub, deny_pub, closed=closed),
        "sub": _direction(allow_sub, deny_sub, closed=closed),
        "resp": resp,
        "src": _networks(sources),
        "times": _ranges(times),
        "times_location": _location(times_location, times),
        "subs": _limit(max_subscriptions, "max_subscriptions", least=1),
        "data": _limit(max_data, "max_data", least=1 if role else 0),
        "payload": _limit(max_payload, "max_payload", least=1 if role else 0),
        "bearer_token": bearer is not None and flag(bearer, "bearer"),
        "proxy_required": proxy_required is not None and flag(proxy_required, "proxy_required"),
        "allowed_connection_types": _connection_types(connection_types),
    }
    return found


def flag(value: object, keyword: str) -> bool:
    """Return *value*, which is a bool.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{keyword} is True or False, got {type(value).__name__}")
    return value


def _direction(allow: tuple[str, ...] | None, deny: tuple[str, ...] | None, *, closed: bool) -> Permission:
    if allow or (allow is None and not closed):
        return Permission(allow=allow, deny=deny or None)
    return Permission(deny=(">",))


def _whole(value: object, keyword: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{keyword} is an int, got {type(value).__name__}")
    if value >= 2**63:
        raise refuse(keyword, "number-too-large", f"{keyword} has 63 bits at most")
    return value


def _limit(value: int | None, keyword: str, *, least: int) -> int:
    if value is None:
        return -1
    if _whole(value, keyword) != -1 and value < least:
        told = "an absent limit is none there, and 0 cannot be said" if least and not value else "less means nothing"
        raise refuse(
            keyword, "limit-too-small", f"{keyword} is at least {least}, or -1 for no limit ({told}), got {value}"
        )
    return value


def _responses(count: int | None, ttl: timedelta | int | None) -> ResponsePermission | None:
    if count is None or _whole(count, "allow_responses") == 0:
        if ttl:
            raise refuse("response_ttl", "ttl-without-responses", "response_ttl goes with allow_responses")
        return None
    if count < -1:
        raise refuse("allow_responses", "limit-too-small", f"allow_responses is -1 for no limit, or more, got {count}")
    if ttl is None or (not ttl and not isinstance(ttl, bool)):
        return ResponsePermission(max=count)
    if isinstance(ttl, timedelta):
        if ttl < timedelta(0):
            raise refuse("response_ttl", "limit-too-small", "response_ttl is a positive timedelta, or -1 for no limit")
        return ResponsePermission(max=count, ttl=_whole(ttl // timedelta(microseconds=1) * 1000, "response_ttl"))
    if _whole(ttl, "response_ttl") != -1:
        raise TypeError("response_ttl is a timedelta, or -1 for no limit")
    return ResponsePermission(max=count, ttl=-1)


def _networks(sources: Iterable[str] | None) -> tuple[str, ...] | None:
    networks = several(sources, "sources") if sources is not None else ()
    if not networks:
        return None
    for network in networks:
        if not is_network(network):
            raise refuse("sources", "not-a-network", f"a network is address/length, got {network!a}")
    return networks


def _ranges(times: Iterable[TimeRange | tuple[str, str]] | None) -> tuple[TimeRange, ...] | None:
    if times is None:
        return None
    if isinstance(times, str | bytes | bytearray):
        raise TypeError("times takes several: give a list of (start, end)")
    ranges = tuple(item if isinstance(item, TimeRange) else _range(item) for item in times)
    for item in ranges:
        for moment in (item.start, item.end):
            if not is_time_of_day(moment):
                raise refuse("times", "not-a-time-of-day", f"a time of day is HH:MM:SS, got {moment!a}")
    return ranges or None


def _range(item: object) -> TimeRange:
    parts = tuple(cast("Iterable[object]", item)) if isinstance(item, tuple | list) else ()
    if len(parts) != 2 or not isinstance(parts[0], str) or not isinstance(parts[1], str):
        raise TypeError("times holds (start, end) pairs of HH:MM:SS")
    return TimeRange(start=parts[0], end=parts[1])


def _location(location: str | None, times: object) -> str:
    if location is None:
        return ""
    if times is None:
        raise refuse("times_location", "location-without-times", "times_location goes with times")
    if location == "Local" or not is_time_zone(location):  # each server has a Local of its own
        raise refuse("times_location", "unknown-time-zone", f"a time zone is an IANA name, got {location!a}")
    return location


def _connection_types(value: Iterable[str] | None) -> tuple[str, ...] | None:
    names = several(value, "connection_types") if value is not None else ()
    for name in names:
        if name not in CONNECTION_TYPES:
            raise refuse(
                "connection_types", "unknown-connection-type", f"one of {', '.join(CONNECTION_TYPES)}, got {name!a}"
            )
    return names or None
