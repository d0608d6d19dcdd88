import Bytes
import Foundation
import Signatures

extension [UInt8] {
  /// Octets written in hexadecimal, as Wycheproof has them.
  init(hex: String) throws {
    let digits = Array(hex.utf8)
    guard digits.count % 2 == 0 else { throw BadVector(text: hex) }
    self = try stride(from: 0, to: digits.count, by: 2).map {
      guard let high = digits[$0].hexDigitValue, let low = digits[$0 + 1].hexDigitValue else {
        throw BadVector(text: hex)
      }
      return high << 4 | low
    }
  }

  /// A big-endian number filled up or cut down to a length; only zeros are cut.
  func filled(to length: Int) throws -> [UInt8] {
    let digits = Array(drop { $0 == 0 })
    guard digits.count <= length else { throw BadVector(text: "\(count) octets for \(length)") }
    return Array(repeating: 0, count: length - digits.count) + digits
  }

  /// Big-endian sum of the same length; nil when it does not fit.
  func adding(_ other: [UInt8]) -> [UInt8]? {
    var sum = self
    var carry = 0
    for index in indices.reversed() {
      carry += Int(self[index]) + Int(other[index])
      sum[index] = UInt8(carry & 0xFF)
      carry >>= 8
    }
    return carry == 0 ? sum : nil
  }

  /// Big-endian difference of the same length, wrapping.
  func subtracting(_ other: [UInt8]) -> [UInt8] {
    var difference = self
    var borrow = 0
    for index in indices.reversed() {
      let value = Int(self[index]) - Int(other[index]) - borrow
      difference[index] = UInt8(value & 0xFF)
      borrow = value < 0 ? 1 : 0
    }
    return difference
  }

  /// Big-endian product with a small factor.
  func multiplied(by factor: Int) -> [UInt8] {
    var product = self
    var carry = 0
    for index in indices.reversed() {
      carry += Int(self[index]) * factor
      product[index] = UInt8(carry & 0xFF)
      carry >>= 8
    }
    while carry > 0 {
      product.insert(UInt8(carry & 0xFF), at: 0)
      carry >>= 8
    }
    return product
  }
}

struct BadVector: Error { let text: String }

extension Curve {
  /// The number of points, n (FIPS 186-5, SP 800-186).
  var order: [UInt8] {
    get throws {
      switch self {
      case .p256: try [UInt8](hex: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
      case .p384:
        try [UInt8](
          hex:
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        )
      case .p521:
        try [UInt8](
          hex:
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709"
            + "a5d03bb5c9b8899c47aebb6fb71e91386409")
      }
    }
  }
}

/// A verifier that takes arrays: the test macros cannot hold spans and noncopyable values.
final class Judge {
  private var verifier: Verifier

  /// - Parameter byTable: an ECDSA key's table is built and used.
  init(key: VerificationKey, algorithm: Algorithm, byTable: Bool = false) throws {
    var made = try Verifier(key: key, algorithm: algorithm)
    if byTable, let table = ECDSATable.build(for: key) { made.adopt(table) }
    verifier = made
  }

  var hasTable: Bool { verifier.hasTable }

  func accepts(_ signature: [UInt8], over message: [UInt8]) -> Bool {
    verifier.isValid(signature: signature.span, over: message.span)
  }
}

/// One question, asked of a verifier made for it alone.
func isValid(
  _ key: VerificationKey, _ algorithm: Algorithm, _ signature: [UInt8], over message: [UInt8]
) throws -> Bool {
  try Judge(key: key, algorithm: algorithm).accepts(signature, over: message)
}

extension SigningKey {
  func sign(_ message: [UInt8], algorithm: Algorithm) throws -> [UInt8] {
    try sign(message.span, algorithm: algorithm)
  }
}

extension Algorithm {
  init?(named name: [UInt8]) { self.init(name: name.span) }
}

/// One key per algorithm, made once for all tests: RSA keys take long in debug builds.
enum TestKeys {
  private static let rsa = Result { try SigningKey.generate(for: .rs256) }
  private static let others: [Algorithm: Result<SigningKey, any Error>] = Dictionary(
    uniqueKeysWithValues: Algorithm.allCases.filter { ![.rsaPKCS1, .rsaPSS].contains($0.family) }.map {
      algorithm in
      (algorithm, Result { try SigningKey.generate(for: algorithm) })
    })

  static func key(for algorithm: Algorithm) throws -> SigningKey {
    switch algorithm.family {
    case .rsaPKCS1, .rsaPSS: try rsa.get()
    default: try others[algorithm]?.get() ?? rsa.get()
    }
  }
}
