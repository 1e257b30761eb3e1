"""A real cluster of one machine for tests: coordinator, agents, dlctl; each in folders of its own.

    with Cluster(agents=2) as cluster:
        job = cluster.submit("configs/jobs/fashion_mnist_ring.yaml", "train.epochs=1")
        assert cluster.wait(job)["state"] == "JOB_STATE_SUCCEEDED"
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TERMINAL = {"JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """The first true value of condition(); fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s: {what}")


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cluster:
    def __init__(self, agents=2, cpus=1, binaries=None, coordinator_flags=()):
        self.bin = pathlib.Path(binaries or os.environ["DL_BINARY_DIR"])
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="dl-test-"))
        self.address = f"127.0.0.1:{free_port()}"
        self.http = f"127.0.0.1:{free_port()}"
        self.agents = agents
        self.cpus = cpus
        self.coordinator_flags = list(coordinator_flags)
        self.processes = {}

    @property
    def token(self):
        return (self.home / "coordinator" / "token").read_text().strip()

    def environment(self):
        return {**os.environ, "DL_SERVER": self.address, "DL_TOKEN": self.token, "NO_COLOR": "1",
                "XDG_CONFIG_HOME": str(self.home / "config"),
                "XDG_STATE_HOME": str(self.home / "state"),
                "PATH": f"{self.bin}:{os.environ['PATH']}"}

    def spawn(self, name, *command):
        with open(self.home / f"{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True)

    def start_coordinator(self):
        self.spawn("coordinator", self.bin / "dl-coordinatord", "--listen", self.address,
                   "--http-listen", self.http, "--state-dir", self.home / "coordinator",
                   "--artifact-dir", self.home / "artifacts", *self.coordinator_flags)
        wait_until(lambda: (self.home / "coordinator" / "token").exists() and self.is_reachable(),
                   20, f"the coordinator does not answer; {self.home}/coordinator.log")

    def start_agent(self, index):
        self.spawn(f"agent-{index}", self.bin / "dl-agentd", "--coordinator", self.address,
                   "--node", f"node-{index}", "--host", "127.0.0.1", "--state-dir",
                   self.home / f"agent-{index}", "--cpus", self.cpus, "--token-file",
                   self.home / "coordinator" / "token")

    def is_reachable(self):
        return self.run("nodes", check=False).returncode == 0

    def wait_for_nodes(self, count=None):
        count = self.agents if count is None else count
        wait_until(lambda: sum(n["state"] == "ready" for n in self.json("nodes")["items"]) == count,
                   20, f"{count} nodes are not ready")

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def run(self, *arguments, check=True, stdin=None):
        result = subprocess.run([self.bin / "dlctl", *map(str, arguments)], input=stdin, text=True,
                                env=self.environment(), capture_output=True, cwd=ROOT, timeout=900)
        if check and result.returncode != 0:
            raise AssertionError(f"dlctl {' '.join(map(str, arguments))} exited "
                                 f"{result.returncode}:\n{result.stdout}{result.stderr}")
        return result

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json").stdout)

    def rest(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://{self.http}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def submit(self, document, *overrides):
        """The number of the new job. `document` is a path, or the text of a spec."""
        flags = [word for item in overrides for word in ("--set", item)]
        if "\n" in document:
            return self.run("submit", "-q", "-", *flags, stdin=document).stdout.strip()
        return self.run("submit", "-q", document, *flags).stdout.strip()

    def job(self, job):
        return self.json("status", job)

    def wait(self, job, seconds=600):
        wait_until(lambda: self.job(job)["state"] in TERMINAL, seconds, f"job {job} has not ended")
        return self.job(job)

    def tasks(self, job):
        return self.job(job)["trials"][0].get("attempt", {}).get("tasks", [])

    def wait_for_step(self, job, step, seconds=300):
        def reached():
            state = self.job(job)
            assert state["state"] not in TERMINAL, f"job {job} ended early: {state}"
            return int(state["trials"][0].get("progress", {}).get("step", 0)) >= step
        wait_until(reached, seconds, f"job {job} has not reached step {step}")

    def accuracy(self, job):
        return self.job(job)["trials"][0]["metrics"]["validation.accuracy"]

    def __enter__(self):
        (self.home / "coordinator").mkdir()
        self.start_coordinator()
        for index in range(self.agents):
            self.start_agent(index)
        self.wait_for_nodes()
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            for log in sorted(self.home.glob("*.log")):
                print(f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-40:]))
        pids = [t["pid"] for j in self.live_jobs() for t in self.tasks(j)]
        for name in list(self.processes):
            self.processes[name].terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)

    def live_jobs(self):
        if "coordinator" not in self.processes:
            return []
        try:
            jobs = [j["id"] for j in self.json("jobs")["items"] if j["state"] not in TERMINAL]
            for job in jobs:
                self.run("cancel", "--kill", job, check=False)
            wait_until(lambda: all(self.job(j)["state"] in TERMINAL for j in jobs), 20, "jobs stay")
            return []
        except (AssertionError, KeyError, subprocess.TimeoutExpired):
            return []
