"""Processes under test: started on one core, asked for their CPU time, and ended, whatever happens."""

import os
import shutil
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
PINNED = os.cpu_count() >= 2 and shutil.which("taskset") is not None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(pid, port):
    """Whether this process, and no other one, takes connections to 127.0.0.1:port: a port that was free a moment ago may
    be another server's by now, and its answers would be measured."""
    local = ("0100007F", "00000000", "0" * 32, "0000000000000000FFFF00000100007F")
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            for line in open(table).readlines()[1:]:
                fields = line.split()
                address, number = fields[1].split(":")
                if fields[3] == "0A" and int(number, 16) == port and address in local:
                    inodes.add(fields[9])
    held = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            held.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    return bool(inodes) and all(f"socket:[{inode}]" in held for inode in inodes)


def on_core(core, command):
    return (["taskset", "-c", str(core)] if PINNED else []) + [str(part) for part in command]


class Server:
    """One server on core 0, ready when its port takes connections."""

    def __init__(self, command, port, log, environment=None):
        self.port = port
        self.log = log
        with open(log, "wb") as output:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                on_core(0, command), stdout=output, stderr=output, env={**os.environ, **(environment or {})})
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended: {open(log, errors='replace').read()[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() - self.started > 60:
                    self.stop()
                    raise RuntimeError(f"{command[0]} does not listen on {port}")
                time.sleep(0.0005)
        self.ready_milliseconds = (time.monotonic() - self.started) * 1000
        self.require_own(port)

    def require_own(self, port):
        """Ends the run if another process listens on `port`."""
        if self.process.poll() is None and listens(self.pid, port):
            return
        self.stop()
        raise RuntimeError(f"port {port} is taken by another process, or the server ended: run it again\n"
                           + open(self.log, errors="replace").read()[-2000:])

    @property
    def pid(self):
        return self.process.pid

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident_megabytes(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
