import Bytes
import Foundation
import JSON
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
    try token.parse(Array(text.utf8).span, TokenSettings(), &cache)
    let hits = cache.statistics.hits
    do throws(TokenError) {
      _ = try ring.verify(&token, &cache)
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

  @Test func `what a cache has read is what reading gives, in every part`() throws {
    var cache = TokenCache(maximumOctets: 1 << 20)
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.one, #""kid":"a""#))))
    let payloads = [
      #"{"iss":"i","sub":"s","aud":["x","y"],"exp":9000000000,"nbf":1.5,"iat":2,"scope":"a b","n":{"l":[1,null]}}"#,
      #"{"aud":"z","text":"\u00e9\n"}"#, "{}",
    ]
    for payload in payloads {
      let text = try signed(TestKeys.p256.one, .es256, header: #""kid":"a""#, payload: payload)
      var read = UnverifiedToken()
      try read.parse(Array(text.utf8).span)
      #expect(try ask(text, &ring, &cache) == (nil, false))
      var restored = UnverifiedToken()
      // Something else was in it before.
      try restored.parse(Array(token(payload: #"{"iss":"other","exp":1}"#).utf8).span)
      try restored.parse(Array(text.utf8).span, TokenSettings(), &cache)
      #expect(restored.cacheEntry != nil && restored.isParsed)
      #expect(describe(restored) == describe(read))
      _ = try restored.completeSignature()
      let isSame = restored.signature.span.isSame(as: read.signature.span)
      #expect(isSame)
      let proof = try ring.verify(&restored, &cache)
      var claims = VerifiedClaims()
      try claims.take(&restored, proof: proof)
      var plain = VerifiedClaims()
      let plainProof = try ring.verify(read)
      try plain.take(&read, proof: plainProof)
      #expect(describe(claims.document) == describe(plain.document))
      #expect(claims.issuer == plain.issuer && claims.subject == plain.subject)
      let scope = Array("scope".utf8)
      #expect(claims.isSpaceDelimited(scope.span) == plain.isSpaceDelimited(scope.span))
    }
  }

  private func describe(_ token: borrowing UnverifiedToken) -> String {
    "\(token.text.span.text()) \(token.facts) \(describe(token.header)) \(describe(token.payload))"
  }

  private func describe(_ document: borrowing JSONDocument) -> String {
    var output = ByteBuffer()
    JSONWriter.write(document.root, of: document, numbers: .asWritten, into: &output)
    return output.span.text()
  }

  @Test func `an entry that another token has taken is not asked about this one`() throws {
    var cache = TokenCache(maximumOctets: 32 << 10)
    var token = UnverifiedToken()
    let mine = text(1)
    try token.parse(mine.span, TokenSettings(), &cache)
    cache.keep(&token, .right(1))
    let isKnown = cache.verdict(of: token) == .right(1)
    #expect(isKnown)
    // It is evicted between reading and asking.
    for number in 100..<200 { _ = try use(number, &cache) }
    #expect(cache.statistics.evictions > 50)
    let verdict = cache.verdict(of: token)
    #expect(verdict == nil)
    // Kept again, it is its own.
    cache.keep(&token, .wrong(7))
    let again = cache.verdict(of: token)
    #expect(again == .wrong(7))
  }

  @Test func `a token that another cache has read is not known`() throws {
    var one = TokenCache(maximumOctets: 64 << 10)
    var other = TokenCache(maximumOctets: 64 << 10)
    var token = UnverifiedToken()
    try token.parse(text(1).span, TokenSettings(), &one)
    one.keep(&token, .right(1))
    let inEmpty = other.verdict(of: token)
    #expect(inEmpty == nil)
    _ = try use(2, &other)
    let inOther = other.verdict(of: token)
    #expect(inOther == nil)
  }

  // MARK: Alone

  /// A token that no key has signed, of about `length` octets.
  private func text(_ number: Int, _ length: Int = 300, signature: String = "AAAA") -> [UInt8] {
    let filler = String(repeating: "a", count: length * 3 / 4)
    return Array(token(payload: #"{"n":\#(number),"f":"\#(filler)"}"#, signature: signature).utf8)
  }

  /// Looks up, and keeps when it is not there, as a ring does.
  private func use(_ number: Int, _ cache: inout TokenCache, length: Int = 300) throws -> Bool {
    var token = UnverifiedToken()
    try token.parse(text(number, length).span, TokenSettings(), &cache)
    if let known = cache.verdict(of: token) {
      #expect(known == .right(UInt64(number)))
      return true
    }
    cache.keep(&token, .right(UInt64(number)))
    return false
  }

  @Test func `a flood of distinct tokens moves none out that are in use`() throws {
    var cache = TokenCache(maximumOctets: 512 << 10)
    let hot = 250
    for _ in 0..<3 { for number in 0..<hot { _ = try use(number, &cache) } }
    var found = 0
    var asked = 0
    for scan in 0..<50_000 {
      #expect(try !use(1_000_000 + scan, &cache))
      if scan % 5 == 0 {
        asked += 1
        if try use(scan / 5 % hot, &cache) { found += 1 }
      }
    }
    #expect(Double(found) / Double(asked) > 0.99, "\(found) of \(asked)")
    #expect(cache.statistics.octets <= 512 << 10)
    #expect(cache.statistics.evictions > 40_000)
  }

  @Test func `a flood of tokens of 60 KiB leaves room for usual ones that are in use`() throws {
    // The default of a worker, in the same ratio of tokens in use as in the flood of usual ones.
    var cache = TokenCache(maximumOctets: 16 << 20)
    let hot = 2_000
    for _ in 0..<3 { for number in 0..<hot { _ = try use(number, &cache) } }
    var found = 0
    var asked = 0
    for scan in 0..<2_000 {
      #expect(try !use(1_000_000 + scan, &cache, length: 61_000))
      for offset in 0..<5 {
        asked += 1
        if try use((scan * 5 + offset) % hot, &cache) { found += 1 }
      }
    }
    #expect(Double(found) / Double(asked) > 0.99, "\(found) of \(asked)")
    #expect(cache.statistics.octets <= 16 << 20)
    // One that comes again is found like any other.
    #expect(try !use(1, &cache, length: 61_000) && use(1, &cache, length: 61_000))
  }

  @Test func `whatever comes, it says what it was told last and keeps within its memory`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("TokenCacheTests seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let limit = 64 << 10
    var cache = TokenCache(maximumOctets: limit)
    var told: [[UInt8]: TokenCache.Verdict] = [:]
    var found = 0
    var token = UnverifiedToken()
    for round in 0..<60_000 {
      // Few short numbers come often, many others once.
      let number = Bool.random(using: &random) ? Int.random(in: 0..<60, using: &random) : round
      let length = Int.random(in: 0..<4, using: &random) * 200
      let key = text(number, length, signature: ["AAAA", "AAAB", "AAAC"][number % 3])
      try token.parse(key.span, TokenSettings(), &cache)
      if let known = cache.verdict(of: token) {
        #expect(known == told[key])
        found += 1
      } else if Bool.random(using: &random) {
        let verdict =
          Bool.random(using: &random) ? TokenCache.Verdict.right(UInt64(round)) : .wrong(UInt64(round))
        cache.keep(&token, verdict)
        told[key] = verdict
      }
      let statistics = cache.statistics
      if statistics.octets > limit { Issue.record("\(statistics.octets) octets after \(round)") }
    }
    #expect(found > 5_000)
    #expect(cache.statistics.entries > 50)
  }

  @Test func `without memory it keeps nothing, and a text beyond its share is not kept`() throws {
    var none = TokenCache(maximumOctets: 0)
    let isEnabled = none.isEnabled
    #expect(!isEnabled)
    #expect(try !use(1, &none) && !use(1, &none))
    var small = TokenCache(maximumOctets: 64 << 10)
    #expect(try !use(1, &small, length: 4_000) && !use(1, &small, length: 4_000))
    #expect(try !use(2, &small) && use(2, &small))
  }
}
