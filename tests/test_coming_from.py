"""The pages for people who come from Go or from nsc name everything there, and what they give instead runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from go_reference import SOURCE, GoReference
from test_docs import BLOCK

import natscreds
from natscreds import KeyPair, KeyType, tokens
from natscreds.claims import (
    AccountClaims,
    ActivationClaims,
    AuthorizationRequestClaims,
    AuthorizationResponseClaims,
    Claims,
    GenericClaims,
    OperatorClaims,
    Scope,
    UserClaims,
)

ROOT = Path(__file__).parent.parent
GO = ROOT / "docs" / "reference" / "coming-from-go.md"
NSC = ROOT / "docs" / "reference" / "coming-from-nsc.md"
KNOWN = json.loads((ROOT / "tests" / "vectors" / "reference.json").read_text(encoding="utf-8"))

# What nats-io/nkeys and nats-io/jwt v2.8.2 export; `folded` says how methods that many types have stand here.
EXPORTED = """
    KeyPair.Open KeyPair.PrivateKey KeyPair.PublicKey KeyPair.Seal KeyPair.SealWithRand KeyPair.Seed
    KeyPair.Sign KeyPair.Verify KeyPair.Wipe PrefixByte.String nkeys.CompatibleKeyPair nkeys.CreateAccount
    nkeys.CreateCluster nkeys.CreateCurveKeys nkeys.CreateCurveKeysWithRand nkeys.CreateOperator
    nkeys.CreatePair nkeys.CreatePairWithRand nkeys.CreateServer nkeys.CreateUser nkeys.Decode nkeys.DecodeSeed
    nkeys.Encode nkeys.EncodeSeed nkeys.ErrCannotOpen nkeys.ErrCannotSeal nkeys.ErrCannotSign
    nkeys.ErrCouldNotDecrypt nkeys.ErrIncompatibleKey nkeys.ErrInvalidChecksum nkeys.ErrInvalidCurveKey
    nkeys.ErrInvalidCurveKeyOperation nkeys.ErrInvalidCurveSeed nkeys.ErrInvalidEncVersion
    nkeys.ErrInvalidEncoding nkeys.ErrInvalidEncrypted nkeys.ErrInvalidKey nkeys.ErrInvalidNKeyOperation
    nkeys.ErrInvalidNkeySeed nkeys.ErrInvalidPrefixByte nkeys.ErrInvalidPrivateKey nkeys.ErrInvalidPublicKey
    nkeys.ErrInvalidRecipient nkeys.ErrInvalidSeed nkeys.ErrInvalidSeedLen nkeys.ErrInvalidSender
    nkeys.ErrInvalidSignature nkeys.ErrInvalidUserSeed nkeys.ErrNoSeedFound nkeys.ErrPublicKeyOnly
    nkeys.FromCurveSeed nkeys.FromPublicKey nkeys.FromRawSeed nkeys.FromSeed nkeys.IsValidEncoding
    nkeys.IsValidPublicAccountKey nkeys.IsValidPublicClusterKey nkeys.IsValidPublicCurveKey
    nkeys.IsValidPublicKey nkeys.IsValidPublicOperatorKey nkeys.IsValidPublicServerKey
    nkeys.IsValidPublicUserKey nkeys.KeyPair nkeys.ParseDecoratedJWT nkeys.ParseDecoratedNKey
    nkeys.ParseDecoratedUserNKey nkeys.Prefix nkeys.PrefixByte nkeys.PrefixByteAccount nkeys.PrefixByteCluster
    nkeys.PrefixByteCurve nkeys.PrefixByteOperator nkeys.PrefixBytePrivate nkeys.PrefixByteSeed
    nkeys.PrefixByteServer nkeys.PrefixByteUnknown nkeys.PrefixByteUser nkeys.Version nkeys.XKeyVersionV1

    Account.AddMapping Account.EnableExternalAuthorization Account.HasExternalAuthorization
    AccountClaims.ClearRevocation AccountClaims.DidSign AccountClaims.GetTags AccountClaims.IsClaimRevoked
    AccountClaims.Revoke AccountClaims.RevokeAt AccountLimits.IsUnlimited Activation.IsService
    Activation.IsStream ActivationClaims.HashID CIDRList.Add CIDRList.Contains CIDRList.Remove CIDRList.Set
    Claims.ClaimType Claims.Claims Claims.Encode Claims.EncodeWithSigner Claims.ExpectedPrefixes Claims.Payload
    Claims.String ClaimsData.IsSelfSigned ClusterTraffic.Valid Export.ClearRevocation Export.IsChunkedResponse
    Export.IsClaimRevoked Export.IsService Export.IsSingleResponse Export.IsStream Export.IsStreamResponse
    Export.Revoke Export.RevokeAt ExportType.String Exports.Add Exports.HasExportContainingSubject
    ExternalAuthorization.IsEnabled Header.Valid Import.GetTo Import.IsService Import.IsStream Imports.Add
    JetStreamLimits.IsUnlimited Len Less Limits.IsUnlimited MarshalJSON NatsLimits.IsUnlimited
    OperatorClaims.DidSign OperatorClaims.GetTags OperatorLimits.IsEmpty OperatorLimits.IsJSEnabled
    OperatorLimits.IsUnlimited Permission.Empty RenamingSubject.ToSubject RenamingSubject.Validate
    RevocationList.ClearRevocation RevocationList.IsRevoked RevocationList.MaybeCompact RevocationList.Revoke
    Scope.SigningKey Scope.ValidateScopedSigner ScopeType.String SigningKeys.Add SigningKeys.AddScopedSigner
    SigningKeys.Contains SigningKeys.GetScope SigningKeys.Keys SigningKeys.Remove StringList.Add
    StringList.Contains StringList.Remove Subject.HasWildCards Subject.IsContainedIn Subject.Validate Swap
    TagList.Add TagList.Contains TagList.Remove UnmarshalJSON UserClaims.GetTags UserClaims.HasEmptyPermissions
    UserClaims.IsBearerToken UserClaims.SetScoped UserLimits.Empty UserLimits.IsUnlimited UserScope.SigningKey
    UserScope.ValidateScopedSigner Validate ValidationIssue.Error ValidationResults.Add
    ValidationResults.AddError ValidationResults.AddTimeCheck ValidationResults.AddWarning
    ValidationResults.Errors ValidationResults.IsBlocking ValidationResults.IsEmpty ValidationResults.Warnings
    WeightedMapping.GetWeight jwt.Account jwt.AccountClaim jwt.AccountClaims jwt.AccountLimits jwt.Activation
    jwt.ActivationClaim jwt.ActivationClaims jwt.AlgorithmNkey jwt.AlgorithmNkeyOld jwt.All jwt.AnyAccount
    jwt.AuthorizationRequest jwt.AuthorizationRequestClaim jwt.AuthorizationRequestClaims
    jwt.AuthorizationResponse jwt.AuthorizationResponseClaim jwt.AuthorizationResponseClaims jwt.CIDRList
    jwt.ClaimType jwt.Claims jwt.ClaimsData jwt.ClientInformation jwt.ClientTLS jwt.ClusterTraffic
    jwt.ClusterTrafficOwner jwt.ClusterTrafficSystem jwt.ConnectOptions jwt.ConnectionTypeInProcess
    jwt.ConnectionTypeLeafnode jwt.ConnectionTypeLeafnodeWS jwt.ConnectionTypeMqtt jwt.ConnectionTypeMqttWS
    jwt.ConnectionTypeStandard jwt.ConnectionTypeWebsocket jwt.CreateValidationResults jwt.Decode
    jwt.DecodeAccountClaims jwt.DecodeActivationClaims jwt.DecodeAuthorizationRequestClaims
    jwt.DecodeAuthorizationResponseClaims jwt.DecodeGeneric jwt.DecodeOperatorClaims jwt.DecodeUserClaims
    jwt.DecorateJWT jwt.DecorateSeed jwt.ErrTokenTooLarge jwt.Export jwt.ExportType jwt.Exports
    jwt.ExternalAuthorization jwt.FormatUserConfig jwt.GenericClaim jwt.GenericClaims jwt.GenericFields
    jwt.Header jwt.Headers jwt.Import jwt.Imports jwt.Info jwt.IsGenericClaimType jwt.IssueUserJWT
    jwt.JetStreamLimits jwt.JetStreamTieredLimits jwt.Limits jwt.Mapping jwt.MaxInfoLength jwt.MaxTokenSize
    jwt.MsgTrace jwt.NatsLimits jwt.NewAccountClaims jwt.NewActivationClaims jwt.NewAuthorizationRequestClaims
    jwt.NewAuthorizationResponseClaims jwt.NewGenericClaims jwt.NewOperatorClaims jwt.NewUserClaims
    jwt.NewUserScope jwt.NoLimit jwt.Operator jwt.OperatorClaim jwt.OperatorClaims jwt.OperatorLimits
    jwt.ParseDecoratedJWT jwt.ParseDecoratedNKey jwt.ParseDecoratedUserNKey jwt.ParseServerVersion
    jwt.Permission jwt.Permissions jwt.Prefix jwt.RenamingSubject jwt.ResponsePermission jwt.ResponseType
    jwt.ResponseTypeChunked jwt.ResponseTypeSingleton jwt.ResponseTypeStream jwt.RevocationEntry
    jwt.RevocationList jwt.SamplingRate jwt.Scope jwt.ScopeType jwt.ServerID jwt.Service jwt.ServiceLatency
    jwt.SignFn jwt.SigningKeys jwt.Stream jwt.StringList jwt.Subject jwt.TagList jwt.TimeRange jwt.TokenTypeJwt
    jwt.Unknown jwt.User jwt.UserClaim jwt.UserClaims jwt.UserLimits jwt.UserPermissionLimits jwt.UserScope
    jwt.UserScopeType jwt.ValidateOperatorServiceURL jwt.ValidationIssue jwt.ValidationResults jwt.Version
    jwt.WeightedMapping
"""

COMMANDS = """
    init / add operator / add account / add user / add export / add import / add mapping / edit operator / edit account
    / edit user / edit export / edit signing-key / edit authcallout / delete account / delete user / delete export
    / delete import / delete mapping / describe operator / describe account / describe user / describe jwt
    / list operators / list accounts / list users / list keys / env / select operator / select account / expirations
    / export keys / import keys / import account / import user / fix / generate activation / generate config
    / generate context / generate creds / generate diagram / generate nkey / generate profile / keys migrate / load
    / migrate / pull / push / reissue operator / rename account / revocations add-user / revocations delete-user
    / revocations list-users / revocations add_activation / revocations delete_activation
    / revocations list_activations / tool / update / upgrade-jwt / validate / test / completion / help
"""

OF_ALL_CLAIMS = ["ClaimType", "Claims", "Encode", "EncodeWithSigner", "ExpectedPrefixes", "Payload", "String"]
OF_MANY_TYPES = ["Len", "Less", "MarshalJSON", "Swap", "UnmarshalJSON"]


class Row(NamedTuple):
    """One row of a table: what one comes from, what there is here, what is to be said."""

    header: str
    names: list[str]
    here: str
    remark: str

    @property
    def spans(self) -> list[str]:
        return spans(self.here)


def spans(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def rows(page: Path) -> list[Row]:
    """Return the rows of all tables of *page*."""
    found: list[Row] = []
    header = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| "):
            header = "" if not line.startswith("|---") else header
            continue
        first, here, remark = line[2:].removesuffix("|").split(" | ", 2)
        if not header:
            header = first
        else:
            found.append(Row(header, spans(first), here, remark.strip()))
    return found


def expressions(page: Path) -> list[str]:
    """Return every code span that says what to write here."""
    calls = [span for row in rows(page) if row.header != "flag" for span in row.spans]
    keywords = [
        f"account.create_user('flagged', {span})" for row in rows(page) if row.header == "flag" for span in row.spans
    ]
    remarks = [span for row in rows(page) for span in spans(row.remark) if span.startswith("natscreds.")]
    return [*calls, *keywords, *remarks]


def first_block(page: Path) -> str:
    return next(block[2] for block in BLOCK.finditer(page.read_text(encoding="utf-8")) if block[1] == "python")


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[dict[str, Any], Path]]:
    """Return, for each page, the names its tables speak of, and the directory its files are in."""
    made: dict[Path, tuple[dict[str, Any], Path]] = {}
    for page in (GO, NSC):
        directory = tmp_path_factory.mktemp(page.stem)
        space: dict[str, Any] = {name: getattr(natscreds.errors, name) for name in natscreds.errors.__all__}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(directory)
            exec(compile(first_block(page), str(page), "exec"), space)
        made[page] = space, directory
    return made


@pytest.mark.parametrize(
    ("page", "expression"),
    [
        pytest.param(page, one, id=f"{page.stem}-{one}")
        for page in (GO, NSC)
        for one in dict.fromkeys(expressions(page))
    ],
)
def test_what_to_write_here_runs(
    page: Path,
    expression: str,
    spaces: dict[Path, tuple[dict[str, Any], Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space, directory = spaces[page]
    monkeypatch.chdir(directory)
    eval(expression, dict(space))  # noqa: S307  # our own pages


@pytest.mark.parametrize("page", [GO, NSC], ids=lambda page: page.stem)
def test_where_there_is_nothing_the_page_says_why(page: Path) -> None:
    assert [row.names for row in rows(page) if not row.spans and (row.here != "none" or not row.remark)] == []


def test_every_name_that_go_exports_has_one_row() -> None:
    named = Counter(name for row in rows(GO) for name in row.names)
    assert named == Counter(EXPORTED.split())


def test_every_nsc_command_has_one_row() -> None:
    named = Counter(name for row in rows(NSC) if row.header == "nsc" for name in row.names)
    assert named == Counter(f"nsc {' '.join(command.split())}" for command in COMMANDS.split("/"))


def folded(package: str, name: str) -> str:
    """Return *name* as it stands in the table: what many types have alike stands there once."""
    owner, _, method = name.partition(".")
    if not method:
        return f"{package}.{name}"
    if method in OF_MANY_TYPES or (method == "Validate" and not owner.endswith("Subject")):
        return method
    of_claims = owner == "ClaimsData" or owner.endswith("Claims")
    return f"Claims.{method}" if of_claims and method in OF_ALL_CLAIMS else name


def exported(text: str) -> set[str]:
    """Return the names that `go doc -all` lists."""
    found: set[str] = set()
    block = ""
    for line in text.splitlines():
        if method := re.match(r"func \((?:\w+ )?\*?(\w+)\) ([A-Z]\w*)", line):
            found.add(f"{method[1]}.{method[2]}")
        elif single := re.match(r"(?:func|const|var|type) ([A-Z]\w*)", line):
            found.add(single[1])
            block = f"{single[1]}." if line.endswith("interface {") else ""
        elif line in ("const (", "var ("):
            block = "("
        elif line in (")", "}"):
            block = ""
        elif block and (member := re.match(r"\t([A-Z]\w*)(\(?)", line)) and (block == "(" or member[2]):
            found.add(member[1] if block == "(" else block + member[1])
    return found


@pytest.mark.skipif(not GoReference.available(), reason="no go command here to ask for the names")
@pytest.mark.parametrize("package", ["nkeys", "jwt"])
def test_the_list_of_exported_names_is_that_of_the_go_package(package: str) -> None:
    path = {"nkeys": "github.com/nats-io/nkeys", "jwt": "github.com/nats-io/jwt/v2"}[package]
    # `go doc` fetches nothing by itself, and no other test need have run before this one.
    subprocess.run(["go", "mod", "download"], cwd=SOURCE, check=True, capture_output=True)
    told = subprocess.run(["go", "doc", "-all", path], cwd=SOURCE, capture_output=True, text=True, check=True).stdout
    own = {
        name
        for name in EXPORTED.split()
        if (name.split(".")[0] in ("nkeys", "KeyPair", "PrefixByte")) == (package == "nkeys")
    }
    assert {folded(package, name) for name in exported(told)} == own


# What was built because a line in Python would not do.

ISSUED_AT = 1_795_000_000
OPERATOR, OPERATOR_SIGNING, STRANGER = (KeyPair.generate(KeyType.OPERATOR) for _ in range(3))
ACCOUNT, PLAIN, ROLE, ANOTHER = (KeyPair.generate(KeyType.ACCOUNT) for _ in range(4))
USER = KeyPair.generate(KeyType.USER)


def signed(claims: Claims, by: KeyPair) -> Claims:
    return tokens.parse(tokens.sign(claims, by, issued_at=ISSUED_AT, check=False)).claims


def operator_claims(*, strict: bool = False) -> OperatorClaims:
    claims = OperatorClaims(sub=OPERATOR.public)
    return claims.replace(signing_keys=[OPERATOR_SIGNING.public], strict_signing_key_usage=strict)


ACCOUNT_CLAIMS = AccountClaims(sub=ACCOUNT.public).replace(
    signing_keys=[PLAIN.public, Scope(key=ROLE.public, role="device")]
)


@pytest.mark.parametrize(
    ("claims", "by", "plainly", "strictly"),
    [
        pytest.param(ACCOUNT_CLAIMS, OPERATOR, True, False, id="an account by the identity"),
        pytest.param(ACCOUNT_CLAIMS, OPERATOR_SIGNING, True, True, id="an account by a signing key"),
        pytest.param(ACCOUNT_CLAIMS, STRANGER, False, False, id="an account by another operator"),
        pytest.param(ACCOUNT_CLAIMS, ACCOUNT, False, False, id="an account by itself"),
        pytest.param(operator_claims(), OPERATOR, True, True, id="the operator by its identity"),
        pytest.param(operator_claims(), OPERATOR_SIGNING, True, True, id="the operator by a signing key"),
        pytest.param(operator_claims(), STRANGER, False, False, id="the operator by another one"),
        pytest.param(OperatorClaims(sub=STRANGER.public), OPERATOR, True, False, id="another operator by the identity"),
    ],
)
def test_an_operator_did_sign_what_names_one_of_its_keys(
    claims: Claims, by: KeyPair, plainly: bool, strictly: bool
) -> None:
    found = signed(claims, by)
    assert operator_claims().did_sign(found) is plainly
    assert operator_claims(strict=True).did_sign(found) is strictly


def user_of(account: str) -> UserClaims:
    return UserClaims(sub=USER.public).replace(issuer_account=account)


def activation_of(account: str) -> ActivationClaims:
    return ActivationClaims(sub=ANOTHER.public).replace(subject="a", kind="stream", issuer_account=account)


@pytest.mark.parametrize(
    ("claims", "by", "did"),
    [
        pytest.param(user_of(""), ACCOUNT, True, id="a user by the identity"),
        pytest.param(user_of(ACCOUNT.public), PLAIN, True, id="a user by a signing key"),
        pytest.param(user_of(ACCOUNT.public), ROLE, True, id="a user by a role"),
        pytest.param(user_of(""), PLAIN, False, id="a user by a signing key in nobody's name"),
        pytest.param(user_of(ANOTHER.public), PLAIN, False, id="a user by a signing key in another's name"),
        pytest.param(user_of(ACCOUNT.public), ANOTHER, False, id="a user by another account in this one's name"),
        pytest.param(activation_of(""), ACCOUNT, True, id="an activation by the identity"),
        pytest.param(activation_of(ACCOUNT.public), PLAIN, True, id="an activation by a signing key"),
        pytest.param(activation_of(ACCOUNT.public), ANOTHER, False, id="an activation by another account"),
        pytest.param(ACCOUNT_CLAIMS, ACCOUNT, True, id="the account by itself"),
        pytest.param(ACCOUNT_CLAIMS, OPERATOR, False, id="the account by its operator"),
        pytest.param(
            AuthorizationResponseClaims(sub=USER.public).replace(issuer_account=ACCOUNT.public),
            PLAIN,
            False,
            id="a callout's answer by a signing key, as the reference has it",
        ),
    ],
)
def test_an_account_did_sign_what_names_one_of_its_keys(claims: Claims, by: KeyPair, did: bool) -> None:
    assert ACCOUNT_CLAIMS.did_sign(signed(claims, by)) is did


@pytest.mark.parametrize("vouching", [OperatorClaims(), AccountClaims()], ids=["operator", "account"])
def test_unsigned_claims_are_signed_by_nobody(vouching: OperatorClaims | AccountClaims) -> None:
    assert not vouching.did_sign(UserClaims())


@pytest.mark.parametrize(
    ("limits", "enabled"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"mem_storage": -1}, True, id="memory"),
        pytest.param({"disk_storage": 1}, True, id="disk"),
        pytest.param({"streams": -1, "consumer": -1}, False, id="streams without storage"),
        pytest.param({"tiered_limits": {"R1": {"streams": 3}, "R3": {"disk_storage": 1}}}, True, id="a tier"),
        pytest.param({"tiered_limits": {"R1": {"streams": 3}}}, False, id="a tier without storage"),
        pytest.param({"mem_storage": 1, "tiered_limits": {"R1": {}}}, False, id="flat members beside tiers"),
    ],
)
def test_jetstream_is_enabled_where_there_is_storage(limits: dict[str, object], enabled: bool) -> None:
    assert AccountClaims().replace(limits=limits).nats.limits.jetstream_enabled is enabled


@pytest.mark.parametrize("vector", KNOWN["jwt_v2"], ids=[vector["name"] for vector in KNOWN["jwt_v2"]])
def test_pretty_tells_every_member_in_the_order_of_the_token(vector: dict[str, Any]) -> None:
    generic = vector["claim_type"] == "generic"
    claims = tokens.parse(vector["token"], GenericClaims).claims if generic else tokens.parse(vector["token"]).claims
    payload = json.loads(vector["payload_json"])
    shown = payload["nats"].get("connect_opts", {})
    shown |= dict.fromkeys({"jwt", "sig", "auth_token", "pass"} & shown.keys(), "...")
    assert claims.pretty() == json.dumps(payload, indent=2)


def test_pretty_is_for_people() -> None:
    text = user_of("").replace(name="ü\x9b", pub={"allow": ["orders.>"]}).pretty()
    assert text.isascii()
    assert '  "name": "\\u00fc\\u009b",\n' in text
    assert '"orders.>"' in text


def test_pretty_keeps_back_what_a_client_showed_in_secret() -> None:
    shown = {"jwt": "hunter1", "sig": "hunter2", "auth_token": "hunter3", "pass_": "hunter4", "user": "bob"}
    claims = AuthorizationRequestClaims(sub=ACCOUNT.public).replace(connect_opts=shown)
    text = claims.pretty()
    assert "hunter" not in text
    assert json.loads(text)["nats"]["connect_opts"] == {
        "jwt": "...",
        "sig": "...",
        "auth_token": "...",
        "user": "bob",
        "pass": "...",
        "protocol": 0,
    }
