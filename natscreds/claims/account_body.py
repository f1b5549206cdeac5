"""The JSON objects of an account: limits, callout, tracing, and all of its `nats` member."""

from collections.abc import Mapping

from msgspec import field

from natscreds.claims._model import Int64, Model
from natscreds.claims.exchange import Export, Import, WeightedMapping
from natscreds.claims.permissions import Permissions, Scope

__all__ = ["AccountBody", "AccountLimits", "ExternalAuthorization", "JetStreamLimits", "MsgTrace"]


class JetStreamLimits(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What one tier of JetStream may use. Storage of 0 is none of that kind; elsewhere 0 is no limit.

    Attributes:
        mem_storage: Bytes in memory; -1 is no limit.
        disk_storage: Bytes on disk; -1 is no limit.
        streams: Streams.
        consumer: Consumers.
        max_ack_pending: Unacknowledged messages of one consumer.
        mem_max_stream_bytes: Bytes of one stream in memory.
        disk_max_stream_bytes: Bytes of one stream on disk.
        max_bytes_required: Each stream must say its size.
    """

    mem_storage: Int64 = 0
    disk_storage: Int64 = 0
    streams: Int64 = 0
    consumer: Int64 = 0
    max_ack_pending: Int64 = 0
    mem_max_stream_bytes: Int64 = 0
    disk_max_stream_bytes: Int64 = 0
    max_bytes_required: bool = False


# msgspec Structs have one line of bases, so the eight JetStream members stand here again.
class AccountLimits(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What an account may use; -1 is no limit, 0 is nothing.

    Attributes:
        subs: Subscriptions, of all its users.
        data: Bytes in total. Servers do not enforce it.
        payload: Bytes in one message.
        imports: Imports.
        exports: Exports.
        wildcards: Exports may hold wildcards.
        disallow_bearer: Bearer tokens do not admit.
        conn: Client connections.
        leaf: Leaf node connections.
        mem_storage: JetStream bytes in memory; 0 is none. With all storage 0, JetStream is off.
        disk_storage: JetStream bytes on disk; 0 is none.
        streams: JetStream streams; 0 is no limit.
        consumer: JetStream consumers; 0 is no limit.
        max_ack_pending: Unacknowledged messages of one consumer; 0 is no limit.
        mem_max_stream_bytes: Bytes of one stream in memory; 0 is no limit.
        disk_max_stream_bytes: Bytes of one stream on disk; 0 is no limit.
        max_bytes_required: Each stream must say its size.
        tiered_limits: Limits by replication, `R1`, `R3`; excludes the flat JetStream members.
    """

    subs: Int64 = 0
    data: Int64 = 0
    payload: Int64 = 0
    imports: Int64 = 0
    exports: Int64 = 0
    wildcards: bool = False
    disallow_bearer: bool = False
    conn: Int64 = 0
    leaf: Int64 = 0
    mem_storage: Int64 = 0
    disk_storage: Int64 = 0
    streams: Int64 = 0
    consumer: Int64 = 0
    max_ack_pending: Int64 = 0
    mem_max_stream_bytes: Int64 = 0
    disk_max_stream_bytes: Int64 = 0
    max_bytes_required: bool = False
    tiered_limits: Mapping[str, JetStreamLimits] = {}

    @property
    def jetstream_enabled(self) -> bool:
        """There is storage to use: in one of the tiers, where there are tiers, or else in the flat members."""
        tiers = self.tiered_limits.values() or (self,)
        return any(tier.mem_storage or tier.disk_storage for tier in tiers)


class ExternalAuthorization(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Auth callout: a service of this account decides who connects.

    Attributes:
        auth_users: Public nkeys of the service's own users; empty is off.
        allowed_accounts: Accounts the service may place users in; `*` alone is any.
        xkey: A public curve nkey that requests are sealed for.
    """

    auth_users: tuple[str, ...] = ()
    allowed_accounts: tuple[str, ...] = ()
    xkey: str = ""


class MsgTrace(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Message tracing that a message's own header asks for.

    Attributes:
        dest: The subject traces go to.
        sampling: Percent, 1 to 100; servers read 0 as 100.
    """

    dest: str = ""
    sampling: Int64 = 0


class AccountBody(Model, frozen=True, kw_only=True, omit_defaults=True):
    """An account's `nats` member.

    Attributes:
        imports: From other accounts.
        exports: To other accounts.
        limits: What it may use.
        signing_keys: Public account nkeys that sign users; a `Scope` is a role.
        revocations: User key, or `*`, to the second up to which its tokens are refused.
        default_permissions: For users that have none of their own.
        mappings: Subject to where its messages go.
        authorization: Auth callout.
        trace: Message tracing.
        cluster_traffic: Whose traffic crosses clusters: `system`, `owner`, or empty.
        description: For people, up to 8,192 bytes.
        info_url: More of that.
        tags: Words for people, and for `{{account-tag(…)}}`.
        type: `account`; set by signing.
        version: 2; set by signing.
    """

    imports: tuple[Import, ...] = ()
    exports: tuple[Export, ...] = ()
    limits: AccountLimits = field(default_factory=AccountLimits)
    signing_keys: tuple[str | Scope, ...] = ()
    revocations: Mapping[str, Int64] = {}
    default_permissions: Permissions = field(default_factory=Permissions)
    mappings: Mapping[str, tuple[WeightedMapping, ...]] = {}
    authorization: ExternalAuthorization = field(default_factory=ExternalAuthorization)
    trace: MsgTrace | None = None
    cluster_traffic: str = ""
    description: str = ""
    info_url: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    version: Int64 = 0
