import Signatures

// RFC 7518 sections 6.3 and 6.4, RFC 8037: RSA, secrets, Ed25519.
extension OddKeySetRows {
  mutating func addRSA() throws {
    guard let folder else { throw Failure("no folder") }
    let key = try OddKey(.rs256)
    add(
      "RSA, n with a leading zero", Self.set(key.jwk("") { OddKey.base64URL($0 == "n" ? [0] + $1 : $1) }), key
    )
    add(
      "RSA, e with a leading zero", Self.set(key.jwk("") { OddKey.base64URL($0 == "e" ? [0] + $1 : $1) }), key
    )
    add(
      "RSA, n in standard base64",
      Self.set(key.jwk("") { $0 == "n" ? OddKey.standard($1) : OddKey.base64URL($1) }), key, "",
      Self.noKeys)
    add(
      "RSA, n padded", Self.set(key.jwk("") { OddKey.base64URL($1) + ($0 == "n" ? "==" : "") }), key,
      ours: (Self.noKeys, Self.padding))
    add(
      "RSA, n with a blank", Self.set(key.jwk("") { ($0 == "n" ? " " : "") + OddKey.base64URL($1) }), key,
      ours: (Self.noKeys, Self.padding))
    add(
      "RSA, e with a pad too many", Self.set(key.jwk("") { $0 == "e" ? "AQAB=" : OddKey.base64URL($1) }), key,
      "", Self.noKeys)
    add("RSA, e is a number", Self.set(key.jwk(#""e":65537"#)), key, "", Self.noKeys)
    add(
      "RSA without e", Self.set(#"{"kty":"RSA","n":"\#(OddKey.base64URL(key.numbers["n"] ?? []))"}"#), key,
      "", Self.noKeys)
    add("RSA, n empty", Self.set(key.jwk("") { $0 == "n" ? "" : OddKey.base64URL($1) }), key, "", Self.noKeys)
    let weak = (Self.noKeys, "RSA below 2048 bits")
    let exponents = "an RSA exponent other than 3 and 65537"
    for (bits, exponent, envoy, ours) in [
      (2048, 3, Self.passes, nil), (3072, 65537, Self.passes, nil), (1024, 65537, Self.passes, weak),
      (2047, 65537, Self.passes, weak), (2048, 17, Self.noKeys, (Self.passes, exponents)),
    ] {
      let odd = try OddKey(bits: bits, exponent: exponent, in: folder)
      add("RSA of \(bits) bits, e \(exponent)", Self.set(odd.jwk()), odd, "", envoy, ours: ours)
    }
    let pss = try OddKey(.ps256)
    add("RSA without alg, token PS256", Self.set(pss.jwk()), pss)
    add("RSA, alg PS256, token PS256", Self.set(pss.jwk(#""alg":"PS256""#)), pss)
    add("RSA, alg RS256, token PS256", Self.set(pss.jwk(#""alg":"RS256""#)), pss, "", Self.noMatch)
  }

  mutating func addOtherKinds() throws {
    let ed = try OddKey(.edDSA)
    add("Ed25519", Self.set(ed.jwk()), ed)
    add("Ed25519, alg EdDSA", Self.set(ed.jwk(#""alg":"EdDSA""#)), ed)
    add("Ed25519, alg Ed25519", Self.set(ed.jwk(#""alg":"Ed25519""#)), ed, "", Self.noKeys)
    add("Ed25519, use enc", Self.set(ed.jwk(#""use":"enc""#)), ed, ours: (Self.noKeys, Self.encryption))
    add("Ed25519, x of 33 bytes", Self.set(ed.jwk("") { OddKey.base64URL([0] + $1) }), ed, "", Self.noKeys)
    add(
      "Ed25519, x of 31 bytes", Self.set(ed.jwk("") { OddKey.base64URL($1.dropLast()) }), ed, "", Self.noKeys)
    add(
      "Ed25519, x padded", Self.set(ed.jwk("") { OddKey.base64URL($1) + "=" }), ed,
      ours: (Self.noKeys, Self.padding))
    add("OKP without crv", Self.set("{\"kty\":\"OKP\",\(ed.members())}"), ed, "", Self.noKeys)
    add("OKP, crv empty", Self.set("{\"kty\":\"OKP\",\"crv\":\"\",\(ed.members())}"), ed, "", Self.noKeys)
    add("OKP, crv null", Self.set("{\"kty\":\"OKP\",\"crv\":null,\(ed.members())}"), ed, "", Self.noKeys)
    add(
      "OKP, crv X25519", Self.set("{\"kty\":\"OKP\",\"crv\":\"X25519\",\(ed.members())}"), ed, "", Self.noKeys
    )

    let secret = try OddKey(.hs256)
    add("oct, inline", Self.set(secret.jwk()), secret, inline: true)
    add("oct, alg null, inline", Self.set(secret.jwk(#""alg":null"#)), secret, inline: true)
    add("oct, alg empty, inline", Self.set(secret.jwk(#""alg":"""#)), secret, inline: true)
    let with = try OddKey(.es256)
    add(
      "oct, alg RS256, beside an EC key, inline", Self.set(secret.jwk(#""alg":"RS256""#), with.jwk()), secret,
      "",
      Self.fails, ours: (Self.noMatch, "a key of another type, curve or `alg`"), inline: true)
    add("oct, fetched", Self.set(secret.jwk()), secret, ours: (Self.noKeys, "an `oct` key in a fetched set"))
    let short = try OddKey(
      .hs256, try SigningKey(.secret([UInt8](repeating: 7, count: 32))))
    add(
      "oct, k padded, inline", Self.set(short.jwk("") { OddKey.base64URL($1) + "=" }, with.jwk()), short,
      ours: (Self.noMatch, Self.padding), inline: true)

    let key = try OddKey(.es256)
    for kind in ["", "\"kty\":null,", "\"kty\":1,", "\"kty\":\"\",", "\"kty\":\"ec\",", "\"kty\":\"RSA\","] {
      add(
        "EC members, \(kind.isEmpty ? "no kty" : kind)",
        Self.set("{\(kind)\"crv\":\"P-256\",\(key.members())}"), key, "", Self.noKeys)
    }
  }
}
