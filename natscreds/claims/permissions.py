"""What a user may do: subjects, responses, limits; and the template of a role.

Lists that servers read differently when they are absent and when they are empty are `None` when absent.
"""

from typing import Any, Self, TypeVar

import msgspec
from msgspec import field

from natscreds.claims._model import Int64, Model
from natscreds.errors import Problem

__all__ = ["Permission", "Permissions", "ResponsePermission", "Scope", "Template", "TimeRange", "UserPermissionLimits"]


class Permission(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Subjects for one direction. Deny beats allow.

    Attributes:
        allow: Subjects; for subscribing also `subject queue`. `None`: no allow-list, all is allowed.
        deny: Subjects that are refused. `None`: none.
    """

    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] | None = None

    @property
    def empty(self) -> bool:
        """Nothing is said: no entry in either list."""
        return not self.allow and not self.deny


class ResponsePermission(Model, frozen=True, kw_only=True, omit_defaults=False):
    """Leave to answer on reply subjects of messages received.

    Attributes:
        max: Answers for each request. Servers read 0 as 1; negative is unlimited.
        ttl: Nanoseconds during which answers are allowed. Servers read 0 as two minutes; negative is for ever.
    """

    max: Int64 = 0
    ttl: Int64 = 0


class Permissions(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What users of an account get who have no permissions of their own.

    Attributes:
        pub: Publishing.
        sub: Subscribing.
        resp: Answering; `None` is no such leave.
    """

    pub: Permission = field(default_factory=Permission)
    sub: Permission = field(default_factory=Permission)
    resp: ResponsePermission | None = None

    @property
    def said_nothing(self) -> bool:
        """No list has an entry, and there is no leave to answer."""
        return self.resp is None and self.pub.empty and self.sub.empty


class TimeRange(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the day during which a user may be connected.

    Attributes:
        start: `HH:MM:SS`.
        end: `HH:MM:SS`; earlier than *start* means the next day.
    """

    start: str = ""
    end: str = ""


class UserPermissionLimits(Model, frozen=True, kw_only=True, omit_defaults=True):
    """The twelve members that a user and a role's template share, in the order of the wire.

    Attributes:
        pub: Publishing.
        sub: Subscribing.
        resp: Answering on reply subjects; `None` is no such leave.
        src: Networks the user may come from, as `address/length`.
        times: Parts of the day during which the user may be connected.
        times_location: An IANA time zone for *times*; empty is the server's.
        subs: Subscriptions held at once; -1 is no limit, 0 is none at all.
        data: Bytes in total; -1 is no limit. Servers do not enforce it.
        payload: Bytes in one message; -1 is no limit.
        bearer_token: The token alone admits, without a signature.
        proxy_required: Only through a trusted proxy.
        allowed_connection_types: Of `STANDARD`, `WEBSOCKET`, `LEAFNODE`, `LEAFNODE_WS`, `MQTT`, `MQTT_WS` and
            `IN_PROCESS`.
    """

    pub: Permission = field(default_factory=Permission)
    sub: Permission = field(default_factory=Permission)
    resp: ResponsePermission | None = None
    src: tuple[str, ...] | None = None
    times: tuple[TimeRange, ...] | None = None
    times_location: str = ""
    subs: Int64 = 0
    data: Int64 = 0
    payload: Int64 = 0
    bearer_token: bool = False
    proxy_required: bool = False
    allowed_connection_types: tuple[str, ...] | None = None

    @classmethod
    def tolerate(cls, name: str, raw: bytes) -> bytes:
        """Read `src` as one comma-separated string, as version 1 wrote it and servers still do."""
        if name != "src" or raw[:1] != b'"':
            return raw
        networks = (network.strip() for network in msgspec.json.decode(raw, type=str).lower().split(","))
        return msgspec.json.encode(list(dict.fromkeys(network for network in networks if network)))


def empty_lists(limits: "UserPermissionLimits | Permissions", path: str) -> list[Problem]:
    """Return a problem for each list that is there but empty: servers read it as something else than absent."""
    lists: dict[str, tuple[object, ...] | None] = {
        "pub.allow": limits.pub.allow,
        "pub.deny": limits.pub.deny,
        "sub.allow": limits.sub.allow,
        "sub.deny": limits.sub.deny,
    }
    if isinstance(limits, UserPermissionLimits):
        lists |= {
            "src": limits.src,
            "times": limits.times,
            "allowed_connection_types": limits.allowed_connection_types,
        }
    return [
        Problem(
            path=f"{path}.{name}",
            severity="error",
            code="empty-list",
            message="an empty list is not the same as none: leave it out, or deny ['>'] for nothing",
        )
        for name, entries in lists.items()
        if entries is not None and not entries
    ]


LimitsT = TypeVar("LimitsT", bound="UserPermissionLimits | Permissions")


def without_empty_lists(limits: LimitsT) -> LimitsT:
    """Return *limits* as the reference writes them: an empty list is left out."""
    if not empty_lists(limits, ""):
        return limits
    values: dict[str, Any] = {
        "pub": Permission(allow=limits.pub.allow or None, deny=limits.pub.deny or None, unknown=limits.pub.unknown),
        "sub": Permission(allow=limits.sub.allow or None, deny=limits.sub.deny or None, unknown=limits.sub.unknown),
    }
    if isinstance(limits, UserPermissionLimits):
        values |= {
            "src": limits.src or None,
            "times": limits.times or None,
            "allowed_connection_types": limits.allowed_connection_types or None,
        }
    return msgspec.structs.replace(limits, **values)


_TEMPLATE_LIMITS = ("subs", "data", "payload")


def _unlimited() -> int:
    return -1


class Template(UserPermissionLimits, frozen=True, kw_only=True, omit_defaults=True):
    """What a role grants: as `UserPermissionLimits`, but an absent limit is -1 on the wire, and 0 cannot be said."""

    subs: Int64 = field(default_factory=_unlimited)
    data: Int64 = field(default_factory=_unlimited)
    payload: Int64 = field(default_factory=_unlimited)

    def problems(self, path: str) -> list[Problem]:
        """Return what a role cannot say: empty lists, and limits of 0, which readers take for no limit."""
        return empty_lists(self, path) + [
            Problem(
                path=f"{path}.{name}",
                severity="error",
                code="limit-zero",
                message="0 is left out of a role and read as no limit: say -1, or more than 0",
            )
            for name in _TEMPLATE_LIMITS
            if getattr(self, name) == 0
        ]

    def prepared(self) -> "Template":
        """Return the template as the reference writes it: without empty lists and without zeros."""
        zeros = {name: msgspec.UNSET for name in _TEMPLATE_LIMITS if getattr(self, name) == 0}
        template = without_empty_lists(self)
        return msgspec.structs.replace(template, **zeros) if zeros else template


class Scope(Model, frozen=True, kw_only=True, omit_defaults=False, tag_field="kind", tag="user_scope"):
    """A role: a signing key with the template that all users signed by it get.

    Attributes:
        key: The signing key, a public account nkey.
        role: Its name.
        template: What its users may do; subjects may hold `{{name()}}`, `{{subject()}}`, `{{tag(…)}}` and the like.
        description: For people.
    """

    key: str = ""
    role: str = ""
    template: Template = field(default_factory=Template)
    description: str = ""

    def with_template(self, **changes: object) -> Self:
        """Return the scope with another template; see `Claims.replace` for what may be given."""
        from natscreds.claims._edit import changed

        return msgspec.structs.replace(self, template=changed(self.template, changes))
