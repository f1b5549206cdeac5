"""Kubernetes Secrets: names that a cluster takes and that no two users share, data in base64, nothing else of a job."""

import base64
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import property_profiles  # noqa: F401  # how long properties search
import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_people import TWO_NAMES_ONE_FILE, Someone, rows

from natscreds import Operator, UserTemplate, issue_users
from natscreds.bulk import Users
from natscreds.errors import StorageError
from natscreds.writers import secret_name, write_kubernetes

ACCOUNT = Operator.create("acme").create_account("orders")
TEMPLATE = UserTemplate(publish=["orders.>"], expires_at=4_000_000_000)

# As k8s.io/apimachinery/pkg/util/validation has it.
IS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*").fullmatch


def users(names: Any) -> Users:  # noqa: ANN401
    return issue_users(ACCOUNT, names, TEMPLATE)


def secrets(out: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in (out / "secrets").rglob("*.json")}


# --- what is written


def test_a_secret_holds_the_creds(tmp_path: Path) -> None:
    issued = list(users(["d-1", "a_b"]))
    report = write_kubernetes(
        iter(issued), tmp_path / "out", namespace="prod", labels={"app.example.com/part-of": "orders", "empty": ""}
    )
    assert report.written == 2
    assert secrets(tmp_path / "out") == {
        f"{secret_name(user.name)}.json": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": secret_name(user.name),
                "namespace": "prod",
                "labels": {"app.example.com/part-of": "orders", "empty": ""},
            },
            "type": "Opaque",
            "immutable": True,
            "data": {"user.creds": base64.b64encode(user.creds.text.encode()).decode()},
        }
        for user in issued
    }
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    told = [(row["name"], row["public"], row["file"]) for row in rows(tmp_path / "out" / "manifest.jsonl")]
    assert told == [(user.name, user.public, f"secrets/{secret_name(user.name)}.json") for user in issued]


def test_what_a_tool_is_pointed_at_holds_secrets_only(tmp_path: Path) -> None:
    """`kubectl create -f directory` takes every .json file in it; the job's record is none of a cluster's objects."""
    write_kubernetes(users(["a", "b"]), tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["job.json", "manifest.jsonl", "secrets"]
    assert sorted(os.listdir(tmp_path / "out" / "secrets")) == ["a.json", "b.json"]
    assert {secret["metadata"]["namespace"] for secret in secrets(tmp_path / "out").values()} == {"default"}


def test_the_member_of_data_can_be_named(tmp_path: Path) -> None:
    write_kubernetes(users(["a"]), tmp_path / "out", key="nats.creds")
    assert list(secrets(tmp_path / "out")["a.json"]["data"]) == ["nats.creds"]


@pytest.mark.parametrize("shard", [False, True])
def test_secrets_are_gone_on_with(tmp_path: Path, shard: bool) -> None:
    names = [f"d-{number}" for number in range(50)]
    out = tmp_path / "out"
    write_kubernetes(users(names[:30]), out, shard=shard)
    before = secrets(out)
    files = [out / row["file"] for row in rows(out / "manifest.jsonl")]
    files[3].write_text(files[3].read_text()[:-40])
    other = json.loads(files[5].read_text())
    files[5].write_text(json.dumps({**other, "data": {"user.creds": "AAAA"}}))
    files[7].write_text(files[7].read_text().replace('"default"', '"other"'))
    files[9].unlink()
    report = write_kubernetes(users(names), out, resume=True)
    assert (report.written, report.kept, report.replaced) == (21, 26, 3)
    after = secrets(out)
    assert {name for name in before if before[name] != after[name]} == {f"d-{at}.json" for at in (3, 5, 7, 9)}
    assert sorted(row["name"] for row in rows(out / "manifest.jsonl")) == sorted(names)
    for name, secret in after.items():
        assert secret["metadata"]["name"] + ".json" == name


def test_another_users_secret_is_never_written_over(tmp_path: Path) -> None:
    write_kubernetes(users(["a", "b"]), tmp_path / "out")
    where = tmp_path / "out" / "secrets"
    (where / "c.json").write_text((where / "a.json").read_text())
    with pytest.raises(StorageError, match=r"'c' goes to 'secrets/c\.json', which holds one"):
        write_kubernetes(users(["a", "b", "c"]), tmp_path / "out", resume=True)


def test_two_names_for_one_secret_are_refused(tmp_path: Path) -> None:
    first, second = TWO_NAMES_ONE_FILE
    assert secret_name(first) == secret_name(second) == "26df3ab185fbe76b"
    with pytest.raises(StorageError, match="a file holds one user"):
        write_kubernetes(users([first, second]), tmp_path / "out")


def test_a_secret_that_a_cluster_would_refuse_for_its_size_is_not_written(tmp_path: Path) -> None:
    people = [Someone("a"), Someone("b", "x" * (1 << 20))]
    with pytest.raises(StorageError, match="a Secret holds at most 1048576 bytes, that of 'b' would hold"):
        write_kubernetes(people, tmp_path / "out")
    assert list(secrets(tmp_path / "out")) == ["a.json"]


# --- what a cluster would refuse


@pytest.mark.parametrize("namespace", ["", "Prod", "a.b", "a_b", "-a", "a-", "a" * 64, "a\n", "a b", "é", None, 1])
def test_a_namespace_is_a_label(tmp_path: Path, namespace: Any) -> None:  # noqa: ANN401
    with pytest.raises(StorageError, match="a namespace is an RFC 1123 label"):
        write_kubernetes(users(["a"]), tmp_path / "out", namespace=namespace)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("key", ["", ".", "..", "..a", "a/b", "a b", "a" * 254, "a\n"])
def test_a_key_is_a_file_name(tmp_path: Path, key: str) -> None:
    with pytest.raises(StorageError, match="a key of a Secret"):
        write_kubernetes(users(["a"]), tmp_path / "out", key=key)


@pytest.mark.parametrize(
    "labels",
    [
        {"": "a"},
        {"a b": "c"},
        {"-a": "c"},
        {"a": "b c"},
        {"a": "-b"},
        {"a": "b" * 64},
        {"a" * 64: "b"},
        {"/a": "b"},
        {"A/a": "b"},
        {"a/b/c": "d"},
        {"a": "b\n"},
    ],
)
def test_labels_are_what_a_cluster_takes(tmp_path: Path, labels: dict[str, str]) -> None:
    with pytest.raises(StorageError, match="label"):
        write_kubernetes(users(["a"]), tmp_path / "out", labels=labels)


def test_labels_are_a_mapping(tmp_path: Path) -> None:
    for labels in ("app=x", b"app=x"):
        with pytest.raises(TypeError, match="labels takes several"):
            write_kubernetes(users(["a"]), tmp_path / "out", labels=labels)  # type: ignore[arg-type]


# --- names


@pytest.mark.parametrize("name", ["a", "device-17", "a.b", "a.b-c.d", "0", "x" * 100, "a-0123456789abcde"])
def test_a_name_that_a_cluster_takes_is_used_as_it_is(name: str) -> None:
    assert secret_name(name) == name


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("a_b", "a-b"),
        ("A-b", "b"),
        ("a--b_", "a-b"),
        ("a.-b", "a-b"),
        ("a-.b", "a-b"),
        ("con", "con"),
        ("a-0123456789abcdef", "a-0123456789abcdef"),
        ("0123456789abcdef", "0123456789abcdef"),
        ("é", ""),
        ("", ""),
        ("a" * 101, "a" * 60),
        ("x" * 59 + "_y" * 40, "x" * 59),
    ],
)
def test_any_other_name_becomes_its_letters_and_a_digest(name: str, rest: str) -> None:
    assert re.fullmatch(rf"{rest}-[0-9a-f]{{16}}" if rest else "[0-9a-f]{16}", secret_name(name))


NEAR = st.text("aB01_-.~é/ ", max_size=12) | st.text(max_size=40)


@given(st.sets(NEAR, max_size=40))
def test_no_two_names_share_a_secret_and_every_name_is_a_subdomain(names: set[str]) -> None:
    found = {secret_name(name) for name in names}
    assert len(found) == len(names)
    assert all(IS_SUBDOMAIN(name) and len(name) <= 253 for name in found)


@given(NEAR)
def test_a_secrets_name_is_never_another_users_name(name: str) -> None:
    """Whoever calls a user like the Secret of another one gets a Secret of its own."""
    mapped = secret_name(name)
    if mapped != name:
        assert secret_name(mapped) != mapped
