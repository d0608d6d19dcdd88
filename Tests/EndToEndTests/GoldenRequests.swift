import Foundation
import TestSupport

/// One request to a golden case, in everything that a matcher can look at.
struct GoldenRequest {
  var method = "GET"
  var path = "/"
  var host = "www.example.com"
  var headers: [(String, String)] = []
  /// The identity in the client's certificate; nil: none. With it, or a server name, the request goes over TLS.
  var identity: String?
  var serverName: String?
  /// The loopback address that the client uses.
  var source: String?
  /// Where the client says that it connected to, by the PROXY protocol.
  var destination: (address: String, port: Int)?
  /// Claims of a token, as JSON; they name their issuer.
  var claims: String?
  var note = ""

  var needsTLS: Bool { identity != nil || serverName != nil }
}

/// Requests that match each value of a field, and such as miss it by a character.
enum GoldenRequests {
  static let defaultIssuer = "issuer.example"
  static let metadataHeader = "x-golden-metadata"

  static func requests(for one: GoldenCase) -> [GoldenRequest] {
    guard let field = one.field else { return whole(one) }
    var requests = [GoldenRequest(note: "nothing special")]
    for value in one.values { requests += self.requests(field, value) }
    return requests
  }

  /// Matching texts of a pattern and near misses.
  private static func texts(_ pattern: String) -> [String] {
    if pattern == "*" { return ["anything", "x"] }
    if pattern.contains("{") { return templateTexts(pattern) }
    let stem = pattern.filter { $0 != "*" }
    var texts = [stem, "a" + stem, stem + "a", "a" + stem + "a", String(stem.dropLast()), stem.uppercased()]
    texts.append(String(stem.dropFirst()))
    return texts.filter { !$0.isEmpty }
  }

  private static func templateTexts(_ pattern: String) -> [String] {
    [("{**}", "a/b"), ("{**}", "a"), ("{**}", ""), ("{*}", "a"), ("{*}", "a/b"), ("{*}", "")].flatMap {
      let text = pattern.replacing($0.0, with: $0.1)
      return text.contains("{") ? [] : [text, text + "x", "/x" + text, String(text.dropLast())]
    }
  }

  private static func requests(_ field: String, _ value: String) -> [GoldenRequest] {
    switch field.hasPrefix("not") ? field.dropFirst(3).lowercased() : field.lowercased() {
    case "hosts":
      return texts(value).map { GoldenRequest(host: $0, note: "host \($0)") } + [
        GoldenRequest(host: value.filter { $0 != "*" } + ":8080")
      ]
    case "methods": return texts(value).map { GoldenRequest(method: $0, note: "method \($0)") }
    case "paths":
      return texts(value).map { text in
        let path = text.hasPrefix("/") ? text : "/" + text
        return GoldenRequest(path: path, note: "path \(path)")
      } + [GoldenRequest(path: "/exact?x=1"), GoldenRequest(path: "/not-exact?x=1")]
    case "ports", "destination.port":
      let port = Int(value) ?? 0
      return [port, port + 1].map { GoldenRequest(destination: ("127.0.0.1", $0), note: "port \($0)") }
    case "destination.ip":
      return addresses(value).map { GoldenRequest(destination: ($0, 80), note: "to \($0)") }
    case "ipblocks", "source.ip":
      return addresses(value).map { GoldenRequest(source: $0, note: "from \($0)") }
    case "remoteipblocks", "remote.ip":
      return addresses(value).flatMap { address in
        [address, "\(address),198.51.100.7", "198.51.100.7,\(address)"].map {
          GoldenRequest(headers: [("x-forwarded-for", $0)], note: "x-forwarded-for \($0)")
        }
      }
    case "request.headers[x-header]": return headerRequests(value)
    case "principals", "source.principal":
      return texts(value).flatMap { [$0, "x/ns/y/" + $0] }.map { identity("spiffe://" + $0) }
    case "namespaces", "source.namespace":
      return texts(value).map { identity("spiffe://cluster.local/ns/\($0)/sa/default") }
    case "serviceaccounts": return accountRequests(value)
    case "trustdomains": return texts(value).map { identity("spiffe://\($0)/ns/a/sa/b") }
    case "requestprincipals", "request.auth.principal": return principalRequests(value)
    case "request.auth.audiences": return claimRequests("aud", value)
    case "request.auth.presenter": return claimRequests("azp", value)
    case "request.auth.claims[iss]":
      return texts(value).map { token("{\"iss\":\(quoted($0)),\"sub\":\"s\"}") }
    case "request.auth.claims[nested1][nested2]": return claimRequests("nested1/nested2", value)
    case "connection.sni":
      return texts(value).filter {
        $0.allSatisfy { $0.isLetter || $0 == "." || $0 == "-" } && !$0.hasPrefix(".")
      }
      .map { GoldenRequest(serverName: $0, note: "server name \($0)") }
    case "experimental.envoy.filters.a.b[c]":
      return texts(value).map { GoldenRequest(headers: [(metadataHeader, $0)], note: "metadata \($0)") }
    default: return []
    }
  }

  private static func identity(_ text: String) -> GoldenRequest {
    GoldenRequest(identity: text, note: "identity \(text)")
  }

  private static func headerRequests(_ value: String) -> [GoldenRequest] {
    texts(value).flatMap { text in
      [
        GoldenRequest(headers: [("X-Header", text)], note: "header \(text)"),
        GoldenRequest(headers: [("x-header", "other"), ("x-header", text)], note: "second line \(text)"),
      ]
    } + [GoldenRequest(headers: [("x-header", "")], note: "empty header")]
  }

  private static func accountRequests(_ value: String) -> [GoldenRequest] {
    let parts = value.split(separator: "/").map(String.init)
    let (namespace, name) = parts.count == 2 ? (parts[0], parts[1]) : ("foo", parts[0])
    return [
      "spiffe://td/ns/\(namespace)/sa/\(name)", "spiffe://td/ns/\(namespace)/x/sa/\(name)",
      "spiffe://td/ns/\(namespace)/sa/\(name)/y", "spiffe://td/ns/\(namespace)/sa/\(name)x",
      "spiffe://td/ns/\(namespace)x/sa/\(name)", "spiffe://td/ns/other/sa/\(name)",
      "spiffe://td/x/ns/\(namespace)/sa/\(name)", "td/ns/\(namespace)/sa/\(name)",
    ].map(identity)
  }

  /// The address, or one inside a block, and one beyond it.
  private static func addresses(_ block: String) -> [String] {
    let parts = block.split(separator: "/").map(String.init)
    let octets = parts[0].split(separator: ".").compactMap { Int($0) }
    func text(_ octets: [Int]) -> String { octets.map(String.init).joined(separator: ".") }
    guard parts.count == 2, let bits = Int(parts[1]) else {
      return [text(octets), text(octets.dropLast() + [octets[3] ^ 1])]
    }
    var beyond = octets
    beyond[(bits - 1) / 8] ^= 1 << (7 - (bits - 1) % 8)
    var inside = octets
    inside[3] = 77
    return [text(inside), text(beyond)]
  }

  // MARK: Tokens

  private static func token(_ claims: String) -> GoldenRequest { GoldenRequest(claims: claims, note: claims) }

  private static func principalRequests(_ value: String) -> [GoldenRequest] {
    let slash = value.lastIndex(of: "/")
    let issuer = slash.map { String(value[..<$0]) } ?? value
    let subject = slash.map { String(value[value.index(after: $0)...]) } ?? ""
    var requests: [GoldenRequest] = []
    for iss in texts(issuer) + [defaultIssuer] {
      for sub in ["\"\"", "\"s\"", quoted("s" + value.filter { $0 != "*" }), "null-absent"]
        + texts(subject).map(quoted)
      {
        let member = sub == "null-absent" ? "" : ",\"sub\":\(sub)"
        requests.append(token("{\"iss\":\(quoted(iss))\(member)}"))
      }
    }
    return requests
  }

  private static func claimRequests(_ path: String, _ value: String) -> [GoldenRequest] {
    texts(value).flatMap { text in
      [quoted(text), "[\"zzz\",\(quoted(text))]"].map { claim(path, $0) }
    } + (path == "aud" ? [] : [claim(path, "7"), claim(path, "[[\"x\"]]")])
      + [token("{\"iss\":\"\(defaultIssuer)\",\"sub\":\"s\"}")]
  }

  private static func claim(_ path: String, _ value: String) -> GoldenRequest {
    let names = path.split(separator: "/").map(String.init)
    let inner = names.dropFirst().reversed().reduce(value) { "{\(quoted($1)):\($0)}" }
    return token("{\"iss\":\"\(defaultIssuer)\",\(quoted(names[0])):\(inner)}")
  }

  static func quoted(_ text: String) -> String { Tree.text(text).json }

  // MARK: Whole pairs

  private static func whole(_ one: GoldenCase) -> [GoldenRequest] {
    var requests = [GoldenRequest(note: "nothing special")]
    let leaves = Set(one.policies.flatMap(\.leaves)).sorted()
    let methods = ["GET"] + leaves.filter { $0.contains("method") && !$0.contains("*") }
    for text in leaves {
      if text.hasPrefix("/") { requests.append(GoldenRequest(path: text, note: "path \(text)")) }
      if !text.contains("/"), text.contains(".com") || text.contains("host") {
        requests += texts(text).map { GoldenRequest(host: $0, note: "host \($0)") }
      }
      if text.contains("principal") || text.contains("sa/") {
        for domain in ["cluster.local", "td1", "foobar", "other", "xbar"] {
          let rest = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).last ?? ""
          for method in methods {
            requests.append(
              GoldenRequest(
                method: method, identity: "spiffe://\(domain)/\(rest)", note: "\(method) as \(domain)/\(rest)"
              ))
          }
        }
      }
    }
    for domain in ["cluster.local", "another.local", "bad", "badder", "untrusted", "untrusted2", "x"] {
      requests.append(identity("spiffe://\(domain)/ns/my-ns/sa/my-sa"))
      requests.append(identity("spiffe://\(domain)/ns/foo/sa/sa-only"))
    }
    return requests
  }
}
