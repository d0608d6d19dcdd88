import Authorizer
import Check
import Foundation
import JWT
import Policy
import TestSupport
import Testing

@Suite("Nothing unfinished allows: design 6, invariant 1; security checklist 2.1")
struct RefusalTests {
  let a = TestIssuer.a

  @Test func `Every way out of a check but the last denies`() throws {
    let filter = "experimental.envoy.filters.x[k]"
    var settings = AuthorizerSettings(normalizing: .base)
    settings.maximumTokensPerRule = 1
    let gate = try Gate(
      authentication(a.rule("audiences: [me]")) + allow(to(#"paths: ["/open"]"#))
        + deny(
          to(#"methods: ["DELETE"]"#), when(filter, "values: [bad]"), from(#"principals: ["a/b"]"#)),
      settings: settings)
    let open = Request.get("/open")
    #expect(gate.ask(open).reason == .allowed)
    let malformedMetadata = open.changed { $0.metadata = [("envoy.filters.x", [0xFF])] }
    let exits: [(Request, Verdict.Reason)] = [
      (open.changed { $0.hasHTTP = false }, .notHTTP),
      (open.extended("countersign.workload", "x"), .unknownWorkload),
      (open.bearer("rubbish"), .token),
      (open.bearer(String(repeating: "a.", count: 40_000)), .tokenTooLarge),
      (open.bearer("rubbish").changed { $0.path += "?access_token=rubbish" }, .tooManyTokens),
      (open.bearer(try a.token(#"{"aud":"you"}"#)), .token),
      (open.bearer(try a.forged(#"{"aud":"me"}"#)), .token),
      (open.changed { $0.path = "/open%00" }, .malformedPath),
      (open.changed { $0.path = "open" }, .malformedPath),
      (open.changed { $0.pathIsAmbiguous = true }, .malformedPath),
      (malformedMetadata, .malformedMetadata),
      (open.changed { $0.sourceCertificate = "rubbish" }, .malformedCertificate),
      (.get("/shut"), .noRuleMatched),
      (open.changed { $0.method = "DELETE" }, .deniedByRule),
    ]
    for (request, reason) in exits {
      let answer = gate.ask(request)
      #expect(!answer.isAllowed && answer.reason == reason, "\(reason): \(answer)")
      let isLimit = reason == .tokenTooLarge || reason == .tooManyTokens
      #expect(isLimit ? answer.status == 431 : [401, 403].contains(answer.status))
      #expect(!answer.body.isEmpty)
      #expect(gate.ask(open).isAllowed, "a denial leaves nothing behind")
    }
    #expect(Set(exits.map(\.1)).union([.allowed]) == Set(Verdict.Reason.allCases))
  }

  @Test func `Only an allowing verdict says allowed, and each reason has its own label`() {
    #expect(Set(Verdict.Reason.allCases.map { "\($0.label)" }).count == Verdict.Reason.allCases.count)
  }

  @Test func `A NUL in the path is refused although the path is not normalised`() throws {
    let gate = try Gate(everybody)
    #expect(gate.ask(.get("/a\u{0}b")).reason == .malformedPath)
    #expect(gate.status(.get("/a%00b")) == 200)
  }

  @Test func `An allowing verdict is made in one place in the sources`() throws {
    let folder = Vectors.packageFolder.appendingPathComponent("Sources")
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var allowing: [String] = []
    var proving: [String] = []
    var constructing: [String] = []
    var count = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      count += 1
      let code = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter {
        !$0.drop { $0 == " " }.hasPrefix("//")
      }
      let name = "\(file.deletingLastPathComponent().lastPathComponent)/\(file.lastPathComponent)"
      for line in code {
        let packed = line.filter { $0 != " " }
        if packed.contains("isAllowed=true") { allowing.append(name) }
        if packed.contains("AuthenticationPassed(") { proving.append(name) }
        if packed.contains("Verdict(") && packed.contains("after:") { constructing.append(name) }
      }
    }
    #expect(count > 100)
    #expect(allowing == ["Authorizer/Verdict.swift"])
    #expect(proving == ["Authorizer/Verdict.swift"])
    #expect(constructing == ["Authorizer/Authorizer.swift"])
  }

  @Test func `More tokens than the setting allows are refused, however good they are`() throws {
    let gate = try Gate(authentication(a.rule("fromHeaders: [{name: x-t}]")) + onlyKnown)
    let token = try a.token()
    var request = Request().raw
    for count in 1...10 {
      request = request.with("x-t", token)
      #expect(gate.status(request) == (count <= 8 ? 200 : 431), "\(count)")
    }
    #expect(gate.ask(request).reason == .tooManyTokens)
    var settings = AuthorizerSettings()
    settings.maximumTokensPerRule = 1
    let strict = try Gate(authentication(a.rule()), settings: settings)
    #expect(strict.status(Request().bearer(token)) == 200)
    #expect(strict.status(Request("GET", "/?access_token=\(token)").bearer(token)) == 431)
  }

  @Test func `A token may have 64 KiB, and a larger one is refused at once by the limit's own answer`() throws
  {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    func padded(_ size: Int) throws -> String {
      try a.token("{\"sub\":\"me\",\"pad\":\"\(String(repeating: "x", count: size))\"}")
    }
    #expect(gate.status(Request().bearer(try padded(8_000))) == 200)
    // All headers of a request together may have 60 KiB behind Envoy.
    let large = try padded(46_400)
    #expect(large.utf8.count > 60 << 10 && large.utf8.count <= 64 << 10)
    #expect(gate.status(Request().bearer(large)) == 200)
    #expect(gate.status(Request().bearer(large)) == 200, "once more, perhaps from the token cache")
    let requests = [
      Request().bearer(try padded(50_000)), Request().bearer(try padded(1 << 20)),
      .get("/?access_token=\(try padded(1 << 20))"),
      Request().bearer(String(repeating: "a.", count: 1 << 19)),
    ]
    for request in requests {
      let answer = gate.ask(request)
      #expect(answer.status == 431 && answer.body == "Jwt is larger than the limit")
      #expect(answer.reason == .tokenTooLarge)
    }
    #expect(gate.status(Request().bearer(try a.token())) == 200)
    var settings = AuthorizerSettings()
    settings.token.maximumTokenBytes = 16 << 10
    let narrow = try Gate(authentication(a.rule()), settings: settings)
    #expect(narrow.status(Request().bearer(try padded(8_000))) == 200)
    #expect(narrow.status(Request().bearer(try padded(30_000))) == 431)
  }

  @Test func `A token with 2,000 claims, or full of the shortest values, is accepted`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    let claims = (0..<2_000).map { "\"claim\($0)\":\($0)" }.joined(separator: ",")
    #expect(gate.status(Request().bearer(try a.token("{\"sub\":\"me\",\(claims)}"))) == 200)
    let values = Array(repeating: "1", count: 24_000).joined(separator: ",")
    #expect(gate.status(Request().bearer(try a.token("{\"sub\":\"me\",\"list\":[\(values)]}"))) == 200)
  }

  @Test func `Neither empty parts nor other counts of parts are a token`() throws {
    let gate = try Gate(authentication(a.rule()) + onlyKnown)
    let parts = try a.token().split(separator: ".").map(String.init)
    let (head, body, signature) = (parts[0], parts[1], parts[2])
    for bad in [
      head, "\(head).\(body)", "\(head).\(body).", ".\(head).\(body).\(signature)",
      "\(head)..\(body).\(signature)",
      "\(head).\(body).\(signature).", "\(head).\(body).\(signature).x", "...", "..",
      "\(head).\(body).\(signature),\(head).\(body).\(signature)",
    ] {
      #expect(gate.body(Request().bearer(bad)) == malformed, "\(bad)")
    }
    for bad in [
      "\(signature)=", "\(signature) ", " \(signature)", "\(signature)\n", "+\(signature.dropFirst())",
    ] {
      let answer = gate.ask(Request().bearer("\(head).\(body).\(bad)x"))
      #expect(answer.status == 401, "\(bad)")
    }
  }

  @Test func `Nothing in a token leads to another key`() throws {
    let gate = try Gate(authentication(a.rule(), TestIssuer.b.rule("fromHeaders: [{name: x-b}]")) + onlyKnown)
    // Signed with the key of b, which the snapshot holds, yet not for this issuer.
    let foreign = try TestIssuer.b.token(#"{"iss":"https://a","sub":"me"}"#)
    #expect(gate.body(Request().bearer(foreign)) == "Jwks doesn't have key to match kid or alg from Jwt")
    let named = try TestIssuer(TestIssuer.b.name, seed: 0xB0, keyID: "key-a").token(
      #"{"iss":"https://a","sub":"me"}"#)
    #expect(gate.body(Request().bearer(named)) == "Jwt verification fails")
  }

  @Test func `Issuer and subject are compared each, not as one text`() throws {
    let short = TestIssuer("a", seed: 1, keyID: "k")
    let long = TestIssuer("a/b", seed: 2, keyID: "k")
    let gate = try Gate(
      authentication(short.rule(), long.rule()) + allow(from(#"requestPrincipals: ["a/b/c"]"#)))
    let one = gate.status(Request().bearer(try short.token(#"{"sub":"b/c"}"#)))
    let other = gate.status(Request().bearer(try long.token(#"{"sub":"c"}"#)))
    #expect([one, other].contains(403), "both would be one principal")
  }

  @Test func `Mutated requests never trap, and none passes without a true signature`() throws {
    var random = SeededGenerator(announcing: "RefusalTests.mutated")
    let gate = try Gate(
      authentication(
        a.rule("fromHeaders: [{name: authorization, prefix: \"Bearer \"}], fromParams: [t], fromCookies: [c]")
      )
        + onlyKnown)
    let token = Array(try a.token().utf8)
    let dots = token.indices.filter { token[$0] == 0x2E }
    for _ in 0..<4_000 {
      var bad = token
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<bad.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bad[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bad.remove(at: at)
        default: bad.insert(UInt8.random(in: 0...255, using: &random), at: at)
        }
      }
      // An octet that is skipped in front of a token, or a blank around the value, leaves the token true.
      let core = bad.drop {
        !(0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 || 0x61...0x7A ~= $0 || $0 == 0x2D || $0 == 0x5F
          || $0 == 0x2E)
      }
      let trimmed = String(decoding: core, as: UTF8.self).trimmingCharacters(in: .whitespaces)
      if Array(trimmed.utf8) == token || bad.count < dots.count { continue }
      var request = Request().changed { $0.encoding = Bool.random(using: &random) ? .raw : .joined }
      switch Int.random(in: 0..<2, using: &random) {
      case 0: request = request.with("authorization", octets: Array("Bearer ".utf8) + bad)
      default: request = request.with("cookie", octets: Array("x=y; c=".utf8) + bad)
      }
      let answer = gate.ask(request)
      // A quoted cookie, or one that a semicolon ends, may leave the token whole.
      if answer.isAllowed {
        #expect(bad.count > token.count && bad.contains(0x3B), "\(String(decoding: bad, as: UTF8.self))")
      }
    }
  }
}
