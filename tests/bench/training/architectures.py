"""The networks of the training bench in Python: the architectures of worker/train/models, for DDP.

Initial values are PyTorch's own; they do not matter for the speed.
"""

import torch
from torch import nn

# Parameters with 1,000 classes: what the networks of both sides must have.
PARAMETERS = {"resnet50": 25_557_032, "inception_v1": 7_005_832, "vgg19": 143_667_240}


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs))

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        x = self.bn3(self.conv3(x))
        return x.add_(around).relu_()


class ResNet50(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        blocks = []
        inputs = 64
        for stage, depth in enumerate((3, 4, 6, 3)):
            width = 64 << stage
            for i in range(depth):
                blocks.append(Bottleneck(inputs, width, 2 if i == 0 and stage > 0 else 1))
                inputs = 4 * width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(2048, classes)

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu_()
        x = torch.max_pool2d(x, 3, 2, 1)
        return self.fc(self.blocks(x).mean((2, 3)))


def conv(inputs, outputs, kernel, stride=1):
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=0.001), nn.ReLU(inplace=True)]


class Inception(nn.Module):
    def __init__(self, inputs, one, three_in, three, five_in, five, pool):
        super().__init__()
        self.one = nn.Sequential(*conv(inputs, one, 1))
        self.three = nn.Sequential(*conv(inputs, three_in, 1), *conv(three_in, three, 3))
        self.five = nn.Sequential(*conv(inputs, five_in, 1), *conv(five_in, five, 5))
        self.pool = nn.Sequential(*conv(inputs, pool, 1))

    def forward(self, x):
        pooled = torch.max_pool2d(x, 3, 1, 1)
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(pooled)], 1)


INCEPTION_BLOCKS = ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), "pool 3",
                    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64),
                    (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
                    (256, 160, 320, 32, 128, 128), "pool 2", (256, 160, 320, 32, 128, 128),
                    (384, 192, 384, 48, 128, 128))


class InceptionV1(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers = [*conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, ceil_mode=True), *conv(64, 64, 1),
                  *conv(64, 192, 3), nn.MaxPool2d(3, 2, ceil_mode=True)]
        inputs = 192
        for block in INCEPTION_BLOCKS:
            if isinstance(block, str):
                layers.append(nn.MaxPool2d(int(block[-1]), 2, ceil_mode=True))
                continue
            layers.append(Inception(inputs, *block))
            inputs = block[0] + block[2] + block[4] + block[5]
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


class Vgg19(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers = []
        inputs = 3
        for width, depth in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
            for _ in range(depth):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(7), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 4096),
            nn.ReLU(inplace=True), nn.Linear(4096, classes))

    def forward(self, x):
        return self.classifier(self.features(x))


NETWORKS = {"resnet50": ResNet50, "inception_v1": InceptionV1, "vgg19": Vgg19}


def make(name, classes=1000):
    network = NETWORKS[name](classes)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert classes != 1000 or count == PARAMETERS[name], f"{name} has {count} parameters"
    return network
