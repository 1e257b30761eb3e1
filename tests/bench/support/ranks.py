"""The processes of a gang that a bench starts, and talks to by their standard streams."""

import socket
import subprocess


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Ranks:
    """Processes that stay, one a rank, and take an order a line; rank 0 answers."""

    def __init__(self, commands):
        self.processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, text=True, bufsize=1,
                             stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL)
            for rank, command in enumerate(commands)]

    def answer(self):
        line = self.processes[0].stdout.readline()
        if not line:
            raise RuntimeError(f"{self.processes[0].args[0]} ended; its message is above")
        return line.split()

    def order(self, kind, size, count):
        for process in self.processes:
            process.stdin.write(f"{kind} {size} {count}\n")
        return float(self.answer()[2])

    def close(self):
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
