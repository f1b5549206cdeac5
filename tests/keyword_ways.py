"""The three places that take the friendly keywords, called in one way."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any, cast

import pytest

from natscreds import Operator, User, UserTemplate, issue_users
from natscreds.claims import UserPermissionLimits
from natscreds.errors import InvalidClaimsError

__all__ = ["ACCOUNT", "OPERATOR", "SEED", "WAYS", "T", "Way", "entropy", "payload", "refused"]

T = 1_700_000_000
SEED = bytes(range(32))
OPERATOR = Operator.create("acme")
ACCOUNT = OPERATOR.create_account("orders")


def entropy(size: int) -> bytes:
    return SEED[:size]


def payload(jwt: str) -> dict[str, Any]:
    chunk = jwt.split(".")[1]
    return cast("dict[str, Any]", json.loads(urlsafe_b64decode(chunk + "=" * (-len(chunk) % 4))))


class Way:
    """One of the three places that take the keywords; calling it gives what they mean."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def is_role(self) -> bool:
        return self.name == "add_role"

    def user(self, **keywords: Any) -> User:  # noqa: ANN401  # keywords of several types
        if self.name == "create_user":
            return ACCOUNT.create_user("d-1", issued_at=T, **keywords)
        return next(issue_users(ACCOUNT, ["d-1"], UserTemplate(**keywords), issued_at=T))

    def __call__(self, **keywords: Any) -> UserPermissionLimits:  # noqa: ANN401  # keywords of several types
        if self.is_role:
            return OPERATOR.add_role(ACCOUNT, "r", **keywords).roles["r"].template
        return self.user(**keywords).claims.nats

    def wire(self, **keywords: Any) -> dict[str, Any]:  # noqa: ANN401  # keywords of several types
        """Return the JSON object that holds the permissions."""
        if self.is_role:
            scopes = payload(OPERATOR.add_role(ACCOUNT, "r", **keywords).jwt)["nats"]["signing_keys"]
            return cast("dict[str, Any]", next(key for key in scopes if isinstance(key, dict))["template"])
        return cast("dict[str, Any]", payload(self.user(**keywords).jwt)["nats"])


WAYS = [Way("create_user"), Way("UserTemplate"), Way("add_role")]


def refused(call: Callable[..., object], code: str, **keywords: Any) -> None:  # noqa: ANN401  # keywords of several types
    """Assert that the keywords are refused, for the reason that has this code and no other."""
    with pytest.raises(InvalidClaimsError) as caught:
        call(**keywords)
    assert [problem.code for problem in caught.value.problems] == [code]
