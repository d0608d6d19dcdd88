public import Bytes
import COpenSSL

/// The server's side of TLS on one connection. The thread of its channel drives it.
@safe
public final class TLSSession {
  /// How far it is.
  public enum State: Sendable, Hashable {
    /// Before the handshake's end: nothing may be sent.
    case greeting
    case open
    /// The peer has said that it sends no more (close_notify).
    case ended
    /// What was written last is an alert: write it, and close.
    case refused
  }

  private static let recordOctets = 16 << 10

  public private(set) var state = State.greeting
  /// Why it was refused.
  public private(set) var refusal: TLSRefusal?
  /// What it shows and whom it believes.
  public let context: TLSContext
  private let channel: TLSChannel
  private let handle: OpaquePointer
  private var hasSaidEnd = false
  private var controlMessagesLeft: Int
  private var octetsHeard = 0

  /// - Returns: nil when libssl has no memory.
  public init?(_ context: TLSContext, _ channel: TLSChannel) {
    self.context = context
    self.channel = channel
    controlMessagesLeft = context.rules.settings.controlMessages
    guard let made = unsafe SSL_new(context.pointer) else { return nil }
    guard let end = unsafe channel.makeEnd() else {
      unsafe SSL_free(made)
      return nil
    }
    // It owns the end from now on, for both directions.
    unsafe SSL_set_bio(made, end, end)
    unsafe SSL_set_accept_state(made)
    unsafe handle = made
  }

  deinit { unsafe SSL_free(handle) }

  /// Takes octets from the wire: all that they hold is appended to `plaintext`, and what they ask for in return (the
  /// handshake's answers, an alert) to `output`.
  public func receive(
    _ octets: Span<UInt8>, into plaintext: inout ByteBuffer, answers output: inout ByteBuffer
  ) -> State {
    if state == .ended || state == .refused { return state }
    unsafe octets.withUnsafeBufferPointer { octets in
      unsafe channel.carry(octets, to: &output) {
        if state == .greeting {
          channel.allowance = .max
          greet()
        }
        if state == .open { read(into: &plaintext) }
      }
    }
    return state
  }

  /// The same with a buffer's octets.
  public func receive(
    _ octets: borrowing ByteBuffer, into plaintext: inout ByteBuffer, answers output: inout ByteBuffer
  ) -> State {
    receive(octets.span, into: &plaintext, answers: &output)
  }

  private func greet() {
    let result = unsafe SSL_do_handshake(handle)
    if result == 1 { state = .open } else { judge(result) }
  }

  private func read(into plaintext: inout ByteBuffer) {
    let before = plaintext.count
    channel.allowance = controlMessagesLeft
    defer {
      controlMessagesLeft = channel.allowance
      hear(plaintext.count - before)
    }
    var isWaiting = false
    while !isWaiting {
      unsafe plaintext.appendUnsafely(atMost: Self.recordOctets) { storage in
        let count = unsafe SSL_read(handle, storage.baseAddress, Int32(storage.count))
        if count > 0 { return Int(count) }
        judge(count)
        isWaiting = true
        return 0
      }
    }
  }

  /// So much was said: it earns the peer messages that say nothing.
  private func hear(_ octets: Int) {
    octetsHeard += octets
    let settings = context.rules.settings
    controlMessagesLeft = min(
      controlMessagesLeft + octetsHeard / settings.octetsPerControlMessage, settings.controlMessages)
    octetsHeard %= settings.octetsPerControlMessage
    if channel.allowance < 0, state == .open {
      state = .refused
      refusal = .protocolError("too many messages that carry nothing")
    }
  }

  /// Why a call of libssl gave nothing: it waits for octets, or it is over.
  private func judge(_ result: Int32) {
    switch unsafe SSL_get_error(handle, result) {
    case SSL_ERROR_WANT_READ: break
    case SSL_ERROR_ZERO_RETURN: state = .ended
    default:
      state = .refused
      let isNameless =
        countersign_error_reason(ERR_peek_last_error()) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE
      let reason = lastReason()
      refusal =
        channel.refusal ?? (isNameless ? .clientCertificate("it shows none") : .protocolError(reason))
    }
  }

  /// Seals octets for the wire.
  /// - Precondition: the state is `open` or `ended`.
  public func send(_ plaintext: Span<UInt8>, into output: inout ByteBuffer) {
    precondition(state == .open || state == .ended)
    if plaintext.isEmpty { return }
    let none = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    unsafe channel.carry(none, to: &output) {
      var sent = 0
      while sent < plaintext.count {
        let rest = plaintext.extracting(sent..<plaintext.count)
        let count = unsafe rest.withUnsafeBufferPointer {
          unsafe SSL_write(handle, $0.baseAddress, Int32(clamping: $0.count))
        }
        if count <= 0 {
          state = .refused
          refusal = .protocolError(lastReason())
          return
        }
        sent += Int(count)
      }
    }
  }

  /// Gives back the buffers of records, 34 KiB, until there is one again: for a connection that has been silent. A busy
  /// one keeps them, and allocates nothing. Cost: nothing when there are none.
  public func releaseBuffers() {
    if state == .open { _ = unsafe SSL_free_buffers(handle) }
  }

  /// Says that nothing more will be sent (close_notify), once.
  public func end(into output: inout ByteBuffer) {
    if hasSaidEnd || state == .greeting || state == .refused { return }
    hasSaidEnd = true
    let none = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    unsafe channel.carry(none, to: &output) { _ = unsafe SSL_shutdown(handle) }
    ERR_clear_error()
  }
}
