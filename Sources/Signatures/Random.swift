internal import COpenSSL

/// Randomness fit for keys, from libcrypto's generator.
public enum Random {
  /// `count` octets nobody can predict.
  /// - Throws: `.libraryFailure` when the generator has no entropy.
  public static func octets(_ count: Int) throws(KeyError) -> [UInt8] {
    if count <= 0 { return [] }
    var octets = [UInt8](repeating: 0, count: count)
    guard let length = Int32(exactly: count), unsafe RAND_bytes(&octets, length) == 1 else {
      ERR_clear_error()
      throw .libraryFailure
    }
    return octets
  }
}
