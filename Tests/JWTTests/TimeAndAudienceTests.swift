import JWT
import Testing

@Suite struct `Times` {
  @Test func `expire one second after the skew`() throws {
    #expect(try timeRefusal(#"{"exp":1000}"#, now: 1060) == nil)
    #expect(try timeRefusal(#"{"exp":1000}"#, now: 1061) == .expired)
    #expect(try timeRefusal(#"{"exp":1000.9}"#, now: 1061) == .expired)
    #expect(try timeRefusal(#"{"exp":1000}"#, now: 1000, skew: 0) == nil)
    #expect(try timeRefusal(#"{"exp":1000}"#, now: 1001, skew: 0) == .expired)
    #expect(try timeRefusal(#"{"exp":2e10}"#, now: 1_700_000_000) == nil)
  }

  @Test func `begin as much before as the skew allows`() throws {
    #expect(try timeRefusal(#"{"nbf":1000}"#, now: 940) == nil)
    #expect(try timeRefusal(#"{"nbf":1000}"#, now: 939) == .notYetValid)
    #expect(try timeRefusal(#"{"nbf":1000,"exp":1}"#, now: 939) == .notYetValid)
  }

  @Test func `that are absent do not bind, and iat never does`() throws {
    #expect(try timeRefusal("{}", now: 0) == nil)
    #expect(try timeRefusal("{}", now: .max) == nil)
    #expect(try timeRefusal(#"{"iat":99999999999}"#, now: 1) == nil)
  }

  @Test func `an expiry of 0 has passed, whatever the clock says`() throws {
    for now in [0, 1, 60, 61, 1_700_000_000] as [UInt64] {
      #expect(try timeRefusal(#"{"exp":0}"#, now: now) == .expired)
      #expect(try timeRefusal(#"{"exp":0.9}"#, now: now) == .expired)
    }
  }

  @Test func `at the end of the numbers do not trap`() throws {
    for time in ["9223372036854775807", "18446744073709549568"] {
      for now in [0, .max / 2, .max] as [UInt64] {
        #expect(
          try timeRefusal(#"{"exp":\#(time)}"#, now: now)
            == (now == .max ? .expired : nil))
        _ = try timeRefusal(#"{"nbf":\#(time)}"#, now: now)
      }
      #expect(try timeRefusal(#"{"exp":\#(time)}"#, now: 1, skew: .max) == nil)
      #expect(try timeRefusal(#"{"nbf":\#(time)}"#, now: 1, skew: .max) == nil)
    }
  }
}

@Suite struct `Audiences` {
  @Test func `match when one of the token's is one of the rule's`() throws {
    #expect(try hasAudience(#"{"aud":"a"}"#, ["b", "a"]))
    #expect(try hasAudience(#"{"aud":["x","a"]}"#, ["b", "a"]))
    #expect(try !hasAudience(#"{"aud":["x","y"]}"#, ["b", "a"]))
  }

  @Test func `are not looked at when the rule names none`() throws {
    #expect(try hasAudience("{}", []))
    #expect(try hasAudience(#"{"aud":"a"}"#, []))
  }

  @Test func `that are missing, empty, prefixes, joined or of another case do not match`() throws {
    for payload in [
      "{}", #"{"aud":[]}"#, #"{"aud":""}"#, #"{"aud":"ab"}"#, #"{"aud":"A"}"#, #"{"aud":"a b"}"#,
      #"{"aud":"a,b"}"#,
      #"{"aud":" a"}"#, #"{"aud":"a\u0000"}"#, #"{"aud":["","ab"]}"#,
    ] {
      #expect(try !hasAudience(payload, ["a", "b"]), "\(payload)")
    }
  }

  @Test func `are compared without scheme and one trailing slash, on both sides`() throws {
    for (one, other) in [
      ("https://a.example/", "a.example"), ("http://a.example", "https://a.example/"),
      ("a.example/", "a.example"),
      ("a.example", "http://a.example/"), ("https://", "https:///"), ("http://", "/"),
    ] {
      #expect(try hasAudience(#"{"aud":"\#(one)"}"#, [other]), "\(one) \(other)")
      #expect(try hasAudience(#"{"aud":["\#(other)"]}"#, [one]), "\(one) \(other)")
    }
    for (one, other) in [
      ("https://a.example//", "a.example"), ("HTTPS://a.example", "a.example"),
      ("ftp://a.example", "a.example"),
      ("https://http://a", "a"), ("https:/a", "a"),
    ] {
      #expect(try !hasAudience(#"{"aud":"\#(one)"}"#, [other]), "\(one) \(other)")
      #expect(try !hasAudience(#"{"aud":"\#(other)"}"#, [one]), "\(one) \(other)")
    }
  }
}
