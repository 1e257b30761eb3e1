#!/usr/bin/env python3
"""Training speed: dl-worker against PyTorch's DistributedDataParallel, on the same network.

For each model, rounds of A B C: dl-worker processes over the ring (A), torchrun with DDP over Gloo,
or NCCL on GPUs (B; its ranks stay and wait in between), and the same dl-worker processes each for
itself, without an exchange (C); every second round is C B A. All have the same number of processes
and threads, batch, image size, precision, memory format and version of PyTorch. A run's figure is
the median step after the warm-up, told by when rank 0 says that a step is done. A machine's speed
drifts from round to round, so figures are compared within a round, and the result is the median of
the rounds:

  ratio                  images/s of A ÷ those of B
  exposed_communication  (step of A - step of C) ÷ step of A

Prints JSON, and exits with 1 when a figure is below its bound. The images are synthetic ImageNet
(1,000 classes) at the size the JSON states.
"""

import argparse
import json
import os
import pathlib
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
# Batch: of a rank. Exposed: the bound of exposed communication.
MODELS = {
    "resnet50": {"image": 224, "batch": 6, "exposed": 0.10},
    "inception_v1": {"image": 224, "batch": 8, "exposed": 0.10},
    "vgg19": {"image": 112, "batch": 6, "exposed": 0.30},
}
ON_GPU = {"image": 224, "batch": 32}
RATIO = 1.0
RUN_SECONDS = 120


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", required=True, help="path of dl-worker, a release build")
    parser.add_argument("--python", required=True, help="a Python with torch, for the peer")
    parser.add_argument("--model", action="append", choices=MODELS, help="default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5, help="measured steps of a run")
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    parser.add_argument("--image", type=int, help="side in pixels; default: the model's")
    parser.add_argument("--batch", type=int, help="of a rank; default: the model's")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float16"),
                        default="float32")
    parser.add_argument("--channels-last", choices=("true", "false"), default="true")
    return parser.parse_args()


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def job_spec(options, model, case, workers):
    steps = options.warm_up + options.steps
    batch = case["batch"] * workers
    spec = {
        "name": "bench",
        "model": {"name": model, "classes": 1000},
        "data": {"format": "synthetic", "shape": [3, case["image"], case["image"]],
                 "samples": batch * (steps + 1), "validation_samples": workers},
        "train": {"batch_size": batch, "max_steps": steps, "learning_rate": 0.001,
                  "momentum": 0.9, "threads": options.threads, "report_every_steps": 1,
                  "deterministic": False, "precision": options.precision,
                  "channels_last": options.channels_last == "true"},
        "checkpoint": {"every_epochs": 0},
        "strategy": {"name": "ring", "workers": workers},
        "resources": {"cpus": options.threads},
    }
    if options.device == "cuda":
        spec["resources"] = {"gpus": 1}
    return spec


class Workers:
    """dl-worker processes: one gang of `world`, or gangs of one beside each other."""

    def __init__(self, options, model, case, folder):
        self.options, self.model, self.case, self.folder = options, model, case, folder

    def start(self, exchange):
        world = self.options.workers if exchange else 1
        gangs = 1 if exchange else self.options.workers
        return [self.start_rank(gang, rank, world, ports)
                for gang in range(gangs)
                for ports in [free_ports(world + 1)]
                for rank in range(world)]

    def round(self, exchange):
        processes = self.start(exchange)
        try:
            return step_seconds(self.options, processes)
        finally:
            # What comes after the last step (evaluation, saving) is not measured.
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()

    def start_rank(self, gang, rank, world, ports):
        members = [{"role": "worker", "index": i, "rank": i, "node": "n", "host": "127.0.0.1",
                    "port": ports[i], "local_rank": i} for i in range(world)]
        task = {
            "task": f"1.{gang + 1}.1/worker:{rank}", "job_name": "bench",
            "cluster": {"members": members, "master_port": ports[world], "restarts": 0,
                        "max_restarts": 0, "run_id": "1.1"},
            "secret": "bench", "control_socket": "", "resume_checkpoint": "",
            "spec": json.dumps(job_spec(self.options, self.model, self.case, world)),
            "artifact_dir": str(self.folder / f"artifacts-{secrets.token_hex(4)}"),
        }
        path = self.folder / f"task-{secrets.token_hex(4)}.json"
        path.write_text(json.dumps(task))
        environment = {**os.environ, "DL_TASK": str(path)}
        if self.options.device == "cuda":
            environment["CUDA_VISIBLE_DEVICES"] = str(max(gang, rank))
        leads = rank == 0 and gang == 0
        # A session of its own, as torchrun gives its ranks: the kernel shares cores by session.
        return subprocess.Popen([self.options.worker], env=environment, text=True,
                                start_new_session=True, stderr=subprocess.STDOUT,
                                stdout=subprocess.PIPE if leads else subprocess.DEVNULL)


class Ddp:
    """torchrun's ranks, which stay for all rounds of a model and wait for orders in between."""

    def __init__(self, options, model, case, folder):
        self.pipe = folder / "orders"
        os.mkfifo(self.pipe)
        command = [options.python, "-m", "torch.distributed.run", "--standalone",
                   f"--nproc-per-node={options.workers}", str(HERE / "ddp_rank.py"),
                   f"--model={model}", f"--image={case['image']}", f"--batch={case['batch']}",
                   f"--orders={self.pipe}", f"--threads={options.threads}",
                   f"--device={options.device}", f"--precision={options.precision}"]
        if options.channels_last == "true":
            command.append("--channels-last")
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads)}
        self.process = subprocess.Popen(command, env=environment, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if line.startswith("ready"):
                break
        else:
            raise SystemExit("torchrun ended before its first step")
        self.orders = open(self.pipe, "w", buffering=1)

    def round(self, options):
        self.orders.write(f"{options.warm_up + options.steps}\n")
        return step_seconds(options, [self.process])

    def close(self):
        try:
            self.orders.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()


def step_seconds(options, processes):
    """Median step after the warm-up, by the lines that the first process prints."""
    output, times = [], []
    deadline = threading.Timer(RUN_SECONDS, lambda: [process.kill() for process in processes])
    deadline.start()
    for line in processes[0].stdout:
        output.append(line)
        if line.startswith("step ") or ("  step " in line and "  loss " in line):
            times.append(time.monotonic())
        if len(times) == options.warm_up + options.steps:
            break
    deadline.cancel()
    if len(times) < options.warm_up + options.steps:
        raise SystemExit(f"a run ended, or was ended after {RUN_SECONDS} s, before its last step:\n"
                         + "".join(output))
    measured = times[options.warm_up - 1:]
    return statistics.median(b - a for a, b in zip(measured, measured[1:]))


def measure(options, model):
    case = dict(MODELS[model])
    if options.device == "cuda":
        case.update(ON_GPU)
    case["image"] = options.image or case["image"]
    case["batch"] = options.batch or case["batch"]
    rounds = {"ours": [], "ddp": [], "alone": []}
    memory = pathlib.Path("/dev/shm")  # Saved models are not measured: they need no disk.
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        workers = Workers(options, model, case, pathlib.Path(name))
        ddp = Ddp(options, model, case, pathlib.Path(name))
        try:
            runs = {"ours": lambda: workers.round(exchange=True),
                    "ddp": lambda: ddp.round(options),
                    "alone": lambda: workers.round(exchange=False)}
            for i in range(options.rounds):
                for who in list(runs) if i % 2 == 0 else reversed(runs):
                    rounds[who].append(runs[who]())
                print(f"{model} round {i + 1}: " + "  ".join(
                    f"{who} {values[-1]:.3f} s" for who, values in rounds.items()), file=sys.stderr)
        finally:
            ddp.close()
    return summary(options, model, case, rounds)


def summary(options, model, case, rounds):
    seconds = {who: statistics.median(values) for who, values in rounds.items()}
    batch = case["batch"] * options.workers
    ratio = statistics.median(ddp / ours for ddp, ours in zip(rounds["ddp"], rounds["ours"]))
    exposed = statistics.median(1 - alone / ours
                                for alone, ours in zip(rounds["alone"], rounds["ours"]))
    return {
        "model": model, "image": case["image"], "batch_of_a_rank": case["batch"],
        "ours_images_per_second": round(batch / seconds["ours"], 2),
        "peer_images_per_second": round(batch / seconds["ddp"], 2),
        "ratio": round(ratio, 3), "ratio_bound": RATIO,
        "exposed_communication": round(exposed, 3), "exposed_bound": case["exposed"],
        "step_seconds": {who: [round(value, 4) for value in values]
                         for who, values in rounds.items()},
        "passed": ratio >= RATIO and exposed <= case["exposed"],
    }


def main():
    # So that what was started is ended also when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parse()
    load = os.getloadavg()[0]
    torch_version = subprocess.run([options.python, "-c", "import torch; print(torch.__version__)"],
                                   text=True, capture_output=True, check=True).stdout.strip()
    worker_version = subprocess.run([options.worker, "--version"], text=True, capture_output=True,
                                    check=True).stdout.strip()
    results = [measure(options, model) for model in options.model or MODELS]
    passed = all(result["passed"] for result in results)
    print(json.dumps({
        "bench": "training", "peer": "torchrun, DistributedDataParallel",
        "backend": "nccl" if options.device == "cuda" else "gloo", "device": options.device,
        "workers": options.workers, "threads": options.threads, "precision": options.precision,
        "channels_last": options.channels_last == "true", "rounds": options.rounds,
        "versions": {"ours": worker_version, "peer": f"torch {torch_version}"},
        "load_before": round(load, 2), "results": results, "passed": passed}, indent=1))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
