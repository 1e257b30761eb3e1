"""One rank of the all-reduce bench over Gloo: takes the orders that rank.cpp takes.

Usage: gloo_rank.py RANK WORLD PORT; with DL_BENCH_HOST the address of rank 0 (else loopback).
"""

import datetime
import os
import statistics
import sys
import time

import torch
import torch.distributed as dist

WARM_UP_CALLS = 3
WARM_UP_S = 0.1


def time_calls(data, count):
    seconds = []
    for _ in range(count):
        data.fill_(1.0)
        dist.barrier()
        begin = time.perf_counter()
        dist.all_reduce(data)
        seconds.append(time.perf_counter() - begin)
        assert data[0].item() == data[-1].item() == dist.get_world_size(), "the sum is wrong"
    return seconds


def slowest(seconds):
    """Of each call, on all ranks."""
    greatest = torch.tensor(seconds, dtype=torch.float64)
    dist.all_reduce(greatest, op=dist.ReduceOp.MAX)
    return greatest.tolist()


def measure(size, count):
    data = torch.ones(size // 4)
    begin, warm = time.perf_counter(), 0
    while warm < WARM_UP_S:
        time_calls(data, WARM_UP_CALLS)
        warm = slowest([time.perf_counter() - begin])[0]
    return statistics.median(slowest(time_calls(data, count)))


def main():
    rank, world, port = (int(argument) for argument in sys.argv[1:4])
    torch.set_num_threads(1)
    host = os.environ.get("DL_BENCH_HOST", "127.0.0.1")
    dist.init_process_group("gloo", init_method=f"tcp://{host}:{port}", rank=rank, world_size=world,
                            timeout=datetime.timedelta(seconds=60))
    if rank == 0:
        print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        kind, size, count = line.split()
        median = measure(int(size), int(count))
        if rank == 0:
            print(kind, size, f"{median:.9f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
