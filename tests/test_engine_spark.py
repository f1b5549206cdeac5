"""A fleet issued on Spark, which computes a partition again when it is asked for again or its worker dies."""

import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

import engine_work
import pytest
from engine_scene import DEVICE, Scene, check, how_to_run, is_running, run_example, signing_service
from engine_work import fail_at_first, issue_each_then_die_once, run_many
from leaks import holds, told

pytest.importorskip("pyspark", reason=f"pyspark {how_to_run('engines')}")

from functools import partial

from pyspark import SparkConf, SparkContext

from natscreds import bulk

if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java 17, which is not installed here", allow_module_level=True)

# Spark leaves the socket to its own Java process to the garbage collector when files are to be encrypted.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

NAMES = [f"truck-{number:03}" for number in range(200)]


@pytest.fixture(scope="module")
def spark() -> Generator[SparkContext, None, None]:
    settings = SparkConf().setMaster("local[2,4]").setAppName("natscreds")  # 2 at once; each partition has 4 tries
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.io.encryption.enabled": "true",
    }.items():
        settings.set(name, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        context = SparkContext(conf=settings)
        try:
            context.setLogLevel("OFF")
            context.addPyFile(engine_work.__file__)
            yield context
        finally:
            context.stop()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def test_partitions_are_mapped_and_computed_again_with_the_same_users(scene: Scene, spark: SparkContext) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    chunks = list(plan)
    rows = spark.parallelize(chunks, len(chunks)).mapPartitions(run_many)
    first, second = rows.collect(), rows.collect()  # nothing is kept between the two
    check(scene, plan.users(first), NAMES)
    assert first == second == [row for chunk in chunks for row in bulk.run(chunk)]


def test_tokens_and_seeds_of_separate_actions_belong_together(scene: Scene, spark: SparkContext) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    rows = spark.parallelize(list(plan), 4).mapPartitions(run_many)
    names, publics = rows.map(lambda row: row[0]).collect(), rows.map(lambda row: row[1]).collect()
    tokens, seeds = rows.map(lambda row: row[2]).collect(), rows.map(lambda row: row[3]).collect()
    check(scene, plan.users(zip(names, publics, tokens, seeds, strict=True)), NAMES)


def test_what_was_kept_and_given_up_comes_back_the_same(scene: Scene, spark: SparkContext) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    rows = spark.parallelize(list(plan), 4).mapPartitions(run_many).persist()
    kept = rows.collect()
    rows.unpersist(blocking=True)
    assert list(rows.toLocalIterator()) == kept
    check(scene, plan.users(kept), NAMES)


def test_two_jobs_with_the_same_names_stay_apart(scene: Scene, spark: SparkContext) -> None:
    plans = [bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16) for _ in range(2)]
    chunks = [chunk for plan in plans for chunk in plan]
    rows = spark.parallelize(chunks, len(chunks)).mapPartitions(run_many).collect()
    for plan, half in zip(plans, (rows[: len(NAMES)], rows[len(NAMES) :]), strict=True):
        check(scene, plan.users(half), NAMES)
    assert len({seed for _, _, _, seed in rows}) == 2 * len(NAMES)


def test_a_worker_killed_in_the_middle_of_a_chunk_loses_and_doubles_nobody(scene: Scene, spark: SparkContext) -> None:
    with signing_service(scene.key, kill_when=2) as service:
        plan = bulk.plan(scene.minting, NAMES, DEVICE, signer=service.signer, chunk_size=16)
        rows = spark.parallelize(list(plan), 4).mapPartitions(run_many).collect()
    check(scene, plan.users(rows), NAMES)
    assert service.killed is not None
    assert not is_running(service.killed)
    assert sum(service.asked.values()) > len(NAMES)  # what the dead worker had signed was signed again


def test_a_chunk_whose_result_was_lost_with_its_worker_gives_the_same_users_again(
    scene: Scene, spark: SparkContext, tmp_path: Path
) -> None:
    plan = bulk.plan(scene.minting, NAMES, DEVICE, chunk_size=16)
    chunks = list(plan)
    work = partial(issue_each_then_die_once, folder=str(tmp_path))
    rows = spark.parallelize(chunks, len(chunks)).mapPartitions(work).collect()
    check(scene, plan.users(rows), NAMES)
    process, index, lost = (tmp_path / "lost").read_text().split(" ", 2)
    assert not is_running(int(process))
    first = 16 * int(index)
    assert repr(rows[first : first + 16]) == lost


def test_a_partition_that_fails_shows_no_seed(scene: Scene, spark: SparkContext) -> None:
    (chunk,) = bulk.plan(scene.minting, NAMES[:5], DEVICE)
    with pytest.raises(Exception, match="nothing becomes") as caught:
        spark.parallelize([chunk], 1).mapPartitions(fail_at_first).collect()
    seen = "".join(told(caught.value))
    assert chunk.job in seen
    for raw in chunk.each_seed:
        assert not holds(seen, repr(raw)[2:-1])
        assert not holds(seen, raw.hex())
    for _, _, _, seed in bulk.run(chunk):
        assert not holds(seen, seed[3:])
    assert not holds(seen, scene.key.seed[3:])


def test_the_example_writes_its_fleet(tmp_path: Path) -> None:
    files = run_example("cluster_spark.py", tmp_path / "creds")
    assert files == [f"truck-{number:04}.creds" for number in range(2_000)]
