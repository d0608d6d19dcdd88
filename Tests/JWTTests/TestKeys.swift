import Signatures

/// Keys made once per run, two of each kind, and tokens signed with them.
enum TestKeys {
  struct Pair: Sendable {
    let one: SigningKey
    let other: SigningKey
  }

  static let rsa = pair(.rs256)
  static let p256 = pair(.es256)
  static let p384 = pair(.es384)
  static let p521 = pair(.es512)
  static let ed25519 = pair(.edDSA)
  /// 64 octets: long enough for every HMAC.
  static let secret = pair(.hs512)

  static func pair(for algorithm: Algorithm) -> Pair {
    switch algorithm {
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: rsa
    case .es256: p256
    case .es384: p384
    case .es512: p521
    case .hs256, .hs384, .hs512: secret
    case .edDSA: ed25519
    }
  }

  private static func pair(_ algorithm: Algorithm) -> Pair {
    do throws(KeyError) {
      return Pair(one: try .generate(for: algorithm), other: try .generate(for: algorithm))
    } catch {
      fatalError("no test key: \(error)")
    }
  }

  /// The public part as a JSON Web Key.
  /// - Parameter members: more members, such as `"kid":"a"`.
  static func jwk(_ key: VerificationKey, _ members: String = "") -> String {
    let own =
      switch key.material {
      case .rsa(let n, let e): #""kty":"RSA","n":"\#(base64url(n))","e":"\#(base64url(e))""#
      case .ec(let curve, let x, let y):
        #""kty":"EC","crv":"\#(curve.name)","x":"\#(base64url(x))","y":"\#(base64url(y))""#
      case .ed25519(let x): #""kty":"OKP","crv":"Ed25519","x":"\#(base64url(x))""#
      case .secret(let k): #""kty":"oct","k":"\#(base64url(k))""#
      }
    return "{\(own)\(members.isEmpty ? "" : ",")\(members)}"
  }

  static func jwk(_ key: SigningKey, _ members: String = "") -> String { jwk(key.verificationKey, members) }
}

func set(_ keys: String...) -> String { "{\"keys\":[\(keys.joined(separator: ","))]}" }

/// A token with a true signature.
/// - Parameters:
///   - named: the algorithm in the header; the signing one unless given.
///   - header: more members of the header, such as `"kid":"a"`.
func signed(
  _ key: SigningKey, _ algorithm: Algorithm, named: Algorithm? = nil, header: String = "",
  payload: String = "{}"
) throws -> String {
  let name = (named ?? algorithm).name
  let head = base64url("{\"alg\":\"\(name)\"\(header.isEmpty ? "" : ",")\(header)}")
  let input = "\(head).\(base64url(payload))"
  return "\(input).\(base64url(try key.sign(Array(input.utf8).span, algorithm: algorithm)))"
}
