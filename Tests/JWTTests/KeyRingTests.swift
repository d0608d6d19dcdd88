import JWT
import Signatures
import Testing

@Suite struct `A key ring` {
  @Test(arguments: Algorithm.allCases)
  func `verifies what its key signed, of every algorithm, and nothing else`(_ algorithm: Algorithm) throws {
    let pair = TestKeys.pair(for: algorithm)
    for members in [
      "", #""alg":"\#(algorithm.name)""#, #""kid":"k""#, #""kid":"k","alg":"\#(algorithm.name)""#,
    ] {
      var ring = KeyRing(try keySet(set(TestKeys.jwk(pair.one, members))))
      for header in ["", #""kid":"k""#] {
        let good = try signed(pair.one, algorithm, header: header, payload: #"{"a":1}"#)
        #expect(verdict(good, &ring) == nil)
        let forged = try signed(pair.other, algorithm, header: header, payload: #"{"a":1}"#)
        #expect(verdict(forged, &ring) == .verificationFailed)
        let parts = good.split(separator: ".")
        #expect(verdict("\(parts[0]).\(base64url(#"{"a":2}"#)).\(parts[2])", &ring) == .verificationFailed)
        #expect(
          verdict("\(parts[0]).\(parts[1]).AAAA", &ring)
            == (algorithm == .edDSA ? .ed25519SignatureLength : .verificationFailed))
      }
      let made = ring.verifierCount
      #expect(made == 1)
    }
  }

  @Test func `refuses an unknown kid, and a key whose kid is another`() throws {
    let keys = set(
      TestKeys.jwk(TestKeys.p256.one, #""kid":"a""#), TestKeys.jwk(TestKeys.p256.other, #""kid":"b""#))
    #expect(
      try verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"c""#), keys: keys) == .noKeyMatches)
    #expect(
      try verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"b""#), keys: keys)
        == .verificationFailed)
    #expect(try verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"a""#), keys: keys) == nil)
    #expect(try verdict(try signed(TestKeys.p256.other, .es256), keys: keys) == nil)
    let wild = String(repeating: "k", count: 8_000)
    for kid in [wild, "../../etc/passwd", "' OR 1=1 --", #"a\u0000"#, #"a\r\n"#, "A", "a "] {
      let text = try signed(TestKeys.p256.one, .es256, header: #""kid":"\#(kid)""#)
      #expect(try verdict(text, keys: keys) == .noKeyMatches)
    }
  }

  @Test func `tries keys without kid for a token that has one`() throws {
    let keys = set(TestKeys.jwk(TestKeys.p256.other, #""kid":"a""#), TestKeys.jwk(TestKeys.p256.one))
    #expect(try verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"a""#), keys: keys) == nil)
    #expect(try verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"z""#), keys: keys) == nil)
  }

  @Test func `passes over keys that do not fit the algorithm in alg, type or curve`() throws {
    let all = [TestKeys.rsa, TestKeys.p256, TestKeys.p384, TestKeys.p521, TestKeys.ed25519, TestKeys.secret]
    for algorithm in Algorithm.allCases {
      let own = TestKeys.pair(for: algorithm).one
      let others = all.map(\.one).filter { !$0.fits(algorithm) }.map { TestKeys.jwk($0, #""kid":"k""#) }
      let text = try signed(own, algorithm, header: #""kid":"k""#)
      #expect(try verdict(text, keys: "{\"keys\":[\(others.joined(separator: ","))]}") == .noKeyMatches)
    }
    let ps256 = set(TestKeys.jwk(TestKeys.rsa.one, #""alg":"PS256""#))
    #expect(try verdict(try signed(TestKeys.rsa.one, .rs256), keys: ps256) == .noKeyMatches)
    #expect(try verdict(try signed(TestKeys.rsa.one, .ps256), keys: ps256) == nil)
  }

  @Test func `finds among keys of one kid the one that fits, and tries all that do`() throws {
    let keys = set(
      TestKeys.jwk(TestKeys.rsa.one, #""kid":"k""#), TestKeys.jwk(TestKeys.p256.other, #""kid":"k""#),
      TestKeys.jwk(TestKeys.p256.one, #""kid":"k""#))
    let kid = #""kid":"k""#
    #expect(try verdict(try signed(TestKeys.p256.one, .es256, header: kid), keys: keys) == nil)
    #expect(try verdict(try signed(TestKeys.p256.other, .es256, header: kid), keys: keys) == nil)
    #expect(try verdict(try signed(TestKeys.rsa.one, .rs512, header: kid), keys: keys) == nil)
    #expect(
      try verdict(try signed(TestKeys.rsa.other, .rs256, header: kid), keys: keys) == .verificationFailed)
    #expect(try verdict(try signed(TestKeys.p384.one, .es384, header: kid), keys: keys) == .noKeyMatches)
  }

  @Test func `is never stopped by an Ed25519 key`() throws {
    let keys = set(
      TestKeys.jwk(TestKeys.ed25519.other), TestKeys.jwk(TestKeys.rsa.one), TestKeys.jwk(TestKeys.p256.one))
    #expect(try verdict(try signed(TestKeys.rsa.one, .rs256), keys: keys) == nil)
    #expect(try verdict(try signed(TestKeys.p256.one, .es256), keys: keys) == nil)
    #expect(try verdict(try signed(TestKeys.rsa.other, .rs256), keys: keys) == .verificationFailed)
  }

  @Test func `tries at most as many keys as the setting says`() throws {
    var secrets: [String] = []
    var keys: [SigningKey] = []
    for _ in 0..<20 {
      let key = try SigningKey.generate(for: .hs256)
      keys.append(key)
      secrets.append(TestKeys.jwk(key))
    }
    for members in ["", #""kid":"k""#] {
      let list = keys.map { TestKeys.jwk($0, members) }.joined(separator: ",")
      var ring = KeyRing(try keySet("{\"keys\":[\(list)]}"))
      for (position, key) in keys.enumerated() {
        let text = try signed(key, .hs256, header: members)
        #expect(verdict(text, &ring) == (position < 16 ? nil : .verificationFailed))
      }
      let made = ring.verifierCount
      #expect(made == 16)
    }
    // With kids of their own all are found.
    let list = keys.enumerated().map { TestKeys.jwk($1, #""kid":"\#($0)""#) }.joined(separator: ",")
    var ring = KeyRing(try keySet("{\"keys\":[\(list)]}"))
    for (position, key) in keys.enumerated() {
      #expect(verdict(try signed(key, .hs256, header: #""kid":"\#(position)""#), &ring) == nil)
    }
  }

  @Test func `does not count keys that cannot fit against the limit`() throws {
    let others = Array(repeating: TestKeys.jwk(TestKeys.p256.one), count: 40)
    let keys = (others + [TestKeys.jwk(TestKeys.rsa.one)]).joined(separator: ",")
    #expect(try verdict(try signed(TestKeys.rsa.one, .rs256), keys: "{\"keys\":[\(keys)]}") == nil)
  }

  @Test func `takes over a rotated set, keeps the verifiers of keys that stay and drops the others`() throws {
    let kid = (#""kid":"a""#, #""kid":"b""#)
    let (one, other) = (TestKeys.p256.one, TestKeys.p256.other)
    var ring = KeyRing(try keySet(set(TestKeys.jwk(one, kid.0), TestKeys.jwk(TestKeys.rsa.one))))
    let first = try signed(one, .es256, header: kid.0)
    let rsa = try signed(TestKeys.rsa.one, .ps256)
    #expect(verdict(first, &ring) == nil)
    #expect(verdict(rsa, &ring) == nil)
    ring.replaceKeys(with: try keySet(set(TestKeys.jwk(other, kid.1), TestKeys.jwk(one, kid.0))))
    let kept = ring.verifierCount
    #expect(kept == 1)
    #expect(verdict(first, &ring) == nil)
    #expect(verdict(try signed(other, .es256, header: kid.1), &ring) == nil)
    #expect(verdict(rsa, &ring) == .noKeyMatches)
    let two = ring.verifierCount
    #expect(two == 2)
    ring.replaceKeys(with: try keySet(set(TestKeys.jwk(other, kid.1))))
    #expect(verdict(first, &ring) == .noKeyMatches)
    #expect(verdict(try signed(other, .es256, header: kid.1), &ring) == nil)
    let left = ring.verifierCount
    #expect(left == 1)
  }

  @Test func `finds a key among a thousand`() throws {
    let many = (0..<999).map { TestKeys.jwk(TestKeys.p256.other, #""kid":"k\#($0)""#) }
    let keys = (many + [TestKeys.jwk(TestKeys.p256.one, #""kid":"mine""#)]).joined(separator: ",")
    var ring = KeyRing(try keySet("{\"keys\":[\(keys)]}"))
    #expect(verdict(try signed(TestKeys.p256.one, .es256, header: #""kid":"mine""#), &ring) == nil)
    #expect(verdict(try signed(TestKeys.p256.other, .es256, header: #""kid":"k998""#), &ring) == nil)
    let made = ring.verifierCount
    #expect(made == 2)
  }

  @Test func `refuses a token that was never read`() throws {
    var ring = KeyRing(try keySet(set(TestKeys.jwk(TestKeys.p256.one))))
    let token = UnverifiedToken()
    #expect(throws: TokenError.verificationFailed) {
      _ = try ring.verify(token)
    }
  }
}
