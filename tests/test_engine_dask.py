"""A fleet issued on Dask: a real cluster of two processes, one of which dies now and then."""

import asyncio
import os
import pickle
from collections.abc import Generator
from pathlib import Path

import pytest
from engine_scene import DEVICE, Scene, check, how_to_run, is_running, run_example, signing_service
from engine_work import broken_signer, fail, issue_then_die_once

pytest.importorskip("distributed", reason=f"distributed {how_to_run('dask')}")

from functools import partial

from distributed import Client, LocalCluster, Scheduler
from leaks import holds, told

from natscreds import bulk, issue_users
from natscreds.errors import WorkerError

NAMES = [f"truck-{number:03}" for number in range(200)]


@pytest.fixture(scope="module")
def cluster() -> Generator[LocalCluster, None, None]:
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, security=True) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Generator[Client, None, None]:
    with Client(cluster) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


# --- users


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they are done"])
def test_users_are_issued_by_the_clients_executor(scene: Scene, client: Client, ordered: bool) -> None:
    told: list[tuple[int, int | None]] = []
    users = issue_users(
        scene.minting,
        NAMES,
        DEVICE,
        executor=client.get_executor(),
        chunk_size=16,
        in_flight=4,
        ordered=ordered,
        on_progress=lambda done, total: told.append((done, total)),
    )
    issued = list(users)
    check(scene, issued if ordered else sorted(issued, key=lambda user: user.name), NAMES)
    assert told[-1] == (200, 200)


def test_chunks_are_mapped_and_give_the_users_they_give_here(scene: Scene, client: Client) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    chunks = list(plan)
    rows = [row for rows in client.gather(client.map(bulk.run, chunks)) for row in rows]
    check(scene, plan.users(rows), NAMES)
    assert rows == [row for chunk in chunks for row in bulk.run(chunk)]


def test_equal_calls_are_merged_and_that_does_no_harm(scene: Scene, client: Client) -> None:
    plan = bulk.plan(scene.minting, NAMES[:40], DEVICE, chunk_size=10)
    chunks = list(plan)
    mapped = client.map(bulk.run, [*chunks, *chunks])
    submitted = [client.submit(bulk.run, chunk) for chunk in [*chunks, *chunks]]
    assert len({future.key for future in mapped}) == len({future.key for future in submitted}) == len(chunks)
    answers = client.gather([*mapped, *submitted])
    assert answers == answers[: len(chunks)] * 4
    check(scene, plan.users(row for rows in answers[: len(chunks)] for row in rows), NAMES[:40])


def test_chunks_of_one_size_are_not_taken_for_equal(scene: Scene, client: Client) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=1)
    assert len({future.key for future in client.map(bulk.run, list(plan))}) == len(NAMES)


def test_two_jobs_with_the_same_names_stay_apart(scene: Scene, client: Client) -> None:
    executor = client.get_executor()
    one, other = (issue_users(scene.minting, NAMES, DEVICE, executor=executor, chunk_size=16) for _ in range(2))
    pairs = list(zip(one, other, strict=True))  # both at once
    check(scene, [first for first, _ in pairs], NAMES)
    check(scene, [second for _, second in pairs], NAMES)
    assert len({user.seed for pair in pairs for user in pair}) == 2 * len(NAMES)


def test_two_jobs_that_derive_the_same_keys_stay_apart(scene: Scene, client: Client) -> None:
    secret = bulk.new_secret()
    one, other = (
        bulk.plan(
            scene.minting, NAMES[:40], DEVICE, chunk_size=10, derive_from=secret, issued_at=scene.fleet.claims.iat
        )
        for _ in range(2)
    )
    first, second = client.map(bulk.run, list(one)), client.map(bulk.run, list(other))
    assert {future.key for future in first}.isdisjoint(future.key for future in second)
    assert client.gather(first) == client.gather(second)  # and yet: the same names, the same keys, the same second


# --- keys that are derived


def test_derived_users_are_the_same_here_and_there(scene: Scene, client: Client) -> None:
    secret, second = bulk.new_secret(), scene.fleet.claims.iat
    here = list(issue_users(scene.minting, NAMES, DEVICE, derive_from=secret, issued_at=second))
    there = issue_users(
        scene.minting,
        NAMES,
        DEVICE,
        derive_from=secret,
        issued_at=second,
        executor=client.get_executor(),
        chunk_size=16,
    )
    issued = list(there)
    check(scene, issued, NAMES)
    assert [(user.jwt, user.seed) for user in issued] == [(user.jwt, user.seed) for user in here]


def test_a_raised_generation_changes_that_name_and_no_other(scene: Scene, client: Client) -> None:
    secret = bulk.new_secret()

    def issued(**generations: int) -> dict[str, str]:
        users = list(
            issue_users(
                scene.minting,
                NAMES,
                DEVICE,
                derive_from=secret,
                generations={name.replace("_", "-"): number for name, number in generations.items()},
                executor=client.get_executor(),
                chunk_size=16,
            )
        )
        check(scene, users, NAMES)
        return {user.name: user.seed for user in users}

    before, after = issued(), issued(truck_017=1)
    assert [name for name in NAMES if before[name] != after[name]] == ["truck-017"]


def test_the_secret_of_derived_keys_stays_with_the_driver(scene: Scene) -> None:
    secret = bulk.new_secret()
    for chunk in bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16, derive_from=secret):
        assert secret not in pickle.dumps(chunk)


# --- a key that no worker has


def test_workers_sign_by_a_service_that_keeps_the_key(scene: Scene, client: Client) -> None:
    with signing_service(scene.key) as service:
        users = issue_users(
            scene.minting, NAMES, DEVICE, signer=service.signer, executor=client.get_executor(), chunk_size=16
        )
        check(scene, list(users), NAMES)
        plan = bulk.plan(scene.minting, NAMES, DEVICE, signer=service.signer)
        assert scene.key.seed.encode() not in pickle.dumps(list(plan))
    assert sum(service.asked.values()) == len(NAMES)
    assert len(service.asked) == 2
    assert os.getpid() not in service.asked


# --- a worker dies


def test_a_worker_killed_in_the_middle_of_a_chunk_loses_and_doubles_nobody(scene: Scene, client: Client) -> None:
    with signing_service(scene.key, kill_when=2) as service:
        users = issue_users(
            scene.minting, NAMES, DEVICE, signer=service.signer, executor=client.get_executor(), chunk_size=16
        )
        check(scene, list(users), NAMES)
    assert service.killed is not None
    assert not is_running(service.killed)
    assert sum(service.asked.values()) > len(NAMES)  # what the dead worker had signed was signed again


def test_a_chunk_whose_result_was_lost_with_its_worker_gives_the_same_users_again(
    scene: Scene, client: Client, tmp_path: Path
) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    answers = client.gather(client.map(issue_then_die_once, list(plan), folder=str(tmp_path)))
    check(scene, plan.users(row for rows in answers for row in rows), NAMES)
    process, index, lost = (tmp_path / "lost").read_text().split(" ", 2)
    assert not is_running(int(process))
    assert repr(answers[int(index)]) == lost


# --- what is told of a failure


def logs(client: Client) -> str:
    workers, nannies = client.get_worker_logs(), client.get_worker_logs(nanny=True)
    return repr((workers, nannies, client.get_scheduler_logs()))


def test_a_task_that_fails_shows_no_seed_in_any_log(scene: Scene, client: Client) -> None:
    (chunk,) = bulk.plan(scene.minting, NAMES[:5], DEVICE)
    with pytest.raises(ValueError, match="nothing becomes") as caught:
        client.submit(fail, chunk).result()
    seen = logs(client) + "".join(told(caught.value))
    assert "Compute Failed" in seen
    assert chunk.job in seen
    for raw in chunk.each_seed:
        assert not holds(seen, repr(raw)[2:-1])
        assert not holds(seen, raw.hex())
    for _, _, _, seed in bulk.run(chunk):
        assert not holds(seen, seed[3:])
    assert not holds(seen, scene.key.seed[3:])


def test_a_signer_that_cannot_be_made_ends_the_run_and_says_which_names_were_in_flight(
    scene: Scene, client: Client
) -> None:
    users = issue_users(
        scene.minting,
        NAMES,
        DEVICE,
        signer=partial(broken_signer, scene.key.public, os.getpid()),
        executor=client.get_executor(),
        chunk_size=16,
        in_flight=3,
    )
    with pytest.raises(WorkerError, match="ConnectionRefusedError") as caught:
        next(users)
    assert (caught.value.done, caught.value.lost) == (0, tuple(NAMES[:48]))
    assert "truck" not in str(caught.value)


def test_closing_a_run_leaves_nothing_on_the_cluster(scene: Scene, client: Client) -> None:
    with issue_users(scene.minting, NAMES, DEVICE, executor=client.get_executor(), chunk_size=4) as users:
        next(users)
    client.run_on_scheduler(wait_for_no_tasks)


async def wait_for_no_tasks(dask_scheduler: Scheduler) -> None:
    """Wait until the scheduler knows of no task: results are credentials."""
    async with asyncio.timeout(60):
        while dask_scheduler.tasks:
            await asyncio.sleep(0.01)


def test_the_example_writes_its_fleet(tmp_path: Path) -> None:
    files = run_example("cluster_dask.py", tmp_path / "creds")
    assert files == [f"truck-{number:04}.creds" for number in range(2_000)]
