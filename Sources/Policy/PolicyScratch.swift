import Bytes
import Certificates
import JSON

/// What a worker keeps between checks so that a decision allocates nothing: which predicates have been asked,
/// what they said, and what was read from the check once. Any table may use it.
public struct PolicyScratch: ~Copyable, Sendable {
  /// A bit for each predicate that was asked.
  var asked: [UInt64] = []
  /// What it said.
  var held: [UInt64] = []
  /// A bit for each entry that may match.
  var candidates: [UInt64] = []
  /// The normalised path, then the query.
  var path: ByteBuffer
  /// How many octets of the path are matched: those of `path` when it was normalised, else those of the
  /// check's.
  var pathCount = 0
  /// Read once for each check: nil before, `.some(nil)` when there is none.
  var sourceAddress: IPAddress??
  var destinationAddress: IPAddress??
  var remoteAddress: IPAddress??
  /// The server name in lower case, where the client wrote capital letters.
  var serverName: ByteBuffer
  /// What a predicate could not read; the check is denied whatever the rules say.
  var metadataIsMalformed = false

  /// The certificates that this worker has seen, read.
  var certificates = CertificateCache()
  /// The names of the check's certificate; nil when it has none, or no rule reads the source's identity.
  var peerNames: CertificateCache.Names?

  /// A number of filter metadata as text.
  var number = ByteBuffer(capacity: ShortestDouble.maximumBytes)

  public init() {
    path = ByteBuffer(capacity: 1024)
    serverName = ByteBuffer(capacity: 64)
  }

  /// How many certificates were read: a known one is not read again.
  public var readCertificates: UInt64 { certificates.readCount }

  /// Forgets the last check. Cost: one word for 64 predicates, twice.
  mutating func reset(predicateCount: Int) {
    let words = (predicateCount + 63) / 64
    if asked.count < words {
      asked = [UInt64](repeating: 0, count: words)
      held = asked
    } else {
      var index = 0
      while index < words {
        asked[index] = 0
        held[index] = 0
        index += 1
      }
    }
    pathCount = 0
    sourceAddress = nil
    destinationAddress = nil
    remoteAddress = nil
    metadataIsMalformed = false
    peerNames = nil
  }
}
