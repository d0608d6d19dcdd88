"""Countersign itself: checks of every kind, many rules, many issuers, memory and the start."""

import json
import re
import subprocess
import time
import urllib.request

from suite.issuer import ISSUER
from suite.processes import Server, free_port, on_core

# What the load's options make of one kind of check.
KINDS = {
    "no token": ["--anonymous", 1], "repeated": ["--tokens", 100], # More than a worker's cache holds; signing them takes longer than checking them.
    "distinct": ["--tokens", 25_000],
    "broken": ["--tokens", 100, "--bad", 1],
}


class Service:
    def __init__(self, binaries, issuer, folder, seconds):
        self.binaries = binaries
        self.issuer = issuer
        self.folder = folder
        self.seconds = seconds
        self.loads = 0

    def start(self, policies):
        grpc, admin = free_port(), free_port()
        server = Server(
            [self.binaries / "countersign", "serve", "--policies", policies, "--workload",
             "istio-system/app=istio-ingressgateway", "--grpc", f"127.0.0.1:{grpc}", "--admin", f"127.0.0.1:{admin}",
             "--threads", 1], grpc, self.folder / "countersign.log")
        server.admin = admin
        while True:
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1).status == 200:
                    break
            except OSError:
                pass
            if time.monotonic() - server.started > 60:
                server.stop()
                raise RuntimeError("countersign does not become ready")
            time.sleep(0.0005)
        server.ready_milliseconds = (time.monotonic() - server.started) * 1000
        server.require_own(admin)
        return server

    def floor(self):
        port = free_port()
        return Server([self.binaries / "transport-floor", f"127.0.0.1:{port}"], port, self.folder / "floor.log")

    def load(self, server, kind, algorithm, seconds=None, more=()):
        """Server CPU microseconds a check, under 4 connections of 16 streams."""
        report = self.folder / "load.json"
        self.loads += 1
        command = [self.binaries / "countersign-load", f"127.0.0.1:{server.port}", "--key", self.issuer.keys[algorithm],
                   "--issuer", ISSUER, "--connections", 4, "--streams", 16, "--duration", seconds or self.seconds,
                   "--seed", self.loads, *KINDS[kind], *more, "--json", report]
        before = server.cpu_seconds()
        subprocess.run(on_core(1, command), check=True, stdout=subprocess.DEVNULL)
        used = server.cpu_seconds() - before
        told = json.loads(report.read_text())
        counts = told.get("honest") or {"sent": 0, "allowed": 0}
        if kind in ("repeated", "distinct") and counts["allowed"] != counts["sent"]:
            raise RuntimeError(f"{kind} {algorithm}: not every check was allowed: {counts}")
        return used / told["checks"] * 1e6


def signatures(binaries, runs):
    """Microseconds of each algorithm here and by libcrypto, medians of `runs`."""
    text = subprocess.check_output([binaries / "signature-differential", "--measure", str(runs)], text=True)
    rows = re.findall(r"^(\w+) +([\d.]+) +([\d.]+) +([\d.]+)$", text, re.M)
    return [{"algorithm": name, "here": float(here), "libcrypto": float(other), "times": float(times)}
            for name, here, other, times in rows]
