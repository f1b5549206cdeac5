import ast
import copy
import pickle
from pathlib import Path

import msgspec
import pytest

import natscreds
from natscreds import errors
from natscreds.errors import InvalidClaimsError, MissingDependencyError, NatsCredsError, Problem, WorkerError

TREE = {
    "NatsCredsError": ("Exception",),
    "MalformedError": ("NatsCredsError", "ValueError"),
    "NkeyError": ("MalformedError",),
    "TokenError": ("MalformedError",),
    "CredsError": ("MalformedError",),
    "InvalidClaimsError": ("NatsCredsError", "ValueError"),
    "WrongKeyTypeError": ("NatsCredsError", "ValueError"),
    "MissingKeyError": ("NatsCredsError",),
    "VerificationError": ("NatsCredsError",),
    "BadSignatureError": ("VerificationError",),
    "UntrustedIssuerError": ("VerificationError",),
    "RevokedError": ("VerificationError",),
    "NotYetValidError": ("VerificationError",),
    "ExpiredError": ("VerificationError",),
    "ThrowAwayError": ("VerificationError",),
    "IndeterminateError": ("NatsCredsError",),
    "DecryptionError": ("NatsCredsError",),
    "StorageError": ("NatsCredsError",),
    "WorkerError": ("NatsCredsError",),
    "ServerError": ("NatsCredsError",),
    "MissingDependencyError": ("NatsCredsError", "ImportError"),
}
CLASSES = {name: found for name, found in vars(errors).items() if isinstance(found, type)}
EXCEPTIONS = {name: found for name, found in CLASSES.items() if issubclass(found, BaseException)}
PROBLEMS = (
    Problem(path="$.nats.limits.subs", severity="error", code="zero-limit", message="0 allows nothing"),
    Problem(path="$.exp", severity="warning", code="no-expiry", message="the token never expires"),
)


def test_the_tree_is_the_one_told() -> None:
    assert {name: tuple(base.__name__ for base in found.__bases__) for name, found in EXCEPTIONS.items()} == TREE


def test_every_public_name_is_listed_and_exists() -> None:
    assert errors.__all__ == sorted(errors.__all__)
    assert set(errors.__all__) == {*TREE, "Problem", "Severity"}
    for name in errors.__all__:
        assert hasattr(errors, name)


def test_no_other_module_has_public_errors_of_its_own() -> None:
    package = Path(natscreds.__file__).parent
    sources = [path for path in package.rglob("*.py") if path != Path(errors.__file__)]
    assert sources
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = [ast.unparse(base) for base in node.bases]
                assert not any(base.endswith(("Error", "Exception")) for base in bases), f"{path.name}: {node.name}"


BAD_INPUT = ["MalformedError", "NkeyError", "TokenError", "CredsError", "InvalidClaimsError", "WrongKeyTypeError"]


@pytest.mark.parametrize("name", TREE)
def test_only_bad_input_is_a_value_error(name: str) -> None:
    assert issubclass(EXCEPTIONS[name], ValueError) is (name in BAD_INPUT)


@pytest.mark.parametrize("name", TREE)
def test_each_error_is_caught_as_ours_and_says_its_message(name: str) -> None:
    with pytest.raises(NatsCredsError) as caught:
        raise EXCEPTIONS[name]("a seed holds 32 bytes, got 31")
    assert str(caught.value) == "a seed holds 32 bytes, got 31"


def test_a_missing_dependency_is_an_import_error() -> None:
    with pytest.raises(ImportError):
        raise MissingDependencyError("nats-server is not there")


def test_invalid_claims_tell_all_their_problems() -> None:
    error = InvalidClaimsError.of(PROBLEMS)
    assert error.problems == PROBLEMS
    assert str(error) == (
        "$.nats.limits.subs: 0 allows nothing [zero-limit]; $.exp: the token never expires [no-expiry]"
    )


def test_one_broken_rule_is_one_problem() -> None:
    error = InvalidClaimsError.one("$.sub", "no-subject", "a subject is needed")
    assert error.problems == (
        Problem(path="$.sub", severity="error", code="no-subject", message="a subject is needed"),
    )
    assert str(error) == "$.sub: a subject is needed [no-subject]"


def test_invalid_claims_may_have_a_message_alone() -> None:
    assert InvalidClaimsError("claims are too deep").problems == ()


def test_a_problem_is_a_value() -> None:
    problem = PROBLEMS[0]
    assert problem == msgspec.structs.replace(PROBLEMS[1], **msgspec.structs.asdict(problem))
    assert len({*PROBLEMS, problem}) == 2
    with pytest.raises(AttributeError):
        problem.code = "other"  # type: ignore[misc]


CARRIED = {name: EXCEPTIONS[name]("what was found") for name in TREE}
CARRIED["InvalidClaimsError"] = InvalidClaimsError.of(PROBLEMS)
CARRIED["WorkerError"] = WorkerError("a worker died", done=7, lost=("d-8", "d-9"))
CARRIED["MissingDependencyError"] = MissingDependencyError("nats is not there", name="nats")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", CARRIED.values(), ids=CARRIED.keys())
def test_what_an_error_carries_survives_pickling(error: NatsCredsError, protocol: int) -> None:
    """Worker processes hand their errors over this way."""
    assert_same(pickle.loads(pickle.dumps(error, protocol)), error)  # noqa: S301 - our own bytes


@pytest.mark.parametrize("error", CARRIED.values(), ids=CARRIED.keys())
def test_what_an_error_carries_survives_copying(error: NatsCredsError) -> None:
    assert_same(copy.copy(error), error)
    assert_same(copy.deepcopy(error), error)


def assert_same(other: NatsCredsError, error: NatsCredsError) -> None:
    assert type(other) is type(error)
    assert (other.args, str(other), vars(other)) == (error.args, str(error), vars(error))
    assert getattr(other, "name", None) == getattr(error, "name", None)


def test_a_worker_s_cost_is_told() -> None:
    error = WorkerError("a worker died", done=7, lost=("d-8", "d-9"))
    assert (error.done, error.lost) == (7, ("d-8", "d-9"))
    assert (WorkerError("a worker died").done, WorkerError("a worker died").lost) == (0, ())
