import Bytes
import Foundation
import Signatures
import TestSupport
import Testing

@testable import JWT

/// The cache of checked signatures believes nothing that a check would not say.
@Suite struct TokenCacheTests {
  // MARK: With a key ring

  /// What a ring with a cache says, and whether the cache knew it.
  private func ask(
    _ text: String, _ ring: inout KeyRing, _ cache: inout TokenCache
  ) throws -> (error: TokenError?, wasKnown: Bool) {
    var token = UnverifiedToken()
    try token.parse(Array(text.utf8).span)
    let hits = cache.statistics.hits
    do throws(TokenError) {
      _ = try ring.verify(token, &cache)
      return (nil, cache.statistics.hits > hits)
    } catch {
      return (error, cache.statistics.hits > hits)
    }
  }

  @Test func `a signature is checked once, right or wrong, and every octet of the token counts`() throws {
    var cache = TokenCache(maximumOctets: 1 << 20)
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.one, #""kid":"a""#))))
    let good = try signed(TestKeys.p256.one, .es256, header: #""kid":"a""#, payload: #"{"a":1}"#)
    let bad = try signed(TestKeys.p256.other, .es256, header: #""kid":"a""#, payload: #"{"a":1}"#)
    for round in 0..<3 {
      #expect(try ask(good, &ring, &cache) == (nil, round > 0))
      #expect(try ask(bad, &ring, &cache) == (.verificationFailed, round > 0))
    }
    let parts = good.split(separator: ".")
    let changed = "\(parts[0]).\(base64url(#"{"a":2}"#)).\(parts[2])"
    #expect(try ask(changed, &ring, &cache) == (.verificationFailed, false))
    let mixed = "\(parts[0]).\(parts[1]).\(bad.split(separator: ".")[2])"
    #expect(try ask(mixed, &ring, &cache).error == .verificationFailed)
  }

  @Test
  func `a key that left the set, or has another name, ends what was believed by it, and no other key does`()
    throws
  {
    var cache = TokenCache(maximumOctets: 1 << 20)
    let one = TestKeys.jwk(TestKeys.p256.one, #""kid":"a""#)
    let other = TestKeys.jwk(TestKeys.p256.other, #""kid":"b""#)
    var ring = KeyRing(try keySet(set(one, other)))
    let text = try signed(TestKeys.p256.one, .es256, header: #""kid":"a""#)
    _ = try ask(text, &ring, &cache)
    // The other one goes: nothing changes for this one.
    ring.replaceKeys(with: try keySet(set(one)))
    #expect(try ask(text, &ring, &cache) == (nil, true))
    ring.replaceKeys(with: try keySet(set(TestKeys.jwk(TestKeys.p256.one, #""kid":"z""#))))
    #expect(try ask(text, &ring, &cache) == (.noKeyMatches, false))
    ring.replaceKeys(with: try keySet(set(TestKeys.jwk(TestKeys.p256.one, #""kid":"a","alg":"ES256""#))))
    #expect(try ask(text, &ring, &cache) == (nil, false))
    ring.replaceKeys(with: try keySet(set(other)))
    #expect(try ask(text, &ring, &cache) == (.noKeyMatches, false))
    ring.replaceKeys(with: try keySet(set(one)))
    #expect(try ask(text, &ring, &cache) == (nil, false))
  }

  @Test func `what was wrong is asked again with another set, and a missing key is never remembered`() throws
  {
    var cache = TokenCache(maximumOctets: 1 << 20)
    let other = TestKeys.jwk(TestKeys.p256.other, #""kid":"b""#)
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.other))))
    let text = try signed(TestKeys.p256.one, .es256, header: #""kid":"a""#)
    #expect(try ask(text, &ring, &cache) == (.verificationFailed, false))
    #expect(try ask(text, &ring, &cache) == (.verificationFailed, true))
    ring.replaceKeys(with: try keySet(set(TestKeys.jwk(TestKeys.p256.one))))
    #expect(try ask(text, &ring, &cache) == (nil, false))
    var strict = KeyRing(try keySet(set(other)))
    for _ in 0..<2 { #expect(try ask(text, &strict, &cache) == (.noKeyMatches, false)) }
  }

  @Test func `a token that one issuer's keys signed is not believed by another's`() throws {
    var cache = TokenCache(maximumOctets: 1 << 20)
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.one))))
    var foreign = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.other))))
    let text = try signed(TestKeys.p256.one, .es256)
    for _ in 0..<2 {
      #expect(try ask(text, &ring, &cache).error == nil)
      #expect(try ask(text, &foreign, &cache).error == .verificationFailed)
    }
  }

  // MARK: Alone

  private func text(_ number: Int, _ length: Int = 300) -> [UInt8] {
    Array("\(number)".utf8) + [UInt8](repeating: 0x61, count: length)
  }

  /// Looks up, and keeps when it is not there, as a ring does.
  private func use(_ number: Int, _ cache: inout TokenCache, length: Int = 300) -> Bool {
    let (signed, signature) = (text(number, length), [UInt8](repeating: 7, count: 64))
    let place = cache.place(signed.span, signature.span)
    if let known = cache.verdict(place, signed.span, signature.span) {
      #expect(known == .right(UInt64(number)))
      return true
    }
    cache.insert(place, signed.span, signature.span, .right(UInt64(number)))
    return false
  }

  @Test func `a flood of distinct tokens moves none out that are in use`() {
    var cache = TokenCache(maximumOctets: 512 << 10)
    let hot = 500
    for _ in 0..<3 { for number in 0..<hot { _ = use(number, &cache) } }
    var found = 0
    var asked = 0
    for scan in 0..<50_000 {
      #expect(!use(1_000_000 + scan, &cache))
      if scan % 5 == 0 {
        asked += 1
        if use(scan / 5 % hot, &cache) { found += 1 }
      }
    }
    #expect(Double(found) / Double(asked) > 0.99, "\(found) of \(asked)")
    #expect(cache.statistics.octets <= 512 << 10)
    #expect(cache.statistics.evictions > 40_000)
  }

  @Test func `whatever comes, it says what it was told last and keeps within its memory`() {
    let seed = UInt64.random(in: 0 ... .max)
    print("TokenCacheTests seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let limit = 64 << 10
    var cache = TokenCache(maximumOctets: limit)
    var told: [[UInt8]: TokenCache.Verdict] = [:]
    var found = 0
    for round in 0..<60_000 {
      // Few short numbers come often, many others once.
      let number = Bool.random(using: &random) ? Int.random(in: 0..<60, using: &random) : round
      let length = Int.random(in: 0..<4, using: &random) * 200
      let (signed, signature) = (text(number, length), text(number % 3, 20))
      let key = signed + [0] + signature
      let place = cache.place(signed.span, signature.span)
      if let known = cache.verdict(place, signed.span, signature.span) {
        #expect(known == told[key])
        found += 1
      } else if Bool.random(using: &random) {
        let verdict =
          Bool.random(using: &random) ? TokenCache.Verdict.right(UInt64(round)) : .wrong(UInt64(round))
        cache.insert(place, signed.span, signature.span, verdict)
        told[key] = verdict
      }
      let statistics = cache.statistics
      if statistics.octets > limit { Issue.record("\(statistics.octets) octets after \(round)") }
    }
    #expect(found > 5_000)
    #expect(cache.statistics.entries > 50)
  }

  @Test func `without memory it keeps nothing, and a text beyond its share is not kept`() {
    var none = TokenCache(maximumOctets: 0)
    let isEnabled = none.isEnabled
    #expect(!isEnabled)
    #expect(!use(1, &none) && !use(1, &none))
    var small = TokenCache(maximumOctets: 16 << 10)
    #expect(!use(1, &small, length: 2_000) && !use(1, &small, length: 2_000))
    #expect(!use(2, &small) && use(2, &small))
  }
}
