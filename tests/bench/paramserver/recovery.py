"""Seconds from the kill -9 of a parameter server until the workers of its job take steps again.

The job is configs/jobs/strategies.yaml with the restart's default backoff. The gang fails as a
whole, is started again, and goes on with what the servers had acknowledged.
"""

import os
import pathlib
import signal
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from cluster import Cluster, wait_until  # noqa: E402
from reports import reports  # noqa: E402

JOB = "configs/jobs/strategies.yaml"
ALGORITHMS = ("sync", "downpour")
SECONDS = 2.0


def went_on(cluster, job, killed):
    """When the first step after the kill was reported: the one after the longest silence."""
    times = [time for time, _ in reports(cluster, job, "train.loss")]
    after = [i for i in range(1, len(times)) if times[i] > killed]
    return times[max(after, key=lambda i: times[i] - times[i - 1])]


def recover(cluster, algorithm):
    job = cluster.submit(
        JOB, f"strategy={{name: ps, algorithm: {algorithm}, workers: 2, servers: 2}}",
        "train.epochs=100000", "train.max_steps=100000", "train.report_every_steps=5",
        "data.samples=64000", "checkpoint.every_epochs=0")
    cluster.wait_for_step(job, 200)
    victim = next(task for task in cluster.tasks(job) if task["role"] == "ps" and task["index"] == 1)
    killed = time.time()
    os.kill(victim["pid"], signal.SIGKILL)
    wait_until(lambda: cluster.job(job)["trials"][0]["attempts"] == 2, 30, "no second attempt")
    before = int(cluster.job(job)["trials"][0]["progress"]["step"])
    cluster.wait_for_step(job, before + 50, 60)
    seconds = went_on(cluster, job, killed) - killed
    cluster.run("cancel", "--kill", job)
    cluster.wait(job, 30)
    return seconds


def measure(settings):
    os.environ.setdefault("DL_BINARY_DIR", str(settings.binaries))
    rows, short = [], []
    with Cluster(agents=1, cpus=4) as cluster:
        for algorithm in ALGORITHMS:
            seconds = [recover(cluster, algorithm) for _ in range(settings.rounds)]
            median = statistics.median(seconds)
            rows.append({"algorithm": algorithm, "seconds": [round(one, 3) for one in seconds],
                         "median": round(median, 3)})
            if median > SECONDS:
                short.append(f"recovery, {algorithm}: {median:.2f} s, aim {SECONDS}")
    return {"job": JOB, "workers": 2, "servers": 2, "rows": rows}, short
