import Signatures

// RFC 7517 section 4: the optional members.
extension OddKeySetRows {
  private static let odd = ["null", "\"\"", "1", "true", "[]", "[\"a\"]", "{}", "{\"a\":1}"]

  mutating func addOptionalMembers() throws {
    let rsa = try OddKey(.rs256)
    let ec = try OddKey(.es256)
    for (kind, key) in [("RSA", rsa), ("EC", ec)] {
      for value in Self.odd {
        for name in ["kid", "alg", "use", "key_ops", "x5c", "ext"] {
          add("\(kind), \(name) \(value)", Self.set(key.jwk("\"\(name)\":\(value)")), key, #""kid":"k""#)
        }
      }
      add("\(kind), d null", Self.set(key.jwk(#""d":null,"p":null,"q":null,"oth":null"#)), key)
      add("\(kind), d", Self.set(key.jwk(#""d":"AAEC""#)), key)
      add("\(kind), d is a number", Self.set(key.jwk(#""d":1"#)), key)
      add(
        "\(kind), x5c garbage", Self.set(key.jwk(#""x5c":["!"],"x5t":1,"x5u":"file:///","x5t#S256":null"#)),
        key)
      add("\(kind), unknown members", Self.set(key.jwk(#""a":{"b":[1,null]},"iat":1.5,"":"""#)), key)
      add(
        "\(kind), a long kid", Self.set(key.jwk("\"kid\":\"\(String(repeating: "k", count: 5_000))\"")), key)
      for name in ["none", "rs256", " ", "A256KW", "ES256K"] {
        add("\(kind), alg \(name)", Self.set(key.jwk("\"alg\":\"\(name)\"")), key, "", Self.noKeys)
      }
    }
    for name in ["RS384", "PS256"] {
      add("RSA, alg \(name), token RS256", Self.set(rsa.jwk("\"alg\":\"\(name)\"")), rsa, "", Self.noMatch)
    }
    for name in ["HS256", "ES256"] {
      add("RSA, alg \(name), token RS256", Self.set(rsa.jwk("\"alg\":\"\(name)\"")), rsa, "", Self.noKeys)
    }
    let oaep = rsa.jwk(#""alg":"RSA-OAEP""#)
    add(
      "RSA, alg RSA-OAEP, alone", Self.set(oaep), rsa, "", Self.noMatch,
      ours: (Self.noKeys, "an `alg` such as `RSA-OAEP`"))
    add("RSA, alg RSA-OAEP, beside another key", Self.set(oaep, rsa.jwk(#""kid":"k","alg":"RS256""#)), rsa)
    add("RSA, crv null", Self.set(rsa.jwk(#""crv":null"#)), rsa)
    add("RSA, crv P-256", Self.set(rsa.jwk(#""crv":"P-256""#)), rsa)
    add(
      "RSA as a .NET class writes it",
      Self.set(
        rsa.jwk(
          #""alg":null,"crv":null,"d":null,"key_ops":[],"oth":null,"use":null,"x5c":[],"keySize":2048"#)), rsa
    )
  }

  mutating func addOperations() throws {
    let key = try OddKey(.es256)
    for use in ["sig", "ENC", "tls", "enc "] {
      add("use \(use)", Self.set(key.jwk("\"use\":\"\(use)\"")), key)
    }
    add("use enc", Self.set(key.jwk(#""use":"enc""#)), key, ours: (Self.noKeys, Self.encryption))
    let beside = Self.set(key.jwk(#""kid":"e","use":"enc""#), key.jwk(#""kid":"s""#))
    add("use enc beside use sig", beside, key, #""kid":"s""#)
    add("use enc beside use sig", beside, key, #""kid":"e""#, ours: (Self.noMatch, Self.encryption))
    for list in [
      #"["verify"]"#, #"["sign"]"#, #"["connect"]"#, "[]", "[null]", "[1]", #""verify""#, #""encrypt""#,
      #"["sign","encrypt"]"#, #"["encrypt","x"]"#, #"[["encrypt"]]"#, #"["Encrypt"]"#, #"[""]"#,
    ] {
      add("key_ops \(list)", Self.set(key.jwk("\"key_ops\":\(list)")), key)
    }
    for list in [
      #"["encrypt"]"#, #"["decrypt"]"#, #"["wrapKey","unwrapKey"]"#, #"["deriveKey","deriveBits"]"#,
      #"["encrypt",1,null]"#,
    ] {
      add(
        "key_ops \(list)", Self.set(key.jwk("\"key_ops\":\(list)")), key,
        ours: (Self.noKeys, Self.encryptionOperations))
    }
  }

  mutating func addKeyIDs() throws {
    let (one, other, third) = (try OddKey(.es256), try OddKey(.es256), try OddKey(.rs256))
    let (a, b) = (#""kid":"a""#, #""kid":"b""#)
    let same = Self.set(one.jwk(a), other.jwk(a), third.jwk(a))
    for key in [one, other, third] { add("three keys of one kid", same, key, a) }
    add("three keys of one kid", same, one, b, Self.noMatch)
    add("three keys of one kid", same, other)
    let mixed = Self.set(one.jwk(a), other.jwk(), third.jwk(#""kid":null"#))
    for (key, header) in [(one, a), (one, ""), (other, a), (other, b), (third, a), (third, "")] {
      add("a key with kid, one without, one with null", mixed, key, header)
    }
    add("a key with kid, one without, one with null", mixed, one, b, Self.fails)
    let numbered = Self.set(one.jwk(#""kid":1"#), other.jwk(#""kid":"1""#))
    for key in [one, other] { add("kid 1 as a number and as a text", numbered, key, #""kid":"1""#) }
    add("kid 1 as a number and as a text", numbered, other, #""kid":"2""#, Self.fails)
    add("kid in other letters", Self.set(one.jwk(#""kid":"A""#)), one, a, Self.noMatch)
    add("kid with escapes", Self.set(one.jwk(#""kid":"\u0061""#)), one, a)
    add("the same key twice", Self.set(one.jwk(a), one.jwk(b)), one, b)
  }
}
