"""Makes fashion_mnist_runs.csv, the tabular objective: every setting of a small network, trained.

    make_table.py /usr/share/datasets/fashion-mnist > fashion_mnist_runs.csv

784-width-10 with ReLU, 2,000 training images, three epochs, cross-entropy; the error is the share of
2,000 other images that the network gets wrong, the mean over the last two epochs. One seed a setting.
"""

import gzip
import itertools
import pathlib
import sys

import numpy
import torch

import objectives

SAMPLES = 2000
EPOCHS = 3


def read_idx(folder, name):
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            data = (gzip.open if path.suffix == ".gz" else open)(path, "rb").read()
            dimensions = data[3]
            shape = [int.from_bytes(data[4 + 4 * i:8 + 4 * i], "big") for i in range(dimensions)]
            return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape)
    sys.exit(f"{folder} has no {name}: install dataset-fashion-mnist, or name its folder")


def train(images, labels, held_out, held_out_labels, setting, seed):
    rate, batch, width, optimizer_name, decay = setting
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(784, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
    if optimizer_name == "adam":
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate / 10, weight_decay=decay)
    else:
        momentum = .9 if optimizer_name == "momentum" else 0
        optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum, weight_decay=decay)
    errors = []
    for _ in range(EPOCHS):
        for part in torch.randperm(SAMPLES).split(batch):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
            optimizer.step()
        with torch.no_grad():
            wrong = model(held_out).argmax(1) != held_out_labels
        errors.append(wrong.double().mean().item())
    return sum(errors[-2:]) / 2


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(sys.argv[1])
    pixels = torch.tensor(read_idx(folder, "train-images-idx3-ubyte").reshape(-1, 784)) / 255.
    answers = torch.tensor(read_idx(folder, "train-labels-idx1-ubyte")).long()
    data = (pixels[:SAMPLES], answers[:SAMPLES], pixels[SAMPLES:2 * SAMPLES], answers[SAMPLES:2 * SAMPLES])
    print("# Written by make_table.py.")
    print("learning_rate,batch_size,width,optimizer,weight_decay,error")
    settings = itertools.product(objectives.LEARNING_RATES, objectives.BATCH_SIZES, objectives.WIDTHS,
                                 objectives.OPTIMIZERS, objectives.WEIGHT_DECAYS)
    for seed, setting in enumerate(settings):
        print(*setting, f"{train(*data, setting, seed):.5f}", sep=",", flush=True)


if __name__ == "__main__":
    main()
