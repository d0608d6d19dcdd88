public import Bytes
public import Check

/// What a client is told whose request does not pass, and what the proxy's logs may know beside. It owns its
/// octets; one value is reused for every denial of a worker, and stops allocating once it has held the
/// largest.
public struct DeniedResponse: ~Copyable, Sendable {
  /// What all ranges below refer to.
  public private(set) var octets: ByteBuffer
  public private(set) var status = HTTPStatus.forbidden
  /// Headers of the answer to the client; two of one name are both sent.
  public private(set) var headers: [Check.Pair] = []
  /// Texts under Envoy's dynamic metadata namespace `envoy.filters.http.ext_authz`, for access logs; never
  /// sent to the client.
  public private(set) var metadata: [Check.Pair] = []
  public private(set) var body = ByteRange.empty

  public init() {
    octets = ByteBuffer(capacity: 1024)
    headers.reserveCapacity(8)
    metadata.reserveCapacity(8)
  }

  /// Makes it an answer of this status with nothing else; storage stays.
  public mutating func reset(_ status: HTTPStatus) {
    self.status = status
    octets.removeAll()
    headers.clear()
    metadata.clear()
    body = .empty
  }

  /// Makes the body the octets that `write` appends: UTF-8, since the protocol carries it as text. A second
  /// body replaces the first.
  public mutating func setBody(_ write: (inout ByteBuffer) -> Void) { body = keep(write) }

  /// Makes the body a text known at compile time.
  public mutating func setBody(_ text: StaticString) { setBody { $0.append(text) } }

  /// Adds a header with the value that `write` appends: UTF-8 without CR, LF or NUL.
  /// - Parameter name: in lower case.
  public mutating func addHeader(_ name: StaticString, _ write: (inout ByteBuffer) -> Void) {
    headers.append(Check.Pair(name: keep { $0.append(name) }, value: keep(write)))
  }

  /// Adds a metadata text that `write` appends: UTF-8. Of two with one key the proxy keeps the last.
  public mutating func addMetadata(_ key: StaticString, _ write: (inout ByteBuffer) -> Void) {
    metadata.append(Check.Pair(name: keep { $0.append(key) }, value: keep(write)))
  }

  private mutating func keep(_ write: (inout ByteBuffer) -> Void) -> ByteRange {
    let start = octets.count
    write(&octets)
    return ByteRange(start..<octets.count)
  }
}
