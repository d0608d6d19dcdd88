import Bytes
import COpenSSL

/// Why a handshake ended without a connection, or a connection before its time.
public enum TLSRefusal: Sendable, Hashable, CustomStringConvertible {
  /// The client showed no certificate, or none that counts.
  case clientCertificate(String)
  /// It does not name `h2` in ALPN.
  case noHTTP2
  /// It is no TLS, none that is spoken here, or broken.
  case protocolError(String)

  public var description: String {
    switch self {
    case .clientCertificate(let reason): "a client's certificate was refused: \(reason)"
    case .noHTTP2: "a client does not offer h2 by ALPN"
    case .protocolError(let reason): "TLS failed: \(reason)"
    }
  }
}

/// Where the session that is at work finds the octets that came and leaves those that go. One thread's sessions share
/// it: a connection that waits has no buffer of its own in either direction.
@safe
public final class TLSChannel {
  fileprivate var input: UnsafeBufferPointer<UInt8>
  fileprivate var taken = 0
  /// What goes to the wire.
  fileprivate(set) var output = ByteBuffer(capacity: 16)
  /// What a callback had to object.
  var refusal: TLSRefusal?
  /// How many messages of TLS itself the session may still handle. Below zero it gets no further octets.
  var allowance = Int.max

  public init() { unsafe input = UnsafeBufferPointer(start: nil, count: 0) }

  /// Lets a session work on `octets`, with all that it writes appended to `output`.
  @unsafe
  func carry<Result>(
    _ octets: UnsafeBufferPointer<UInt8>, to output: inout ByteBuffer, _ work: () -> Result
  ) -> Result {
    unsafe input = octets
    taken = 0
    refusal = nil
    swap(&self.output, &output)
    defer {
      swap(&self.output, &output)
      unsafe input = UnsafeBufferPointer(start: nil, count: 0)
    }
    ERR_clear_error()
    return work()
  }

  /// Makes the end of the wire that a session holds; it must not outlive the channel.
  @unsafe
  func makeEnd() -> OpaquePointer? {
    guard let kind = unsafe Self.kind.pointer, let end = unsafe BIO_new(kind) else { return nil }
    unsafe BIO_set_data(end, Unmanaged.passUnretained(self).toOpaque())
    unsafe BIO_set_init(end, 1)
    return unsafe end
  }

  @unsafe
  static func of(_ end: OpaquePointer) -> TLSChannel? {
    guard let data = unsafe BIO_get_data(end) else { return nil }
    return unsafe Unmanaged<TLSChannel>.fromOpaque(data).takeUnretainedValue()
  }

  /// The kind of such ends: written here once, only read afterwards.
  @safe
  private struct Kind: @unchecked Sendable {
    let pointer: OpaquePointer?
  }

  private static let kind: Kind = {
    guard let made = unsafe BIO_meth_new(countersign_bio_type(), "worker") else {
      return unsafe Kind(pointer: nil)
    }
    unsafe BIO_meth_set_read(made, takeOctets)
    unsafe BIO_meth_set_write(made, leaveOctets)
    unsafe BIO_meth_set_ctrl(made) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return unsafe Kind(pointer: made)
  }()
}

private let waitingFlags =
  BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_IO_SPECIAL | BIO_FLAGS_SHOULD_RETRY

private func takeOctets(
  _ end: OpaquePointer?, _ target: UnsafeMutablePointer<CChar>?, _ most: Int32
) -> Int32 {
  guard let end = unsafe end, let target = unsafe target, let channel = unsafe TLSChannel.of(end), most > 0
  else { return -1 }
  unsafe BIO_clear_flags(end, waitingFlags)
  let count = unsafe min(Int(most), channel.input.count - channel.taken)
  guard count > 0, channel.allowance >= 0, let start = unsafe channel.input.baseAddress else {
    // More will come, or the session hears that it has had enough: not an end.
    unsafe BIO_set_flags(end, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY)
    return -1
  }
  unsafe UnsafeMutableRawPointer(target).copyMemory(from: start + channel.taken, byteCount: count)
  channel.taken += count
  return Int32(truncatingIfNeeded: count)
}

private func leaveOctets(_ end: OpaquePointer?, _ source: UnsafePointer<CChar>?, _ count: Int32) -> Int32 {
  guard let end = unsafe end, let source = unsafe source, let channel = unsafe TLSChannel.of(end), count > 0
  else { return -1 }
  unsafe BIO_clear_flags(end, waitingFlags)
  let octets = unsafe UnsafeRawBufferPointer(start: source, count: Int(count))
  unsafe octets.withMemoryRebound(to: UInt8.self) { unsafe channel.output.append($0.span) }
  return count
}
