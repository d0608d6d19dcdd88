import Fetch
import Istio
import JWT
import TestSupport
import Testing

@testable import KeySets

/// Where discovery may lead (OpenID Connect Discovery 1.0), and what an operator is told of it.
@Suite struct DiscoveryTests {
  private static let issuer = "https://login.example"
  private static let document = "https://login.example/.well-known/openid-configuration"

  private func core(
    _ issuer: String = issuer, _ routes: KeyRoutes = KeyRoutes(), _ board: KeyBoard? = nil
  ) -> KeeperCore {
    KeeperCore(
      [KeySource(.issuer(issuer), name: "ns/r[0]")], routes: routes, settings: KeySettings(),
      sets: JWKSetSettings(), board: board ?? KeyBoard(providers: 1, settings: KeySettings()), seed: 1,
      now: 10 * second)
  }

  private func configuration(keys: String, issuer: String? = issuer) -> Result<FetchAnswer, FetchError> {
    .success(answer("{\"jwks_uri\":\"\(keys)\"\(issuer.map { ",\"issuer\":\"\($0)\"" } ?? "")}"))
  }

  /// What follows a document that names `keys`.
  private func follow(_ core: inout KeeperCore, _ keys: String, now: UInt64 = 10 * second) -> String? {
    #expect(core.turn(now: now, wall: 1_000).count == 1)
    return core.landed(0, configuration(keys: keys), now: now, wall: 1_000)?.request.url
  }

  private static func rule(_ host: String, _ mode: String) -> String {
    """
    apiVersion: networking.istio.io/v1
    kind: DestinationRule
    metadata: {name: d, namespace: istio-system}
    spec: {host: \(host), trafficPolicy: {tls: {mode: \(mode)}}}
    """
  }

  private func routes(_ text: String) -> KeyRoutes {
    let loaded = ResourceLoader().load(file: "d.yaml", text: text)
    #expect(!loaded.hasErrors, "\(loaded.diagnostics)")
    var routes = KeyRoutes()
    routes.mesh = MeshHosts(
      loaded.resources, namespaces: ["istio-system"], rootNamespace: "istio-system")
    return routes
  }

  @Test func `https leads to https`() {
    var core = core()
    #expect(follow(&core, "https://keys.example/set") == "https://keys.example/set")
    #expect(core.events.isEmpty)
  }

  @Test(arguments: ["http://keys.example/set", "HTTP://login.example/set", "http://127.0.0.1:9/"])
  func `https does not lead to http, and the error names issuer, address and remedy`(keys: String) {
    let board = KeyBoard(providers: 1, settings: KeySettings())
    var core = core(Self.issuer, KeyRoutes(), board)
    #expect(follow(&core, keys) == nil)
    let entry = board.snapshot[0]
    #expect(entry.state == .failed && entry.fetches == ["discovery": 1])
    for words in [
      "`\(Self.issuer)`", Self.document, "`\(keys)`", "DestinationRule", "jwks.allowHTTPFromDiscovery",
    ] {
      #expect(entry.lastError?.contains(words) == true, "\(words): \(entry.lastError ?? "-")")
    }
    #expect(core.events.map(\.kind) == [.failed])
    // It is asked again later, and refused again.
    #expect(follow(&core, keys, now: 100 * second) == nil)
    // The provider has corrected it.
    #expect(follow(&core, "https://keys.example/set", now: 1_000 * second) == "https://keys.example/set")
  }

  @Test func `unless the setting allows it`() {
    var routes = KeyRoutes()
    routes.allowsHTTPFromDiscovery = true
    var core = core(Self.issuer, routes)
    #expect(follow(&core, "http://keys.example/set") == "http://keys.example/set")
  }

  @Test(arguments: [("SIMPLE", true), ("DISABLE", false)])
  func `or a DestinationRule makes the fetch TLS`(mode: String, isAllowed: Bool) {
    var core = core(Self.issuer, routes(Self.rule("keys.example", mode)))
    #expect((follow(&core, "http://keys.example/set") != nil) == isAllowed)
  }

  @Test func `an http issuer leads to http, and to https`() {
    for keys in ["http://keys.example/set", "https://keys.example/set"] {
      var core = core("http://login.example")
      #expect(follow(&core, keys) == keys)
    }
    // Its document comes over TLS: the keys must too.
    var secured = core("http://login.example", routes(Self.rule("login.example", "SIMPLE")))
    #expect(follow(&secured, "http://keys.example/set") == nil)
    var both = core("http://login.example", routes(Self.rule("login.example", "SIMPLE")))
    #expect(follow(&both, "http://login.example/set") == "http://login.example/set")
  }

  @Test func `a rule or a setting that comes later takes effect at once`() {
    var allowing = KeyRoutes()
    allowing.allowsHTTPFromDiscovery = true
    for later in [allowing, routes(Self.rule("keys.example", "SIMPLE"))] {
      var before = core()
      #expect(follow(&before, "http://keys.example/set") == nil)
      #expect(before.reachesProviders(asBy: KeyRoutes()))
      #expect(!before.reachesProviders(asBy: later), "the keeper of before would go on refusing")
      var after = core(Self.issuer, later)
      after.inherit(before, settings: KeySettings(), now: 11 * second)
      #expect(follow(&after, "http://keys.example/set", now: 11 * second) == "http://keys.example/set")
    }
  }

  @Test func `another issuer in the document is told once for each change, and its keys are fetched`() throws
  {
    let sets = try Sets(1)
    var core = core()
    var now: UInt64 = 10 * second
    func kinds(_ issuer: String?) -> [KeyEvent.Kind] {
      now += 100 * second
      #expect(core.turn(now: now, wall: 1_000).first?.request.url == Self.document)
      let keys = core.landed(
        0, configuration(keys: "https://keys.example/set", issuer: issuer), now: now, wall: 1_000)
      #expect(keys?.request.url == "https://keys.example/set")
      // A fetch that fails makes it ask for the document again.
      _ = core.landed(0, .failure(.timeout), now: now, wall: 1_000)
      defer { core.events = [] }
      return core.events.map(\.kind)
    }
    #expect(kinds(Self.issuer) == [.failed])
    #expect(kinds("https://login.example/") == [.otherIssuer, .failed])
    #expect(kinds("https://login.example/") == [.failed])
    #expect(kinds("https://other.example") == [.otherIssuer, .failed])
    #expect(kinds(nil) == [.failed])
    #expect(kinds("https://other.example") == [.otherIssuer, .failed])
    // A successor does not tell it again.
    var after = self.core()
    after.inherit(core, settings: KeySettings(), now: now)
    core = after
    #expect(kinds("https://other.example") == [.failed])
    _ = core.turn(now: now + 100 * second, wall: 1_000)
    _ = core.landed(
      0,
      configuration(
        keys: "https://keys.example/set", issuer: "https://x\\n\(String(repeating: "y", count: 300))"),
      now: now, wall: 1_000)
    let text = try #require(core.events.last?.text)
    #expect(text.contains("`https://x?yyy") && text.contains("`\(Self.issuer)`") && text.count < 700)
    _ = core.landed(0, .success(answer(sets.texts[0])), now: now, wall: 1_000)
    #expect(core.events.last?.kind == .fetched)
  }

  @Test(arguments: ["", "[]", "{}", "{\"jwks_uri\":1}", "{\"jwks_uri\":\"a\",\"jwks_uri\":\"b\"}", "<html>"])
  func `what has no address of keys is no document`(text: String) {
    let fault = #expect(throws: DiscoveryDocument.Fault.self) {
      try DiscoveryDocument(reading: Array(text.utf8))
    }
    #expect(fault?.description.hasPrefix("the issuer's configuration has no text `jwks_uri`: it is ") == true)
  }

  @Test func `damaged documents are refused or read, and never stop the program`() {
    var random = SeededGenerator(announcing: #function)
    let whole = Array("{\"issuer\":\"https://a\",\"jwks_uri\":\"https://a/k\",\"x\":[1,{\"y\":null}]}".utf8)
    var read = 0
    for _ in 0..<20_000 {
      var text = whole
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<text.count, using: &random)
        if Bool.random(using: &random) {
          text[at] = UInt8.random(in: 0...255, using: &random)
        } else {
          text.remove(at: at)
        }
      }
      if (try? DiscoveryDocument(reading: text)) != nil { read += 1 }
    }
    #expect(read > 100)
  }
}
