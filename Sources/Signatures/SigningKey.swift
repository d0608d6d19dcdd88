internal import Bytes
internal import COpenSSL

/// A private key for development, tests and load: it makes what `Verifier` checks. The service itself never
/// signs.
///
/// Its public part has passed every check of `VerificationKey`, and a signature by it was verified when it
/// was made.
public struct SigningKey: Sendable {
  /// The parts, as a private JSON Web Key has them (RFC 7518 section 6, RFC 8037 section 2): numbers of RSA
  /// big-endian in shortest form, the others of their full length.
  public enum Components: Sendable, Equatable {
    case rsa(RSAComponents)
    case ec(Curve, x: [UInt8], y: [UInt8], d: [UInt8])
    case ed25519(x: [UInt8], d: [UInt8])
    case secret([UInt8])
  }

  /// The numbers of an RSA key pair.
  public struct RSAComponents: Sendable, Equatable {
    public var n, e, d: [UInt8]
    /// Present in every key made here; a key without them signs slower (RFC 7518 section 6.3.2 allows that).
    public var factors: Factors?

    public init(n: [UInt8], e: [UInt8], d: [UInt8], factors: Factors?) {
      self.n = n
      self.e = e
      self.d = d
      self.factors = factors
    }

    /// The two primes and what follows from them; all five or none.
    public struct Factors: Sendable, Equatable {
      public var p, q, dp, dq, qi: [UInt8]

      public init(p: [UInt8], q: [UInt8], dp: [UInt8], dq: [UInt8], qi: [UInt8]) {
        self.p = p
        self.q = q
        self.dp = dp
        self.dq = dq
        self.qi = qi
      }
    }
  }

  public let components: Components
  /// The public part; for HMAC the secret.
  public let verificationKey: VerificationKey
  private let handle: PrivateHandle

  /// A key from its parts.
  /// - Throws: what `VerificationKey` throws about the public part; `.privatePartDoesNotFit` when the private
  ///   one has a wrong length or makes signatures that the public one refuses. Cost: a signature, for RSA of
  ///   some milliseconds.
  public init(_ components: Components) throws(KeyError) {
    let components = components.normalized
    try components.checkLengths()
    self.components = components
    verificationKey = try components.makeVerificationKey()
    handle = try PrivateHandle(components)
    try proveThatPartsFit()
  }

  /// Whether it makes signatures of `algorithm`.
  public func fits(_ algorithm: Algorithm) -> Bool { verificationKey.fits(algorithm) }

  /// A signature in JOSE form: r and s side by side for ECDSA, else the octets of the algorithm.
  /// - Throws: `.algorithmDoesNotFit`; `.libraryFailure`.
  public func sign(_ message: Span<UInt8>, algorithm: Algorithm) throws(KeyError) -> [UInt8] {
    if !fits(algorithm) { throw .algorithmDoesNotFit }
    if case .secret(let secret) = components {
      let code = SecretStates(algorithm.hash, secret: secret).code(over: message)
      return (0..<algorithm.hash.octets).map { code[$0] }
    }
    let octets = verificationKey.signatureOctets(algorithm)
    let signature = handle.sign(message, algorithm, atMost: octets)
    guard let signature else {
      ERR_clear_error()
      throw .libraryFailure
    }
    return signature
  }

  /// Signs something and checks it: a private part of another key shows here.
  private func proveThatPartsFit() throws(KeyError) {
    guard let algorithm = Algorithm.allCases.first(where: fits) else {
      // A secret too short for every algorithm has no parts that could disagree.
      return
    }
    let probe: [UInt8] = Array("a signature to see that both parts are of one key".utf8)
    let signature: [UInt8]
    do throws(KeyError) {
      signature = try sign(probe.span, algorithm: algorithm)
    } catch {
      throw .privatePartDoesNotFit
    }
    var verifier = try Verifier(key: verificationKey, algorithm: algorithm)
    if !verifier.isValid(signature: signature.span, over: probe.span) { throw .privatePartDoesNotFit }
  }
}

/// The kind and size alone: private parts must not reach a log because a value was interpolated.
extension SigningKey: CustomStringConvertible, CustomReflectable {
  public var description: String { "private part of \(verificationKey)" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SigningKey.Components {
  /// Numbers in the form that `Components` describes. An elliptic-curve number that does not fit stays as it
  /// is: the checks that follow refuse it.
  fileprivate var normalized: Self {
    if case .ec(let curve, let x, let y, let d) = self {
      let length = curve.octets
      return .ec(
        curve, x: x.isEmpty ? x : x.filled(to: length) ?? x, y: y.isEmpty ? y : y.filled(to: length) ?? y,
        d: d.isEmpty ? d : d.filled(to: length) ?? d)
    }
    guard case .rsa(var parts) = self else { return self }
    parts.n = parts.n.withoutLeadingZeros
    parts.e = parts.e.withoutLeadingZeros
    parts.d = parts.d.withoutLeadingZeros
    if let factors = parts.factors {
      parts.factors = .init(
        p: factors.p.withoutLeadingZeros, q: factors.q.withoutLeadingZeros,
        dp: factors.dp.withoutLeadingZeros,
        dq: factors.dq.withoutLeadingZeros, qi: factors.qi.withoutLeadingZeros)
    }
    return .rsa(parts)
  }

  /// Lengths that bound libcrypto's work on numbers nobody has checked.
  fileprivate func checkLengths() throws(KeyError) {
    switch self {
    case .rsa(let parts):
      var numbers = [parts.d]
      if let factors = parts.factors {
        numbers += [factors.p, factors.q, factors.dp, factors.dq, factors.qi]
      }
      for number in numbers where number.isEmpty || number.count > parts.n.count {
        throw .privatePartDoesNotFit
      }
    case .ec(let curve, _, _, let d):
      if d.count != curve.octets { throw .privatePartDoesNotFit }
    case .ed25519(_, let d):
      if d.count != 32 { throw .privatePartDoesNotFit }
    case .secret:
      return
    }
  }

  fileprivate func makeVerificationKey() throws(KeyError) -> VerificationKey {
    switch self {
    case .rsa(let parts): try VerificationKey(rsaModulus: parts.n, exponent: parts.e)
    case .ec(let curve, let x, let y, _): try VerificationKey(curve: curve, x: x, y: y)
    case .ed25519(let x, _): try VerificationKey(ed25519: x)
    case .secret(let secret): try VerificationKey(secret: secret)
    }
  }
}
