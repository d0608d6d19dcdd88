import ArgumentParser

/// A development issuer: a laptop demo needs no identity provider.
struct TokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Make keys and tokens for development and tests.",
    discussion: """
      countersign token keygen --algorithm ES256 --out issuer.jwk     a private key, mode 0600
      countersign token keygen --public issuer.jwk                    its JWK Set, for a RequestAuthentication's jwks
      countersign token mint --key issuer.jwk --issuer me@example.com --subject alice
      countersign token inspect "$TOKEN" --policies policies/          what is in a token, and what would become of it
      """,
    subcommands: [TokenKeygen.self, TokenMint.self, TokenInspect.self])
}
