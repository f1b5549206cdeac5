"""A fleet issued on Ray: a real one of two processes, one of which dies now and then."""

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from engine_scene import DEVICE, Scene, check, example, how_to_run, is_running, run_example, signing_service
from engine_work import fail, issue_then_die_once
from leaks import holds, told

pytest.importorskip("ray", reason=f"ray {how_to_run('engines')}")

# No copy of this directory for the workers, no word to the makers, no token in the home directory.
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_AUTH_MODE"] = "disabled"

import ray
from ray.util.multiprocessing import Pool

from natscreds import bulk, issue_users

NAMES = [f"truck-{number:03}" for number in range(200)]
RayExecutor = example("cluster_ray").RayExecutor


@pytest.fixture(scope="module", autouse=True)
def session() -> Generator[Path, None, None]:
    """Run Ray, and tell where it keeps its logs."""
    with (
        tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as scratch,  # sockets want short paths
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))  # workers import engine_work by name
        context = ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
            object_store_memory=100 * 2**20,
            _temp_dir=scratch,
        )
        try:
            yield Path(context.address_info["session_dir"])
        finally:
            ray.shutdown()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def test_chunks_are_remote_calls_and_give_the_users_they_give_here(scene: Scene) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    chunks = list(plan)
    run = ray.remote(bulk.run)
    rows = [row for rows in ray.get([run.remote(chunk) for chunk in chunks]) for row in rows]
    check(scene, plan.users(rows), NAMES)
    assert rows == [row for chunk in chunks for row in bulk.run(chunk)]


def test_chunks_are_mapped_by_a_pool(scene: Scene) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    with Pool(2) as pool:
        rows = [row for rows in pool.imap(bulk.run, plan) for row in rows]
    check(scene, plan.users(rows), NAMES)


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as they are done"])
def test_users_are_issued_by_an_executor_of_four_lines(scene: Scene, ordered: bool) -> None:
    users = list(
        issue_users(scene.minting, NAMES, DEVICE, executor=RayExecutor(), chunk_size=16, in_flight=4, ordered=ordered)
    )
    check(scene, users if ordered else sorted(users, key=lambda user: user.name), NAMES)


def test_two_jobs_with_the_same_names_stay_apart(scene: Scene) -> None:
    executor = RayExecutor()
    one, other = (issue_users(scene.minting, NAMES, DEVICE, executor=executor, chunk_size=16) for _ in range(2))
    pairs = list(zip(one, other, strict=True))  # both at once
    check(scene, [first for first, _ in pairs], NAMES)
    check(scene, [second for _, second in pairs], NAMES)
    assert len({user.seed for pair in pairs for user in pair}) == 2 * len(NAMES)


def test_a_worker_killed_in_the_middle_of_a_chunk_loses_and_doubles_nobody(scene: Scene) -> None:
    with signing_service(scene.key, kill_when=2) as service:
        users = issue_users(scene.minting, NAMES, DEVICE, signer=service.signer, executor=RayExecutor(), chunk_size=16)
        check(scene, list(users), NAMES)
    assert service.killed is not None
    assert not is_running(service.killed)
    assert sum(service.asked.values()) > len(NAMES)  # what the dead worker had signed was signed again


def test_a_chunk_whose_result_was_lost_with_its_worker_gives_the_same_users_again(scene: Scene, tmp_path: Path) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    run = ray.remote(issue_then_die_once)
    answers = ray.get([run.remote(chunk, str(tmp_path)) for chunk in plan])
    check(scene, plan.users(row for rows in answers for row in rows), NAMES)
    process, index, lost = (tmp_path / "lost").read_text().split(" ", 2)
    assert not is_running(int(process))
    assert repr(answers[int(index)]) == lost


def test_a_call_that_fails_shows_no_seed_in_any_log(scene: Scene, session: Path) -> None:
    (chunk,) = bulk.plan(scene.minting, NAMES[:5], DEVICE)
    with pytest.raises(ValueError, match="nothing becomes") as caught:
        ray.get(ray.remote(fail).remote(chunk))
    logs = [path.read_text(errors="replace") for path in (session / "logs").rglob("*") if path.is_file()]
    assert any(logs)
    seen = "".join([*logs, *told(caught.value)])
    assert chunk.job in seen
    for raw in chunk.each_seed:
        assert not holds(seen, repr(raw)[2:-1])
        assert not holds(seen, raw.hex())
    for _, _, _, seed in bulk.run(chunk):
        assert not holds(seen, seed[3:])
    assert not holds(seen, scene.key.seed[3:])


def test_workers_sign_by_a_service_that_keeps_the_key(scene: Scene) -> None:
    with signing_service(scene.key) as service:
        plan = bulk.plan(scene.minting, NAMES, DEVICE, signer=service.signer, chunk_size=16)
        run = ray.remote(bulk.run)
        rows = [row for rows in ray.get([run.remote(chunk) for chunk in plan]) for row in rows]
    check(scene, plan.users(rows), NAMES)
    assert sum(service.asked.values()) == len(NAMES)
    assert os.getpid() not in service.asked


def test_the_example_writes_its_fleet(tmp_path: Path) -> None:
    files = run_example("cluster_ray.py", tmp_path / "creds")
    assert files == [f"truck-{number:04}.creds" for number in range(2_000)]
