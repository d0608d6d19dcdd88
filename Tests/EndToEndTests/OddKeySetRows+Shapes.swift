import Signatures

// RFC 7517 section 5: the set around the keys.
extension OddKeySetRows {
  mutating func addShapes() throws {
    guard let folder else { throw Failure("no folder") }
    let key = try OddKey(.es256)
    let jwk = key.jwk(#""kid":"k""#)
    for odd in ["null", "1", "\"x\"", "[]", "{}", "true", #"{"kty":"RSA"}"#, #"{"kty":"XYZ","kid":"k"}"#] {
      add("keys with \(odd) before the key", Self.set(odd, jwk), key, #""kid":"k""#)
    }
    for value in ["[]", "null", "1", "\"\"", "{}", "[null]", "[{}]"] {
      add("keys \(value)", "{\"keys\":\(value)}", key, "", Self.noKeys)
    }
    add("keys is an object of keys", "{\"keys\":{\"k\":\(jwk)}}", key, "", Self.noKeys)
    add("keys is one key", "{\"keys\":\(jwk)}", key, "", Self.noKeys)
    add("a list of keys", "[\(jwk)]", key, "", Self.noKeys)
    add("one key without a set", jwk, key, "", Self.noKeys)
    add("an empty object", "{}", key, "", Self.noKeys)
    add("an empty text", "", key, "", Self.noKeys)
    add("text", "hello", key, "", Self.noKeys)
    add("KEYS", "{\"KEYS\":[\(jwk)]}", key, "", Self.noKeys)
    add("members beside keys", "{\"a\":1,\"keys\":[\(jwk)],\"keys2\":null}", key)
    add("keys twice", "{\"keys\":[\(jwk)],\"keys\":[\(jwk)]}", key, "", Self.noKeys)
    add("kid twice", Self.set(key.jwk(#""kid":"a","kid":"b""#)), key, "", Self.noKeys)
    add("an unknown member twice", Self.set(key.jwk(#""z":1,"z":1"#)), key, "", Self.noKeys)
    add("a byte order mark", "\u{FEFF}" + Self.set(jwk), key, "", Self.noKeys)
    add("text behind the set", Self.set(jwk) + "x", key, "", Self.noKeys)
    add("blank lines around the set", "\r\n \t" + Self.set(jwk) + "\r\n", key)
    add("a comma behind the last key", "{\"keys\":[\(jwk),]}", key, ours: (Self.noKeys, Self.strictJSON))
    add("single quotes", Self.set(jwk).replacing("\"", with: "'"), key, ours: (Self.noKeys, Self.strictJSON))
    add(
      "bare names", Self.set(jwk).replacing("\"keys\"", with: "keys"), key,
      ours: (Self.noKeys, Self.strictJSON))
    add("a comment", Self.set(jwk) + "// x", key, "", Self.noKeys)
    add("NaN", Self.set(key.jwk(#""z":NaN"#)), key, "", Self.noKeys)
    let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
    add(
      "70 lists deep", Self.set(key.jwk("\"z\":\(deep)")), key,
      ours: (Self.noKeys, "JSON deeper than 64 levels"))
    let (certified, pem) = try OddKey.certified(in: folder)
    let text = pem.replacing("\n", with: "\\n")
    let noSet = (Self.noKeys, "a map from `kid` to PEM certificates")
    add("a map of certificates", "{\"k\":\"\(text)\"}", certified, #""kid":"k""#, ours: noSet)
    add("a map of certificates", "{\"k\":\"\(text)\"}", certified, "", ours: noSet)
    add("a map of certificates and keys", "{\"k\":\"\(text)\",\"keys\":[\(jwk)]}", key)
    add("an RSA key with another's certificate", Self.set(key.jwk("\"x5c\":[\"\(text)\"]")), key)
  }
}
