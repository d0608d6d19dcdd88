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
