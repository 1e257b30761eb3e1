"""The programs that the all-reduce bench compares: each makes a round of measurements when asked."""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
from ranks import Ranks, free_ports  # noqa: E402

# A round that takes longer has hung.
ROUND_TIMEOUT_S = 180


class Ours:
    def __init__(self, program, world, transport, options=(), namespaces=None):
        if namespaces:
            places = [(address, 20000 + rank) for rank, address in enumerate(namespaces.addresses)]
        else:
            places = [("127.0.0.1", port) for port in free_ports(world)]
        peers = ",".join(f"{host}:{port}" for host, port in places)
        commands = [[str(program), "--rank", str(rank), "--peers", peers, "--transport", transport,
                     *options] for rank in range(world)]
        if namespaces:
            commands = [namespaces.inside(rank, command) for rank, command in enumerate(commands)]
        self.ranks = Ranks(commands)

    def round(self, orders, kind="allreduce"):
        return {size: self.ranks.order(kind, size, count) for size, count in orders.items()}

    def close(self):
        self.ranks.close()


class Gloo:
    """torch.distributed's CPU backend over loopback TCP, one thread a rank beside Gloo's own."""

    def __init__(self, python, world):
        port = free_ports(1)[0]
        self.ranks = Ranks([[str(python), str(HERE / "gloo_rank.py"), str(rank), str(world),
                             str(port)] for rank in range(world)])
        self.version = "gloo of torch " + self.ranks.answer()[1]

    def round(self, orders):
        return {size: self.ranks.order("allreduce", size, count) for size, count in orders.items()}

    def close(self):
        self.ranks.close()


class OpenMpi:
    """Started anew for each round: ranks of MPI that wait do so on the processor.

    With more ranks than cores a rank gives way while it waits (mpi_yield_when_idle), as Open MPI's
    FAQ on oversubscription advises; without it world 4 on 2 cores is many times slower.
    """

    BYTE_TRANSFER = {"tcp": ["self,tcp", "--mca", "btl_tcp_if_include", "lo"],
                     "vader": ["self,vader"]}

    def __init__(self, world, transport):
        self.folder = tempfile.TemporaryDirectory(prefix="dl-bench-")
        program = pathlib.Path(self.folder.name) / "openmpi_rank"
        subprocess.run(["mpicc", "-O3", "-march=native", "-o", program, HERE / "openmpi_rank.c"],
                       check=True)
        # No remote shell is looked for, and nothing but loopback is used.
        self.command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none",
                        "--mca", "plm", "isolated", "--mca", "oob_tcp_if_include", "lo",
                        "--mca", "mpi_yield_when_idle", "1", "--mca", "pml", "ob1",
                        "--mca", "btl_base_warn_component_unused", "0",
                        "--mca", "btl", *self.BYTE_TRANSFER[transport],
                        "-np", str(world), str(program)]
        said = subprocess.run(["mpirun", "--version"], capture_output=True, text=True, check=True)
        self.version = f"Open MPI {re.search(r'[0-9][0-9.]+', said.stdout).group()}, btl {transport}"

    def round(self, orders):
        arguments = [str(number) for order in orders.items() for number in order]
        done = subprocess.run([*self.command, *arguments], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=ROUND_TIMEOUT_S)
        lines = [line.split() for line in done.stdout.splitlines()]
        return {int(size): float(seconds) for _, size, seconds in lines}

    def close(self):
        self.folder.cleanup()
