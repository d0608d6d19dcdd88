"""Who is measured beside: proxies that check tokens themselves, asked by h2load, above what they take without checking;
and other ext_authz servers, asked by countersign-load. Each is there or is left out with a line that says so."""

import json
import shutil
import subprocess

from suite.issuer import ISSUER, ROOT
from suite.processes import Server, free_port, on_core

HEADERS = [
    "user-agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "accept-language: en-US,en;q=0.5",
    "x-forwarded-for: 10.1.2.3", "x-forwarded-proto: http", "x-request-id: 3f0e9e0a-5b0c-4d0e-8f43-0a0b0c0d0e0f",
]


def typed(name, **fields):
    return {"@type": f"type.googleapis.com/envoy.extensions.filters.{name}", **fields}


def envoy_config(port, jwks, cache):
    """jwt_authn and rbac as istiod programs them for the quickstart; `cache` None leaves both out."""
    provider = {"issuer": ISSUER, "local_jwks": {"inline_string": json.dumps(jwks)}, "payload_in_metadata": "payload"}
    if cache:
        provider["jwt_cache_config"] = {"jwt_cache_size": 1000}
    filters = []
    if cache is not None:
        filters.append({"name": "envoy.filters.http.jwt_authn", "typed_config": typed(
            "http.jwt_authn.v3.JwtAuthentication", providers={"issuer": provider},
            rules=[{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
                {"provider_name": "issuer"}, {"allow_missing": {}}]}}}])})
        filters.append({"name": "envoy.filters.http.rbac", "typed_config": typed(
            "http.rbac.v3.RBAC", rules={"action": "DENY", "policies": {"require-token": {
                "permissions": [{"not_rule": {"url_path": {"path": {"exact": "/productpage"}}}}],
                "principals": [{"not_id": {"metadata": {
                    "filter": "envoy.filters.http.jwt_authn", "path": [{"key": "payload"}, {"key": "sub"}],
                    "value": {"string_match": {"safe_regex": {"regex": ".+"}}}}}}]}}})})
    filters.append({"name": "envoy.filters.http.router", "typed_config": typed("http.router.v3.Router")})
    manager = typed(
        "network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="perf", codec_type="HTTP2",
        http_filters=filters, route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "direct_response": {"status": 200}}]}]})
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {"static_resources": {"listeners": [{"name": "perf", "address": address, "filter_chains": [
        {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}]}}


def haproxy_config(port, algorithm, pem):
    check = "" if algorithm is None else f"""
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify("{algorithm}","{pem}") 1 }}"""
    return f"""global
  nbthread 1
defaults
  mode http
  timeout client 30s
  timeout connect 1s
  timeout server 1s
frontend perf
  bind 127.0.0.1:{port} proto h2{check}
  http-request return status 200
"""


class Proxies:
    """CPU microseconds a request of proxies that check in process."""

    def __init__(self, issuer, folder, requests):
        self.issuer = issuer
        self.folder = folder
        self.requests = requests

    def missing(self):
        gone = []
        if shutil.which("h2load") is None:
            gone += ["Envoy and HAProxy: no h2load (Debian: nghttp2-client)"]
        if not (ROOT / ".venv/bin/envoy").exists():
            gone += ["Envoy: not in .venv (deploy/install-envoy)"]
        if shutil.which("haproxy") is None:
            gone += ["HAProxy: not there (Debian: haproxy)"]
        return gone

    def cases(self):
        """(name, algorithm, how the server is started)"""
        if shutil.which("h2load") is None:
            return
        if (ROOT / ".venv/bin/envoy").exists():
            yield "Envoy, no filter", "RS256", lambda: self.envoy(None)
            for algorithm in ("RS256", "ES256"):
                yield "Envoy jwt_authn and rbac", algorithm, lambda: self.envoy(False)
                yield "Envoy jwt_authn and rbac, its cache on", algorithm, lambda: self.envoy(True)
        if shutil.which("haproxy"):
            yield "HAProxy, no check", "RS256", lambda: self.haproxy(None)
            for algorithm in ("RS256", "ES256"):
                yield "HAProxy jwt_verify", algorithm, lambda algorithm=algorithm: self.haproxy(algorithm)

    def envoy(self, cache):
        port = free_port()
        path = self.folder / "envoy.json"
        path.write_text(json.dumps(envoy_config(port, self.issuer.jwks, cache)))
        return Server([ROOT / ".venv/bin/envoy", "-c", path, "--concurrency", "1", "--log-level", "error",
                       "--disable-hot-restart"], port, self.folder / "envoy.log")

    def haproxy(self, algorithm):
        port = free_port()
        path = self.folder / "haproxy.cfg"
        path.write_text(haproxy_config(port, algorithm, algorithm and self.issuer.pem(algorithm)))
        return Server(["haproxy", "-db", "-f", path], port, self.folder / "haproxy.log")

    def measure(self, start, token):
        headers = [part for header in HEADERS + [f"authorization: Bearer {token}"] for part in ("-H", header)]

        def load(count):
            text = subprocess.run(
                on_core(1, ["h2load", "-n", count, "-c", 4, "-m", 16, *headers,
                            f"http://127.0.0.1:{server.port}/api/v1/products/0"]),
                check=True, capture_output=True, text=True).stdout
            if f"status codes: {count} 2xx" not in text:
                raise RuntimeError(f"not every request passed:\n{text}")

        with start() as server:
            load(2000)
            before = server.cpu_seconds()
            load(self.requests)
            return (server.cpu_seconds() - before) / self.requests * 1e6


class GRPCSwift:
    """The server of perf/peers/grpc-swift."""

    name = "grpc-swift-2 and jwt-kit"
    package = ROOT / "perf/peers/grpc-swift"

    @classmethod
    def build(cls):
        subprocess.run(["swift", "build", "-c", "release", "--package-path", cls.package], check=True)

    @classmethod
    def start(cls, issuer, folder):
        port = free_port()
        # It ends on a shared secret in the set.
        keys = [key for key in issuer.jwks["keys"] if key["kty"] in ("RSA", "EC")]
        jwks = folder / "peer-jwks.json"
        jwks.write_text(json.dumps({"keys": keys}))
        return Server([cls.package / ".build/release/grpc-swift-peer", port, jwks, ISSUER], port,
                      folder / "grpc-swift.log", {"NIO_SINGLETON_GROUP_LOOP_COUNT": "1"})
