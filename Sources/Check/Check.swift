public import Bytes

// Check: one question of a proxy, whatever protocol carried it. A protocol's reader fills it with ranges over
// the message's octets; the authorizer reads it. It owns no octets of the message, does no I/O and judges
// nothing.

/// May this request pass? Every part is a range over the octets of the message that carried the question, so
/// those must be kept as long as the check is read. One value is reused for every check of a worker: `reset`
/// keeps storage.
public struct Check: ~Copyable, Sendable {
  /// A name and a value. Of a map entry whose key or value is missing on the wire, that range is empty.
  @frozen
  public struct Pair: Sendable {
    public var name: ByteRange
    public var value: ByteRange
    public init(name: ByteRange, value: ByteRange) {
      self.name = name
      self.value = value
    }
  }

  /// One end of the connection.
  @frozen
  public struct Peer: Sendable {
    /// The address as text; empty when unknown or not an IP address (a pipe, an internal listener).
    public var address = ByteRange.empty
    public var port: UInt32 = 0
    /// The identity of the peer's certificate; empty without mutual TLS.
    public var principal = ByteRange.empty
    /// The peer's certificate as the proxy sent it: PEM, percent-encoded; empty when it sent none. It has all names
    /// of the peer, of which `principal` is the first. Of the source alone.
    public var certificate = ByteRange.empty
    public init() {}
  }

  /// How the proxy carried header lines of one name.
  public enum HeaderEncoding: Sendable {
    /// One value a name, its lines joined with a comma: they cannot be told apart any more.
    case joined
    /// Each line on its own, octets untouched.
    case raw
  }

  public var source = Peer()
  public var destination = Peer()
  /// False for a check that holds no HTTP request (a TCP filter asks).
  public var hasHTTP = false
  public var method = ByteRange.empty
  /// Path and query as the proxy has them. Bytes that are not UTF-8 stay as they are where the proxy sends raw header
  /// lines; else Envoy has put `!` in their place.
  public var path = ByteRange.empty
  /// The proxy sent several paths, so that nobody knows which one the request goes to: no policy can be asked.
  public var pathIsAmbiguous = false
  /// The authority, with its port, letter case kept.
  public var host = ByteRange.empty
  public var scheme = ByteRange.empty
  /// The server name that the client asked for in TLS, in the client's letter case; nil when the proxy sent no TLS
  /// session.
  public var serverName: ByteRange?
  public var headerEncoding = HeaderEncoding.joined
  /// All header lines, pseudo headers included, in the order they came. Names are lower case as Envoy sends
  /// them.
  public var headers = OwnedArray<Pair>(capacity: 64)
  /// What the proxy's configuration says about this route.
  public var contextExtensions: [Pair] = []
  /// Dynamic metadata by filter name; each value is an encoded `google.protobuf.Struct`.
  public var filterMetadata: [Pair] = []

  public init() {
    contextExtensions.reserveCapacity(8)
    filterMetadata.reserveCapacity(4)
  }

  /// Makes it empty for the next question; storage stays.
  public mutating func reset() {
    source = Peer()
    destination = Peer()
    hasHTTP = false
    method = .empty
    path = .empty
    pathIsAmbiguous = false
    host = .empty
    scheme = .empty
    serverName = nil
    headerEncoding = .joined
    headers.removeAll()
    contextExtensions.clear()
    filterMetadata.clear()
  }

  /// The index of the next header line called `name` (lower case) at or after `start`. Cost: the number of
  /// lines.
  public func headerIndex(of name: Span<UInt8>, from start: Int = 0, in message: Span<UInt8>) -> Int? {
    let count = UInt32(truncatingIfNeeded: name.count)
    var index = start
    while index < headers.count {
      // Lengths tell nearly all names apart.
      let found = headers[index].name
      if found.count == count, message[found].equalsIgnoringCase(name) { return index }
      index += 1
    }
    return nil
  }
}
