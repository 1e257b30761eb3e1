"""One rank of the training bench over DistributedDataParallel; torchrun starts it.

Rank 0 reads how many steps to take, a number a line, from the pipe --orders until it ends, and
prints "step N" after every step. The ranks wait without work in between. Tuned as PyTorch's guides say: gradients are views of
the buckets, the graph is static, SGD is fused, memory is channels last where the bench says so.
"""

import argparse
import contextlib
import os

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import architectures

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--image", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True, help="of this rank")
    parser.add_argument("--orders", required=True, help="path of a named pipe")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--precision", choices=PRECISIONS, required=True)
    parser.add_argument("--channels-last", action="store_true")
    return parser.parse_args()


def make_replica(options, device):
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    network = architectures.make(options.model).to(device, memory_format=layout)
    ids = [device.index] if device.type == "cuda" else None
    replica = DistributedDataParallel(network, device_ids=ids, gradient_as_bucket_view=True,
                                      static_graph=True)
    images = torch.randn(options.batch, 3, options.image, options.image, device=device)
    labels = torch.randint(1000, (options.batch,), device=device)
    return replica, images.contiguous(memory_format=layout), labels


def orders(options, rank, device):
    """What rank 0 is told, on all ranks."""
    pipe = open(options.orders) if rank == 0 else None
    while True:
        line = pipe.readline() if pipe else ""
        steps = torch.tensor([int(line or 0)], device=device)
        dist.broadcast(steps, 0)
        if steps.item() == 0:
            return
        yield steps.item()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.benchmark = True
    rank = int(os.environ["RANK"])
    device = torch.device("cpu")
    if options.device == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if options.device == "cuda" else "gloo")
    replica, images, labels = make_replica(options, device)
    optimizer = torch.optim.SGD(replica.parameters(), lr=0.001, momentum=0.9, fused=True)
    dtype = PRECISIONS[options.precision]
    scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "float16")
    if rank == 0:
        print(f"ready torch {torch.__version__}", flush=True)
    for steps in orders(options, rank, device):
        for step in range(1, steps + 1):
            cast = torch.autocast(device.type, dtype) if dtype else contextlib.nullcontext()
            with cast:
                loss = torch.nn.functional.cross_entropy(replica(images), labels)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
            loss.item()
            if rank == 0:
                print(f"step {step}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
