"""What many users have in common: checked once, filled in for each."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from natscreds import subjects
from natscreds.chain import _grants
from natscreds.chain._grants import limits_of, name_of, placeholders, tags_of
from natscreds.chain.moments import Moment, lifetime
from natscreds.claims import Permission, TimeRange, UserBody, encode, seconds
from natscreds.errors import InvalidClaimsError

__all__ = ["UserTemplate"]

_SCOPED = UserBody(type="user", version=2)


class UserTemplate:
    """What many users have in common. Applied to one name it gives what `Account.create_user` gives for its keywords.

    Subjects and tags may hold `{name}` and `{public}`, replaced in one pass; a name that reaches a subject must be one
    literal token. Everything is checked when the template is made.

    Args:
        publish: Subjects the user may publish on. Not given: see below; `[]`: none.
        subscribe: Subjects, or `subject queue`, the user may subscribe to, likewise. As soon as *publish*, *subscribe*,
            *allow_responses* or *private_inbox* is given, a direction not said is nothing. With none of them the
            account's default permissions hold.
        deny_publish: Subjects refused all the same. Deny lists alone are no wall.
        deny_subscribe: Likewise for subscribing.
        private_inbox: Adds `_INBOX.<user key>.>` to *subscribe*, and the inbox prefix to `Creds.nats_py`.
        allow_responses: Answers to each request on its reply subject; -1 is no limit. The requester then chooses where
            the user publishes, once for each request and past the deny list.
        response_ttl: How long such an answer is allowed; -1 is for ever, nothing given is the server's two minutes.
        max_subscriptions: Subscriptions held at once; `None` and -1 are no limit.
        max_payload: Bytes in one message; `None` and -1 are no limit.
        max_data: Bytes in total; servers do not enforce it.
        sources: Networks the user may come from, as `address/length`.
        times: Parts of the day, as `("HH:MM:SS", "HH:MM:SS")`.
        times_location: The IANA time zone of *times*.
        connection_types: Of `STANDARD`, `WEBSOCKET`, `LEAFNODE`, `LEAFNODE_WS`, `MQTT`, `MQTT_WS`, `IN_PROCESS`.
        tags: `key:value` texts, or a mapping; lower case.
        expires_in: Counted from the second of issuing, at least one second.
        expires_at: The last second of validity, instead.
        not_before: The first second of validity. Servers allow no skew: leave it out unless you must.
        bearer: The token alone admits; needs an expiry.
        proxy_required: Only through a trusted proxy.
        role: The name of a role: then permissions and limits are the role's, and none may be given here.
        dotted_names: Names that reach a subject may hold dots, and so be several tokens.
        fields: More placeholders, filled from the rows given to `natscreds.issue_users`.

    Raises:
        TypeError: A bare text where several are meant, or a value of another type.
        InvalidClaimsError: A keyword that means nothing, or what servers would drop or read otherwise.
    """

    __slots__ = (
        "_body",
        "_fills",
        "_guards",
        "_tag_fills",
        "dotted_names",
        "expires_at",
        "expires_in",
        "fields",
        "not_before",
        "private_inbox",
        "role",
    )

    def __init__(
        self,
        *,
        publish: Iterable[str] | None = None,
        subscribe: Iterable[str] | None = None,
        deny_publish: Iterable[str] | None = None,
        deny_subscribe: Iterable[str] | None = None,
        private_inbox: bool = False,
        allow_responses: int | None = None,
        response_ttl: timedelta | int | None = None,
        max_subscriptions: int | None = None,
        max_payload: int | None = None,
        max_data: int | None = None,
        sources: Iterable[str] | None = None,
        times: Iterable[TimeRange | tuple[str, str]] | None = None,
        times_location: str | None = None,
        connection_types: Iterable[str] | None = None,
        tags: Iterable[str] | Mapping[str, str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: Moment | None = None,
        not_before: Moment | None = None,
        bearer: bool | None = False,
        proxy_required: bool | None = False,
        role: str | None = None,
        dotted_names: bool = False,
        fields: Iterable[str] = (),
    ) -> None:
        self.fields = frozenset({"name", "public", *_grants.several(fields, "fields")})
        self.dotted_names = _grants.flag(dotted_names, "dotted_names")
        self.private_inbox = _grants.flag(private_inbox, "private_inbox")
        self.role = None if role is None else name_of(role, "a role's name")
        lifetime(expires_in)
        if expires_in is not None and expires_at is not None:
            raise InvalidClaimsError.one("$.exp", "expires-twice", "either expires_in or expires_at, not both")
        self.expires_in = expires_in
        self.expires_at = None if expires_at is None else seconds(expires_at, "expires_at")
        self.not_before = 0 if not_before is None else seconds(not_before, "not_before")
        said: dict[str, Any] = dict(  # noqa: C408  # reads as the call below
            publish=publish,
            subscribe=subscribe,
            deny_publish=deny_publish,
            deny_subscribe=deny_subscribe,
            private_inbox=private_inbox,
            allow_responses=allow_responses,
            response_ttl=response_ttl,
            max_subscriptions=max_subscriptions,
            max_payload=max_payload,
            max_data=max_data,
            sources=sources,
            times=times,
            times_location=times_location,
            connection_types=connection_types,
            bearer=bearer,
            proxy_required=proxy_required,
        )
        tag_texts = tags_of(tags)
        if role is not None:
            given = [keyword for keyword, value in said.items() if value is not None and value is not False]
            if given:
                raise InvalidClaimsError.one(
                    "role", "role-and-permissions", f"a role says it all: leave out {', '.join(given)}"
                )
            body = msgspec.structs.replace(_SCOPED, tags=tag_texts)
        else:
            limits = limits_of(role=False, fields=self.fields, **said)
            if bearer and expires_in is None and expires_at is None:
                raise InvalidClaimsError.one(
                    "bearer", "bearer-without-expiry", "a bearer token admits whoever has seen it: it needs an expiry"
                )
            body = UserBody(**limits, tags=tag_texts, type="user", version=2)
        self._body = body
        self._prepare(body)

    def _prepare(self, body: UserBody) -> None:
        """Note which lists hold placeholders, and which fields reach a subject (and stand first in one)."""
        guards: dict[str, bool] = {}
        self._fills: list[tuple[str, str, list[tuple[list[str], list[str]]]]] = []
        for direction in ("pub", "sub"):
            for which in ("allow", "deny"):
                entries: tuple[str, ...] = getattr(getattr(body, direction), which) or ()
                parts = [placeholders(entry) for entry in entries]
                if any(fields for _, fields in parts):
                    self._fills.append((direction, which, parts))
                for texts, fields in parts:
                    for at, field in enumerate(fields):
                        first = at == 0 and texts[0] == ""
                        guards[field] = guards.get(field, False) or first
        guards.pop("public", None)
        self._guards = guards
        tag_parts = [_tag_placeholders(tag, self.fields) for tag in body.tags]
        self._tag_fills = tag_parts if any(fields for _, fields in tag_parts) else []

    @property
    def body(self) -> UserBody:
        """The `nats` member of the users, placeholders not filled in."""
        return self._body

    @property
    def digest(self) -> str:
        """SHA-256 over all that it says, 64 hex digits: equal templates of one version of natscreds have one digest."""
        life = lifetime(self.expires_in)
        flags = (self.private_inbox, self.role, self.dotted_names, sorted(self.fields))
        said = (encode(self._body).decode(), life, self.expires_at, self.not_before, *flags)
        return sha256(repr(said).encode()).hexdigest()

    @property
    def values(self) -> tuple[str, ...]:
        """The placeholders that its users differ by, apart from the key, `name` first."""
        used = {field for _, _, parts in self._fills for _, fields in parts for field in fields}
        used |= {field for _, fields in self._tag_fills for field in fields}
        return ("name", *sorted(used - {"name", "public"}))

    def fill(self, name: str, public: str, row: Mapping[str, str] | None = None) -> UserBody:
        """Return the `nats` member for one user.

        Args:
            name: The user's name.
            public: Its public nkey.
            row: Values for further *fields*.

        Raises:
            TypeError: A value that is no text.
            InvalidClaimsError: A value that reaches a subject is not one literal token, or is missing; a column of the
                row that is no field of the template; a value that would change a tag's key.
        """
        if row is not None:
            self.check_row(row)
        if not self._fills and not self._tag_fills:
            return self._body
        values = {**(row or {}), "name": name, "public": public}
        for field, first in self._guards.items():
            self._guard(field, values, first=first)
        changes: dict[str, Any] = {}
        for direction, which, parts in self._fills:
            filled = tuple(["".join(_weave(texts, fields, values)) for texts, fields in parts])
            held: Permission = changes.get(direction) or getattr(self._body, direction)
            changes[direction] = (
                Permission(allow=filled, deny=held.deny)
                if which == "allow"
                else Permission(allow=held.allow, deny=filled)
            )
        if self._tag_fills:
            changes["tags"] = self.fill_tags(values)
        return msgspec.structs.replace(self._body, **changes)

    def fill_tags(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Return the tags of one user, each once.

        Raises:
            InvalidClaimsError: A value is missing, would change a tag's key, or is not lower case.
        """
        return tags_of([_fill_tag(texts, fields, values) for texts, fields in self._tag_fills])

    @property
    def in_subjects(self) -> frozenset[str]:
        """The placeholders, but the key, that reach a subject: there a value is one literal token."""
        return frozenset(self._guards)

    @property
    def fills_tags(self) -> bool:
        """Some tag holds a placeholder."""
        return bool(self._tag_fills)

    def check_row(self, row: Mapping[str, str]) -> None:
        """Refuse a row with a column that is no field of the template, or a value that is no text."""
        for field, value in row.items():
            if field not in self.fields or field == "public":
                raise InvalidClaimsError.one(
                    "$.name", "field-unknown", f"a row's columns are 'name' and the template's fields, got {field!a}"
                )
            if not isinstance(value, str):
                raise TypeError(f"a row holds texts, got {type(value).__name__} for {field!a}")

    def _guard(self, field: str, values: Mapping[str, str], *, first: bool) -> None:
        value = values.get(field)
        if value is None:
            raise InvalidClaimsError.one("$.name", "field-missing", f"the row has no {field!a}, which a subject needs")
        tokens = value.split(".") if self.dotted_names else [value]
        if len(value.encode("utf-8", "replace")) > 128:
            tokens = [""]
        for at, token in enumerate(tokens):
            if not subjects.is_token(token, first=first and at == 0):
                raise InvalidClaimsError.one(
                    "$.name",
                    "not-one-token",
                    f"{field} reaches a subject, so it is one literal token (no . * > braces or blanks, at most 128"
                    f" bytes, no $ or _ in front of a subject), got {value!a}",
                )


def _weave(texts: list[str], fields: list[str], values: Mapping[str, str]) -> list[str]:
    woven = [texts[0]]
    for field, text in zip(fields, texts[1:], strict=True):
        if field not in values:
            raise InvalidClaimsError.one(
                "$.nats", "field-missing", f"the row has no {field!a}, which the template needs"
            )
        woven.append(values[field])
        woven.append(text)
    return woven


def _fill_tag(texts: list[str], fields: list[str], values: Mapping[str, str]) -> str:
    woven = _weave(texts, fields, values)
    for at, text in enumerate(woven):
        if ":" in text:
            if at % 2:  # a value, and no colon of the template's own before it
                raise InvalidClaimsError.one(
                    "$.nats.tags", "tag-key", f"a value in front of a tag's colon has none itself, got {text!a}"
                )
            break
    return "".join(woven)


def _tag_placeholders(tag: str, known: frozenset[str]) -> tuple[list[str], list[str]]:
    fault = ""
    try:
        texts, fields = placeholders(tag)
        if "public" in fields:
            fault = "tags are lower case, and a public key is not"
        elif known.issuperset(fields):
            return texts, fields
        else:
            fault = f"known are {', '.join('{' + field + '}' for field in sorted(known))}"
    except ValueError as error:
        fault = str(error)
    raise InvalidClaimsError.one("$.nats.tags", "placeholder", f"{fault}; in {tag!a}")
