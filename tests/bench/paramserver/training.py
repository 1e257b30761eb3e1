"""images/s of a job over parameter servers, against TensorFlow's ParameterServerStrategy.

Both train LeNet on Fashion-MNIST, asynchronously, a push and a pull for every batch, SGD with momentum
on the server, with the same batch, workers, servers and threads. TensorFlow's processes stay and
wait while a job of ours runs, and ours are gone when it is TensorFlow's turn.
"""

import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "support"))
from cluster import Cluster  # noqa: E402
from reports import reports  # noqa: E402

DATA = "/usr/share/datasets/fashion-mnist"
PARAMETERS = 158_570  # Of LeNet, on both sides.
RATIO = 2.0
REPORT_STEPS = 50


class TensorFlowPeer:
    """Chief, workers and servers, as processes of this machine."""

    def __init__(self, settings):
        self.settings = settings
        base = random.randint(20000, 30000)
        counts = {"chief": 1, "worker": settings.workers, "ps": settings.servers}
        self.cluster = {}
        for job, count in counts.items():
            self.cluster[job] = [f"127.0.0.1:{base + i}" for i in range(count)]
            base += count
        self.processes = []

    def __enter__(self):
        for job in ("ps", "worker", "chief"):
            for index in range(len(self.cluster[job])):
                self.processes.append(self.start(job, index))
        self.chief = self.processes[-1]
        self.expect("ready " + str(PARAMETERS))
        return self

    def start(self, job, index):
        task = {"cluster": self.cluster, "task": {"type": job, "index": index}}
        return subprocess.Popen(
            [str(self.settings.python), str(HERE / "tensorflow_peer.py"), "--data", DATA,
             "--batch", str(self.settings.batch), "--steps", str(self.settings.tensorflow_steps)],
            env={**os.environ, "TF_CONFIG": json.dumps(task)}, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def expect(self, line):
        said = self.chief.stdout.readline().strip()
        if said != line:
            sys.exit(f"paramserver_bench: TensorFlow's chief said \"{said}\", not \"{line}\"")

    def images_per_second(self):
        """Of as many images as a job of ours has."""
        self.chief.stdin.write(f"{self.settings.steps * self.settings.workers}\n")
        self.chief.stdin.flush()
        return json.loads(self.chief.stdout.readline())["images_per_second"]

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def spec(settings):
    return f"""
name: paramserver-training
model: {{name: lenet, classes: 10}}
data: {{format: idx, path: {DATA}}}
train:
  max_steps: {settings.steps}
  epochs: {settings.steps}
  batch_size: {settings.batch * settings.workers}
  learning_rate: 0.01
  momentum: 0.9
  report_every_steps: {REPORT_STEPS}
  threads: 1
strategy: {{name: ps, algorithm: async, frequency: batch, server_optimizer: momentum,
           workers: {settings.workers}, servers: {settings.servers}}}
checkpoint: {{every_epochs: 0}}
"""


def our_images_per_second(settings, cluster):
    """From the first report of the job to its last one: no start-up, no evaluation at the end."""
    job = cluster.submit(spec(settings))
    cluster.run("wait", job)  # Not by asking again and again, on the processors that train.
    ended = cluster.job(job)
    if ended["state"] != "JOB_STATE_SUCCEEDED":
        sys.exit(f"paramserver_bench: our job failed: {ended.get('failure')}")
    said = reports(cluster, job, "train.loss")
    (begin, first), (end, last) = said[0], said[-1]
    return (last - first) * settings.batch * settings.workers / (end - begin)


def measure(settings):
    os.environ.setdefault("DL_BINARY_DIR", str(settings.binaries))
    ours, theirs = [], []
    tasks = settings.workers + settings.servers
    with TensorFlowPeer(settings) as peer, Cluster(agents=1, cpus=tasks) as cluster:
        for _ in range(settings.rounds):
            theirs.append(peer.images_per_second())
            ours.append(our_images_per_second(settings, cluster))
    ratio = statistics.median(ours) / statistics.median(theirs)
    short = [] if ratio >= RATIO else [f"training: {ratio:.2f} x TensorFlow, aim {RATIO}"]
    return {"model": "lenet", "data": "fashion-mnist", "workers": settings.workers,
            "servers": settings.servers, "batch_of_a_worker": settings.batch,
            "steps": settings.steps, "tensorflow_steps_a_call": settings.tensorflow_steps,
            "images_per_second": {"ours": [round(one) for one in ours],
                                  "tensorflow": [round(one) for one in theirs]},
            "median": {"ours": round(statistics.median(ours)),
                       "tensorflow": round(statistics.median(theirs))},
            "ratio": round(ratio, 3)}, short
