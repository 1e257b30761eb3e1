"""Network namespaces that stand for hosts: each has a link of its own, capped, into one bridge."""

import os
import subprocess


def run(*command):
    subprocess.run(command, check=True)


class Namespaces:
    """`count` namespaces and one more for the bridge, gone at the end of a `with`.

    A token bucket filter caps what each sends at `rate`, in bits a second on the wire, headers
    included. Its bucket holds some of the kernel's offloaded segments of 64 KiB, so that a late timer
    costs nothing; a transfer may have one bucket full beyond the rate.
    """

    BUCKET_BYTES = 256 << 10

    def __init__(self, count, rate_bps, mtu):
        self.names = [f"dl-bench-{os.getpid()}-{i}" for i in range(count)]
        self.bridge = f"dl-bench-{os.getpid()}-bridge"
        self.addresses = [f"10.77.0.{i + 1}" for i in range(count)]
        self.rate_bps = rate_bps
        self.mtu = mtu

    def inside(self, index, command):
        return ["ip", "netns", "exec", self.names[index], *command]

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self):
        run("ip", "netns", "add", self.bridge)
        in_bridge = ("ip", "-n", self.bridge)
        run(*in_bridge, "link", "add", "bridge", "type", "bridge")
        run(*in_bridge, "link", "set", "bridge", "mtu", str(self.mtu), "up")
        for index, name in enumerate(self.names):
            run("ip", "netns", "add", name)
            port = f"port{index}"
            run("ip", "link", "add", "name", "eth0", "netns", name, "mtu", str(self.mtu), "type",
                "veth", "peer", "name", port, "netns", self.bridge, "mtu", str(self.mtu))
            run(*in_bridge, "link", "set", port, "master", "bridge", "up")
            run("ip", "-n", name, "address", "add", self.addresses[index] + "/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("tc", "-n", name, "qdisc", "add", "dev", "eth0", "root", "tbf",
                "rate", f"{self.rate_bps}bit", "burst", str(self.BUCKET_BYTES), "latency", "50ms")

    def __exit__(self, *_):
        for name in [*self.names, self.bridge]:
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)
