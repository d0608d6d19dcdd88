/// Values of `jwtRules` that load and can never work: where no token is found, keys that are none, issuers that
/// no token names, claims that are never found (semantics, sections 1.4, 1.7 and 1.8).
extension Decoding {
  mutating func warnAboutIssuer(_ issuer: Located<String>) {
    let text = issuer.value
    if text.first?.isWhitespace == true || text.last?.isWhitespace == true {
      let bare = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      warning(
        .literalIssuer, issuer.position,
        "the issuer `\(text)` has a blank at an end and is compared as it is, so no token is of this issuer"
          + (bare.isEmpty ? "" : "; write `\(bare)`"))
    } else if let mark = Self.placeholder(in: text) {
      warning(
        .literalIssuer, issuer.position,
        "`\(mark)` in the issuer `\(text)` is no placeholder and no wildcard: it is compared as it is with `iss`, so "
          + "no token is of this issuer; write each issuer in full, in a rule of its own")
    }
  }

  /// `*`, `{tenant}`, `$NAME`, `${NAME}` or `<tenant>` in an issuer's name.
  private static func placeholder(in text: String) -> String? {
    if text.contains("*") { return "*" }
    for (open, close) in [("{", "}"), ("<", ">")] {
      guard let start = text.firstRange(of: open)?.lowerBound,
        let end = text[start...].firstRange(of: close)?.upperBound
      else { continue }
      let isShell = text[..<start].hasSuffix("$")
      return (isShell ? "$" : "") + text[start..<end]
    }
    guard let dollar = text.firstIndex(of: "$") else { return nil }
    let name = text[dollar...].dropFirst().prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    return name.first?.isLetter == true ? "$\(name)" : nil
  }

  /// Clients send `Authorization: Bearer TOKEN`.
  mutating func warnAboutLocation(_ name: Located<String>, prefix: Located<String>?) {
    guard name.value.lowercased() == "authorization" else { return }
    guard let prefix, !prefix.value.isEmpty else {
      warning(
        .uselessLocation, name.position,
        "without `prefix` the whole value of `\(name.value)` is taken as token, and clients send `Bearer TOKEN`, "
          + "which is none: add `prefix: \"Bearer \"`")
      return
    }
    let scheme = prefix.value.filter { !$0.isWhitespace }
    if scheme.lowercased() == "bearer", !prefix.value.contains("Bearer") {
      warning(
        .uselessLocation, prefix.position,
        "the prefix `\(prefix.value)` is compared with case, and clients send `Bearer TOKEN`, in which it is not "
          + "found: write `prefix: \"Bearer \"`")
    }
  }

  mutating func warnAboutKeysURI(_ uri: Located<String>) {
    let address = uri.value.prefix { $0 != "?" && $0 != "#" }
    let documents = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
    if let document = documents.first(where: { address.hasSuffix($0) || address.contains($0 + "/") }) {
      warning(
        .notAKeySet, uri.position,
        "`jwksUri` names a discovery document, which has no keys: write the address that it has as `jwks_uri`"
          + (address.hasSuffix(document) && document == documents[0]
            ? ", or remove `jwksUri` if `issuer` is `\(address.dropLast(document.count))`: its keys are then discovered"
            : ""))
    } else if let right = Self.keys(insteadOf: address) {
      warning(
        .notAKeySet, uri.position,
        "`\(uri.value)` gives certificates or keys as PEM text, and a JWK Set is wanted: write `\(right)`")
    }
  }

  /// Google has the same keys as PEM texts and as JWKs; the address of these for one of those.
  private static func keys(insteadOf address: Substring) -> String? {
    let x509 = "/robot/v1/metadata/x509/"
    if let found = address.firstRange(of: x509), address.contains("googleapis.com/") {
      return "https://www.googleapis.com/service_accounts/v1/jwk/\(address[found.upperBound...])"
    }
    if address.hasSuffix("googleapis.com/oauth2/v1/certs") {
      return "https://www.googleapis.com/oauth2/v3/certs"
    }
    if address.hasSuffix("gstatic.com/iap/verify/public_key") {
      return "https://www.gstatic.com/iap/verify/public_key-jwk"
    }
    return nil
  }

  /// `claim` of `outputClaimToHeaders`: a path of names between dots.
  mutating func warnAboutOutput(_ claim: Located<String>) {
    let text = claim.value
    if let first = text.first,
      first == "[" || "\"'".contains(first) || first.isWhitespace || text.last?.isWhitespace == true
    {
      let names = text.split { "[]\"'".contains($0) || $0.isWhitespace }
      warning(
        .unreachableClaim, claim.position,
        "`\(text)` in `outputClaimToHeaders` is taken with its brackets, quotes and blanks, so no claim is found"
          + (names.isEmpty ? "" : "; write `\(names.joined(separator: "."))`"))
    } else if text.contains("."), ClaimName.isNamespaced(text) {
      warning(
        .unreachableClaim, claim.position,
        "dots divide `\(text)` in `outputClaimToHeaders` into the names of claims within claims, so a claim of this "
          + "one name is never found and its header never set: let the issuer add the claim under a name without dots"
      )
    }
  }
}
