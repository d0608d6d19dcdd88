import Fetch
import JWT
import Testing

@testable import KeySets

/// A line about keys names whose they are and where they were asked for.
@Suite struct KeyEventTests {
  private func core(_ source: KeySource) -> KeeperCore {
    KeeperCore(
      [source], routes: KeyRoutes(), settings: KeySettings(), sets: JWKSetSettings(),
      board: KeyBoard(providers: 1, settings: KeySettings()), seed: 1, now: second)
  }

  private func source(_ address: String, issuers: [String]) -> KeySource {
    var source = KeySource(.address(address), name: "ns/a[0]")
    source.issuers = issuers
    return source
  }

  @Test(arguments: [
    ("<!doctype html>", "an HTML page"), ("-----BEGIN CERTIFICATE-----\n", "a PEM file"),
    (#"{"kty":"RSA"}"#, "a single JWK without `keys`"), ("{\"keys\":01}", "not JSON: byte 8: not a number"),
    (#"{"keys":["#, "JSON that is cut off at byte 9"),
  ])
  func `a wrong body is named with issuer and address`(body: String, words: String) throws {
    var core = core(source("http://u:secret@a.example/keys", issuers: ["https://i", "https://j"]))
    _ = core.turn(now: second, wall: 1_000)
    _ = core.landed(0, .success(answer(body)), now: second, wall: 1_000)
    let event = try #require(core.events.first)
    #expect(event.kind == .failed && event.issuer == "https://i, https://j")
    #expect(event.address == "http://***@a.example/keys" && event.text.contains(words), "\(event)")
    #expect(!event.text.contains("(at:") && !event.text.contains("secret"))
  }

  @Test func `after discovery the address is that of the keys`() throws {
    var core = core(KeySource(.issuer("https://i.example"), name: "ns/a[0]"))
    _ = core.turn(now: second, wall: 1_000)
    _ = core.landed(0, .success(answer("<html>")), now: second, wall: 1_000)
    #expect(core.events.last?.issuer == "https://i.example")
    #expect(core.events.last?.address == "https://i.example/.well-known/openid-configuration")
    #expect(core.events.last?.text.contains("it is an HTML page") == true)
    _ = core.turn(now: 100 * second, wall: 1_000)
    _ = core.landed(
      0, .success(answer(#"{"jwks_uri":"https://k.example/set"}"#)), now: 100 * second, wall: 1_000)
    _ = core.landed(0, .success(answer("")), now: 100 * second, wall: 1_000)
    #expect(core.events.last?.address == "https://k.example/set")
    #expect(core.events.last?.text.contains("it is empty") == true)
  }

  @Test func `a source without an issuer serves any, and many are counted`() {
    #expect(source("http://a", issuers: []).issuerText == "any")
    #expect(source("http://a", issuers: (0..<9).map { "i\($0)" }).issuerText == "i0, i1, i2, i3, and 5 more")
  }

  @Test(arguments: [
    ("http://a/b", "http://a/b"), ("https://u:p@a/b@c", "https://***@a/b@c"),
    ("https://u@a", "https://***@a"),
    ("https://a/?x=u@b", "https://a/?x=u@b"), ("none", "none"), ("https://a@b@c/", "https://***@c/"),
  ])
  func `an address in a log has neither user nor password`(url: String, shown: String) {
    #expect(KeySource.withoutSecrets(url) == shown)
  }
}
