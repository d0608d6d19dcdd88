internal import Bytes
internal import COpenSSL

/// Makes `EVP_PKEY` handles from octets. Each function gives the handle to the caller, who frees it.
enum KeyHandles {
  /// The handle of a public key.
  /// - Throws: `.algorithmDoesNotFit` for a secret, which has none.
  static func make(_ material: VerificationKey.Material) throws(KeyError) -> OpaquePointer {
    switch material {
    case .rsa(let modulus, let exponent):
      return unsafe try make(
        "RSA", selection: countersign_evp_pkey_public_key(),
        numbers: [Number(name: "n", octets: modulus), Number(name: "e", octets: exponent)])
    case .ec(let curve, let x, let y):
      return unsafe try make(
        "EC", selection: countersign_evp_pkey_public_key(), numbers: [],
        curve: curve, point: CurvePoint.uncompressed(x: x, y: y))
    case .ed25519(let x):
      guard let key = unsafe EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, x, x.count) else {
        ERR_clear_error()
        throw .libraryFailure
      }
      return unsafe key
    case .secret:
      throw .algorithmDoesNotFit
    }
  }

  /// A named number of a key (`OSSL_PKEY_PARAM_*`), big-endian.
  struct Number {
    let name: StaticString
    let octets: [UInt8]
  }

  /// Hands parameters to the provider.
  /// - Parameters:
  ///   - type: `RSA` or `EC`.
  ///   - selection: whether the parameters are a public key or a pair.
  ///   - curve: the group, with `point`, its public point in uncompressed form; both for `EC` alone.
  static func make(
    _ type: StaticString, selection: Int32, numbers: [Number], curve: Curve? = nil, point: [UInt8] = []
  ) throws(KeyError) -> OpaquePointer {
    guard let builder = unsafe OSSL_PARAM_BLD_new() else { throw .libraryFailure }
    var held: [OpaquePointer] = unsafe []
    // The builder keeps pointers, not copies, until it is turned into parameters: numbers and octets outlive
    // it.
    defer {
      unsafe OSSL_PARAM_BLD_free(builder)
      while let number = unsafe held.popLast() { unsafe BN_clear_free(number) }
    }
    var pushed = true
    for number in numbers {
      guard
        let length = Int32(exactly: number.octets.count),
        let value = unsafe BN_bin2bn(number.octets, length, nil)
      else { throw .libraryFailure }
      unsafe held.append(value)
      pushed = unsafe pushed && OSSL_PARAM_BLD_push_BN(builder, number.name.cString, value) == 1
    }
    if let curve {
      let name: StaticString = "group"
      pushed =
        unsafe pushed && OSSL_PARAM_BLD_push_utf8_string(builder, name.cString, curve.name.cString, 0) == 1
    }
    let handle: OpaquePointer? = unsafe point.withUnsafeBufferPointer { octets in
      let name: StaticString = "pub"
      if !octets.isEmpty {
        pushed =
          unsafe pushed
          && OSSL_PARAM_BLD_push_octet_string(builder, name.cString, octets.baseAddress, octets.count) == 1
      }
      guard pushed, let parameters = unsafe OSSL_PARAM_BLD_to_param(builder) else { return nil }
      defer { unsafe OSSL_PARAM_free(parameters) }
      return unsafe imported(type, selection: selection, parameters)
    }
    guard let handle = unsafe handle else {
      ERR_clear_error()
      throw .libraryFailure
    }
    return unsafe handle
  }

  private static func imported(
    _ type: StaticString, selection: Int32, _ parameters: UnsafeMutablePointer<OSSL_PARAM>
  ) -> OpaquePointer? {
    guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type.cString, nil) else { return nil }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    if unsafe EVP_PKEY_fromdata_init(context) != 1 { return nil }
    if unsafe EVP_PKEY_fromdata(context, &key, selection, parameters) != 1 { return nil }
    return unsafe key
  }
}

extension StaticString {
  /// The text as C sees it. The compiler ends the octets of a literal with a zero, and they live for ever.
  var cString: UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
