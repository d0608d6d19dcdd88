import Foundation
import TestSupport
import Testing
import WebTestServer

/// Key sets as serialisers write them, well and badly, put to Envoy's own JWT filter and to Countersign. Each row
/// says what both answer, and where they differ, which row of the README's table of differences says why.
@Suite(.enabled(if: Tools.hasEnvoy), .serialized)
struct OddKeySetTests {
  /// Both programs with all sets of the table: a provider and a rule each.
  private final class Bench {
    private let sets: WebTestServer
    private let server: CountersignProcess
    private let native: EnvoyProcess
    private let asking: EnvoyProcess

    init(_ rows: [OddKeySet]) throws {
      let texts = rows.map(\.text)
      let sets = try WebTestServer { request in
        guard let index = Int(request.target.dropFirst()), texts.indices.contains(index) else {
          return WebTestServer.answer("", status: "404 No")
        }
        return WebTestServer.answer(texts[index])
      }
      self.sets = sets
      server = try CountersignProcess(policies: try Self.policies(rows, port: sets.port))
      asking = try EnvoyProcess(asking: server, rawHeaders: true)
      native = try EnvoyProcess(
        filters: [try Self.filter(rows, port: sets.port)],
        clusters: [EnvoyProcess.cluster("sets", port: sets.port, http2: false)])
    }

    static func issuer(_ index: Int) -> String { "issuer-\(index)" }

    /// What the programs answer to a token: the status, and the body of a refusal.
    func ask(_ index: Int, _ token: String) throws -> (envoy: String, countersign: String) {
      func text(_ answer: HTTPAnswer) -> String {
        answer.status == 200 ? "200" : "\(answer.status) \(answer.body)"
      }
      return (
        text(try native.get("/\(index)/", token: token)), text(try asking.get("/\(index)/", token: token))
      )
    }

    private static func quoted(_ text: String) throws -> String {
      String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }

    private static func policies(_ rows: [OddKeySet], port: UInt16) throws -> String {
      let rules = try rows.enumerated().map { index, row in
        let keys =
          row.isInline
          ? "jwks: \(try quoted(row.text))" : "jwksUri: \"http://127.0.0.1:\(port)/\(index)\""
        return "  - {issuer: \(issuer(index)), \(keys)}\n"
      }
      return """
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: odd, namespace: istio-system}
        spec:
          jwtRules:
        \(rules.joined())
        """
    }

    private static func filter(_ rows: [OddKeySet], port: UInt16) throws -> String {
      let providers = try rows.enumerated().map { index, row in
        let keys =
          row.isInline
          ? "\"local_jwks\": {\"inline_string\": \(try quoted(row.text))}"
          : """
          "remote_jwks": {"http_uri": {"uri": "http://127.0.0.1:\(port)/\(index)", "cluster": "sets",
            "timeout": "5s"}}
          """
        return "\"p\(index)\": {\"issuer\": \"\(issuer(index))\", \(keys)}"
      }
      let rules = rows.indices.map {
        "{\"match\": {\"prefix\": \"/\($0)/\"}, \"requires\": {\"provider_name\": \"p\($0)\"}}"
      }
      return """
        {"name": "envoy.filters.http.jwt_authn", "typed_config": {
          "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
          "providers": {\(providers.joined(separator: ","))}, "rules": [\(rules.joined(separator: ","))]}}
        """
    }
  }

  /// Made once: openssl makes some of the keys.
  private static let table = Result { try OddKeySetRows().rows }

  @Test func `Envoy and Countersign answer each token of the table as its row says`() throws {
    let rows = try Self.table.get()
    #expect(Set(rows.map(\.text)).count >= 250)
    #expect(Set(rows.map(\.name)).count == rows.count)
    let bench = try Bench(rows)
    for (index, row) in rows.enumerated() {
      for check in row.checks {
        let token = try check.key.token(issuer: Bench.issuer(index), header: check.header)
        let seen = try bench.ask(index, token)
        let name = "\(row.name), token {\(check.header)}"
        #expect(seen.envoy == check.envoy, "Envoy: \(name)")
        #expect(seen.countersign == check.countersign, "Countersign: \(name)")
        // A key that signed nothing here: a table of answers that let everybody pass would hold too.
        let forged = try bench.ask(index, TestIssuer.broken(token))
        #expect(forged.envoy.hasPrefix("401 ") && forged.countersign.hasPrefix("401 "), "forged: \(name)")
      }
    }
  }

  @Test func `each difference is a row of the README's table, and only rows that differ name one`() throws {
    let inputs = try Self.differences()
    #expect(inputs.count >= 20)
    for row in try Self.table.get() {
      for check in row.checks {
        #expect((check.envoy != check.countersign) == (check.difference != nil), "\(row.name)")
        guard let difference = check.difference else { continue }
        #expect(inputs.contains { $0.contains(difference) }, "\(row.name): \(difference)")
      }
    }
  }

  /// The first cells of the README's table of differences.
  private static func differences() throws -> Set<String> {
    let file = Vectors.packageFolder.appendingPathComponent("README.md")
    let lines = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
    guard let head = lines.firstIndex(of: "| input | Envoy 1.40 | Countersign | why |") else {
      throw Failure("no table of differences in README.md")
    }
    let rows = lines[(head + 2)...].prefix { $0.hasPrefix("|") }
    return Set(
      rows.compactMap {
        $0.components(separatedBy: "|").dropFirst().first?.trimmingCharacters(in: .whitespaces)
      })
  }
}
