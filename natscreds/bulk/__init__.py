"""Many users of one account, or many accounts of one operator: here, in several processes, or on a cluster.

>>> from natscreds.chain import Operator, UserTemplate
>>> orders = Operator.create("acme").create_account("orders")
>>> users = issue_users(orders, ["d-1", "d-2"], UserTemplate(publish=["devices.{name}.>"]))
>>> len(users), [user.name for user in users]
(2, ['d-1', 'd-2'])

A run can be cut into chunks, values that any process issues, any number of times, with the same result:

>>> chunks = plan(orders, ["d-1", "d-2", "d-3"], UserTemplate(publish=["devices.{name}.>"]), chunk_size=2)
>>> [name for chunk in chunks for name, public, jwt, seed in run(chunk)]
['d-1', 'd-2', 'd-3']
"""

from collections.abc import Iterable, Mapping
from os import urandom

from natscreds.bulk._accounts import Accounts, AccountSigner
from natscreds.bulk._chunks import Chunk, Issued, run
from natscreds.bulk._derive import new_secret
from natscreds.bulk._recipes import SignerFactory
from natscreds.bulk._run import Elsewhere, Progress
from natscreds.bulk._users import Plan, Users, UserSigner
from natscreds.chain import Account, AccountTemplate, Operator, UserTemplate
from natscreds.chain.moments import Moment
from natscreds.chain.press import Row
from natscreds.nkeys import Entropy

__all__ = [
    "Accounts",
    "Chunk",
    "Issued",
    "Plan",
    "Progress",
    "Row",
    "SignerFactory",
    "Users",
    "issue_accounts",
    "issue_users",
    "new_secret",
    "plan",
    "run",
]


def issue_users(
    account: Account | str,
    names: Iterable[Row],
    template: UserTemplate,
    *,
    signer: UserSigner | None = None,
    issued_at: Moment | None = None,
    derive_from: bytes | None = None,
    generations: Mapping[str, int] | None = None,
    workers: int | None = None,
    executor: object | None = None,
    chunk_size: int = 1_000,
    in_flight: int | None = None,
    ordered: bool = True,
    on_progress: Progress | None = None,
    entropy: Entropy | None = urandom,
) -> Users:
    """Make a user for each name: an iterator with a length, in the order of the names.

    With *workers* or *executor* users are issued in chunks elsewhere, in constant memory whatever the number of names;
    a program that uses *workers* stands under `if __name__ == "__main__":`, because its processes import it anew.

    Args:
        account: The account, with a key that may sign: the role's, a plain signing key, or the identity.
        names: Names, or rows with a `name` and values for the template's *fields*. A name stands once. Any iterable.
            Names of a known length are read 128 at a time, others one by one as users are asked for; elsewhere, by
            chunks.
        template: What the users have in common.
        signer: A key of the account to sign with, instead of the usual choice; or, for keys that live in a KMS, a
            function of a module that makes the signer wherever it is called.
        issued_at: `iat` of all users, above what the account revokes for everybody. `None` is the clock, read now.
        derive_from: A secret of `new_secret`, from which each name's key is derived: the same name gives the same key
            in every run. Else keys are drawn. It never leaves this process.
        generations: With *derive_from*, names that get another key than their first, and which: `{"d-17": 1}`.
        workers: Processes of this machine to issue in.
        executor: Whatever has `submit` to issue by instead: of `concurrent.futures`, Dask, or another.
        chunk_size: Names in a chunk.
        in_flight: Chunks submitted at once, at most: twice the workers and one, or 16 for an executor.
        ordered: Users come in the order of their names. `False`: by chunks as they are done.
        on_progress: Called with (done, total), at most ten times a second and at the end.
        entropy: What gives the 32 bytes of each seed; `None` is the system.

    Raises:
        TypeError: *names* is a bare text or a single row; both *workers* and *executor*; a signer for other processes
            that is neither a key pair nor a function.
        MissingKeyError: No key held may sign.
        WrongKeyTypeError: The account's identity would sign by an *executor*: that key cannot be changed.
        InvalidClaimsError: The template does not fit the account, the secret is none; while iterating: a name that
            does not fit the template, or that came before.
        RevokedError: While iterating: a key that the account revokes, drawn or derived again.
        WorkerError: While iterating: a worker died. `done` came out before, `lost` were in flight.
    """
    _check_template(template, UserTemplate)
    return Users(
        account if isinstance(account, Account) else Account.load(account),
        names,
        template,
        issued_at=issued_at,
        signer=signer,
        on_progress=on_progress,
        entropy=entropy,
        derive_from=derive_from,
        generations=generations,
        elsewhere=_elsewhere(workers, executor, chunk_size, in_flight, ordered),
    )


def issue_accounts(
    operator: Operator | str,
    names: Iterable[Row],
    template: AccountTemplate,
    *,
    signer: AccountSigner | None = None,
    issued_at: Moment | None = None,
    derive_from: bytes | None = None,
    generations: Mapping[str, int] | None = None,
    workers: int | None = None,
    executor: object | None = None,
    chunk_size: int = 100,
    in_flight: int | None = None,
    ordered: bool = True,
    on_progress: Progress | None = None,
    entropy: Entropy | None = urandom,
) -> Accounts:
    """Make an account for each name: an iterator with a length, in the order of the names. As `issue_users`.

    Each has its token and the signing keys that the template asks for; the identity's key only with *keep_identity*.

    Args:
        operator: The operator or its token's text, with a key that may sign accounts.
        names: Names; a name stands once. Any iterable, read as accounts are asked for.
        template: What the accounts have in common.
        signer: A key of the operator to sign with, instead of the first signing key held; or a function that makes it.
        issued_at: `iat` of all accounts. `None` is the clock, read now.
        derive_from: A secret of `new_secret`, from which each name's identity and signing key are derived.
        generations: With *derive_from*, names that get other keys than their first, and which.
        workers: Processes of this machine to issue in.
        executor: Whatever has `submit`; then *signer* is a function, as an operator's key never leaves.
        chunk_size: Names in a chunk.
        in_flight: Chunks submitted at once, at most.
        ordered: Accounts come in the order of their names.
        on_progress: Called with (done, total), at most ten times a second and at the end.
        entropy: What gives 32 bytes for each key; `None` is the system.

    Raises:
        TypeError: As `issue_users`.
        MissingKeyError: No key held may sign accounts.
        WrongKeyTypeError: An *executor* would get an operator's key.
        InvalidClaimsError: The secret is none; while iterating: a name that came before, or is none.
        WorkerError: While iterating: a worker died.
    """
    _check_template(template, AccountTemplate)
    if not isinstance(operator, Operator):
        operator = Operator.load(operator)
    return Accounts(
        operator,
        names,
        template,
        issued_at=issued_at,
        signer=signer,
        on_progress=on_progress,
        entropy=entropy,
        derive_from=derive_from,
        generations=generations,
        elsewhere=_elsewhere(workers, executor, chunk_size, in_flight, ordered),
    )


def plan(
    account: Account | str,
    names: Iterable[Row],
    template: UserTemplate,
    *,
    chunk_size: int = 1_000,
    signer: UserSigner | None = None,
    issued_at: Moment | None = None,
    derive_from: bytes | None = None,
    generations: Mapping[str, int] | None = None,
    entropy: Entropy | None = urandom,
) -> Plan:
    """Cut a run into chunks for engines of any kind: `run` issues one, wherever, and always the same users.

    Chunks are small and pickle. They carry the seeds of their users and of the key that signs: use a role's key, and
    change it afterwards; the account's identity is refused. Names are checked here, so that no chunk fails for a name.

    Args:
        account: As `issue_users`, and likewise the rest.
        names: Names or rows.
        template: What the users have in common.
        chunk_size: Names in a chunk.
        signer: A key of the account, or a function of a module that makes a signer.
        issued_at: `iat` of all users.
        derive_from: A secret of `new_secret`; it stays here.
        generations: Names that get another derived key than their first, and which.
        entropy: What gives the 32 bytes of each seed; `None` is the system.

    Raises:
        WrongKeyTypeError: The account's identity would sign.
        TypeError: As `issue_users`.
        MissingKeyError: No key held may sign.
        InvalidClaimsError: As `issue_users`, names while iterating.
        RevokedError: While iterating: a derived key that the account revokes.
    """
    where = _elsewhere(1, None, chunk_size, None, True)
    _check_template(template, UserTemplate)
    users = Users(
        account if isinstance(account, Account) else Account.load(account),
        names,
        template,
        issued_at=issued_at,
        signer=signer,
        on_progress=None,
        entropy=entropy,
        derive_from=derive_from,
        generations=generations,
        elsewhere=where,
    )
    return Plan(users, chunk_size)


def _check_template(template: object, kind: type) -> None:
    if not isinstance(template, kind):
        raise TypeError(f"template is a {kind.__name__}, got {type(template).__name__}")


def _elsewhere(
    workers: int | None, executor: object, chunk_size: int, in_flight: int | None, ordered: bool
) -> Elsewhere | None:
    where = Elsewhere(workers=workers, executor=executor, chunk_size=chunk_size, in_flight=in_flight, ordered=ordered)
    return where if where.workers or executor is not None else None
