"""Development keys and tokens by countersign itself, policies of any number of rules and issuers, and keys as PEM for
peers that know no JWK."""

import base64
import json
import pathlib
import subprocess

ISSUER = "quickstart@countersign.example"
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Issuer:
    def __init__(self, countersign, folder, algorithms):
        self.countersign = countersign
        self.folder = pathlib.Path(folder)
        self.keys = {name: self.make_key(name, f"perf-{name}") for name in algorithms}
        self.jwks = {"keys": [self.public(path) for path in self.keys.values()]}

    def make_key(self, algorithm, key_id):
        path = self.folder / f"{key_id}.jwk"
        if path.exists():
            return path
        subprocess.run([self.countersign, "token", "keygen", "--algorithm", algorithm, "--key-id", key_id,
                        "--out", path], check=True)
        return path

    def public(self, path):
        text = subprocess.check_output([self.countersign, "token", "keygen", "--public", path])
        return json.loads(text)["keys"][0]

    def mint(self, algorithm):
        return subprocess.check_output(
            [self.countersign, "token", "mint", "--key", self.keys[algorithm], "--issuer", ISSUER, "--subject", "load",
             "--claim", 'groups=["admins","developers","operators"]', "--claim", "scope=openid profile email",
             "--expires-in", "24h"], text=True).strip()

    def pem(self, algorithm):
        """The public key as SubjectPublicKeyInfo."""
        key = next(key for key in self.jwks["keys"] if key["kid"] == f"perf-{algorithm}")
        if key["kty"] == "RSA":
            numbers = b"".join(integer(decode(key[name])) for name in ("n", "e"))
            body = der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") + bits(der(0x30, numbers)))
        else:
            point = b"\x04" + decode(key["x"]) + decode(key["y"])
            body = der(0x30, bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107") + bits(point))
        text = base64.encodebytes(body).decode()
        path = self.folder / f"{algorithm}.pem"
        path.write_text(f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n")
        return path

    # Policies

    def quickstart(self):
        """The policies of deploy/quickstart."""
        folder = self.folder / "quickstart"
        folder.mkdir(exist_ok=True)
        for path in (ROOT / "deploy/quickstart/policies").glob("*.yaml"):
            (folder / path.name).write_text(path.read_text().replace("@JWKS@", json.dumps(self.jwks)))
        return folder

    def with_rules(self, count):
        """ALLOW by `count` rules, each another path and principal; the last one lets the load pass."""
        rules = [{"to": [{"operation": {"paths": [f"/team-{number}/*", f"/shared/{number}"], "methods": ["GET", "POST"]}}],
                  "from": [{"source": {"requestPrincipals": [f"{ISSUER}/user-{number}"]}}]}
                 for number in range(count - 1)]
        rules.append({"to": [{"operation": {"paths": ["/api/*"]}}],
                      "from": [{"source": {"requestPrincipals": [f"{ISSUER}/*"]}}]})
        # Istio takes 512 in one resource.
        return self.write(f"rules-{count}", [self.authentication("issuer", [self.rule(ISSUER, self.jwks)])] + [
            resource("AuthorizationPolicy", f"rules-{start}", {"action": "ALLOW", "rules": rules[start:start + 500]})
            for start in range(0, count, 500)])

    def with_issuers(self, count):
        """As many issuers with a key each; the load's own stands last."""
        pool = [self.public(self.make_key("ES256", f"issuer-{number}")) for number in range(min(20, count - 1))]
        rules = [self.rule(f"https://issuer-{number}.example",
                           {"keys": [{**pool[number % len(pool)], "kid": f"issuer-{number}"}]})
                 for number in range(count - 1)]
        rules.append(self.rule(ISSUER, self.jwks))
        return self.write(f"issuers-{count}", [
            self.authentication(f"issuers-{start}", rules[start:start + 100]) for start in range(0, count, 100)])

    def rule(self, issuer, jwks):
        return {"issuer": issuer, "jwks": json.dumps(jwks)}

    def authentication(self, name, rules):
        return resource("RequestAuthentication", name, {"jwtRules": rules})

    def write(self, name, resources):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for number, item in enumerate(resources):
            (folder / f"{number}.json").write_text(json.dumps(item))
        return folder


def resource(kind, name, spec):
    return {"apiVersion": "security.istio.io/v1", "kind": kind,
            "metadata": {"name": name, "namespace": "istio-system"}, "spec": spec}


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def der(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
        (size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + content


def integer(octets):
    return der(2, (b"\0" if octets[0] & 0x80 else b"") + octets)


def bits(content):
    return der(3, b"\0" + content)
