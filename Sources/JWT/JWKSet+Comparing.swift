import Signatures

extension JWKSet {
  /// Whether both hold the same keys by the same names, in any order: then nobody who verifies with one needs
  /// to know of the other.
  public func holdsTheSameKeys(as other: JWKSet) -> Bool {
    keys.count == other.keys.count && Self.counted(keys) == Self.counted(other.keys)
  }

  private static func counted(_ keys: [JSONWebKey]) -> [Identity: Int] {
    var counts: [Identity: Int] = [:]
    for key in keys {
      counts[Identity(name: key.keyID, algorithm: key.algorithm, key: key.key.fingerprint), default: 0] += 1
    }
    return counts
  }

  private struct Identity: Hashable {
    var name: [UInt8]?
    var algorithm: Algorithm?
    var key: KeyFingerprint
  }
}
