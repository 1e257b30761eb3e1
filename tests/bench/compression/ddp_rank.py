"""One rank of DistributedDataParallel over Gloo with one of PyTorch's own communication hooks.

Usage: ddp_rank.py RANK WORLD HOST PORT HOOK, where HOOK is none, fp16 or power_sgd. Takes a line
"HOOK COUNT" and answers on rank 0 as rank.cpp does. The model's parameters are those of ResNet-18
and its backward pass only fills gradients, so a step is little but their exchange.
"""

import datetime
import statistics
import sys
import time

import torch
import torch.distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
from torch.nn.parallel import DistributedDataParallel


def resnet18():
    def convolution(out, into, side):
        return [(out, into, side, side), (out,), (out,)]

    shapes = convolution(64, 3, 7)
    into = 64
    for out in (64, 128, 256, 512):
        for block in range(2):
            shapes += convolution(out, into if block == 0 else out, 3)
            shapes += convolution(out, out, 3)
            if block == 0 and into != out:
                shapes += convolution(out, into, 1)
        into = out
    return shapes + [(1000, 512), (1000,)]


class Gradients(torch.nn.Module):
    """A backward pass gives parameter p the gradient `values[p]`."""

    def __init__(self):
        super().__init__()
        self.parts = torch.nn.ParameterList([torch.zeros(shape) for shape in resnet18()])
        self.values = [torch.randn(shape) * 0.01 for shape in resnet18()]

    def forward(self):
        return sum((part * value).sum() for part, value in zip(self.parts, self.values))


def register(model, hook):
    if hook == "fp16":
        model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    elif hook == "power_sgd":
        # Compressing from the third step on is as early as the hook allows.
        state = powerSGD_hook.PowerSGDState(process_group=None, matrix_approximation_rank=2,
                                            start_powerSGD_iter=2)
        model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)


def main():
    rank, world, host, port, hook = sys.argv[1:]
    torch.set_num_threads(1)
    torch.manual_seed(int(rank))
    dist.init_process_group("gloo", init_method=f"tcp://{host}:{port}", rank=int(rank),
                            world_size=int(world), timeout=datetime.timedelta(seconds=120))
    model = DistributedDataParallel(Gradients(), gradient_as_bucket_view=True)
    register(model, hook)
    if rank == "0":
        print("ready", torch.__version__, flush=True)
    warm_up = 4
    for line in sys.stdin:
        seconds = []
        for i in range(-warm_up, int(line.split()[1])):
            model.zero_grad(set_to_none=False)
            loss = model()
            dist.barrier()
            begin = time.perf_counter()
            loss.backward()
            if i >= 0:
                seconds.append(time.perf_counter() - begin)
        warm_up = 1
        if rank == "0":
            print(hook, 0, f"{statistics.median(seconds):.9f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
