/// Every limit of an HTTP/2 connection that serves gRPC. Times are nanoseconds of the monotonic clock that
/// the caller passes in.
public struct HTTP2Settings: Sendable, Equatable {
  // MARK: Sizes

  /// Streams that may be open at once; one more is refused with REFUSED_STREAM, which clients may repeat
  /// elsewhere. 1,024: what Envoy itself allows by default, so that it never queues because of us.
  public var maximumConcurrentStreams: UInt32 = 1024
  /// Octets of one message. 4 MiB is the default of every gRPC stack. A longer one gets status 8 as soon as
  /// its length is read.
  public var maximumMessageOctets: Int = 4 << 20
  /// Octets of all messages that a connection may have announced and not yet handed over; what exceeds it
  /// gets status
  /// 8. 64 MiB holds 1,024 checks of 64 KiB, and bounds what 1,024 streams of 4 MiB could otherwise hold.
  public var maximumBufferedOctets: Int = 64 << 20
  /// Decoded header list of one request, 32 octets added for each field (RFC 9113 section 10.5.1); beyond it
  /// the answer is 431. 16 KiB as in gRPC's C core: a check's own headers take under 1 KiB.
  public var maximumHeaderListOctets: Int = 16 << 10
  /// What a peer may send on one stream before we consume it. 1 MiB: any usual message in one flight.
  public var streamWindowOctets: Int32 = 1 << 20
  /// What a peer may send on all streams together. 32 MiB: 64 KiB, the protocol's default, is full after 30
  /// checks.
  public var connectionWindowOctets: Int32 = 32 << 20
  /// Octets of answers that wait because the peer does not take them; above it `isOutputStalled` asks the
  /// caller to stop reading. 4 MiB is thousands of usual answers.
  public var maximumPendingOutputOctets: Int = 4 << 20
  /// `drainOutput` stops after the frame that passes this many octets. 256 KiB: one write of a full batch.
  public var outputBatchOctets: Int = 256 << 10
  /// Frames that may wait to be sent besides answers; the last stop against a peer that provokes and never
  /// reads.
  public var maximumQueuedFrames: Int = 16_384
  /// Idle streams' storage kept for reuse however quiet the connection is. More is kept while it was in use
  /// in the last `idleTrimInterval`.
  public var idleStreamSlots: Int = 16
  /// Octets of message storage that an idle slot keeps; a larger one is given back. 16 KiB covers usual
  /// checks.
  public var retainedMessageOctets: Int = 16 << 10

  // MARK: Times

  /// From the connection's beginning to the end of the client's preface and first SETTINGS.
  public var prefaceTimeout: UInt64 = 10_000_000_000
  /// From the first octet of a header block to its end: within it nothing else can be read.
  public var headerTimeout: UInt64 = 10_000_000_000
  /// From a request's first frame to its end, and from an answer's submission until the peer has taken it.
  public var callTimeout: UInt64 = 30_000_000_000
  /// How often storage of idle streams is looked through.
  public var idleTrimInterval: UInt64 = 10_000_000_000

  // MARK: Budgets (tokens at first and at most; tokens regained per second)

  /// Resets that the peer sends. nghttp2's own 1,000 and 33 would hang up on Envoy, which resets a check
  /// whenever a client goes away or its timeout fires (nghttp2 issue 1984); a reset call costs us 1-2
  /// microseconds.
  public var peerResetBurst: UInt64 = 50_000
  public var peerResetsPerSecond: UInt64 = 20_000
  /// Resets that the peer makes us send by breaking the rules of a stream (CVE-2025-8671, "MadeYouReset"),
  /// refused streams included. An honest peer causes next to none.
  public var serverResetBurst: UInt64 = 1_000
  public var serverResetsPerSecond: UInt64 = 100
  /// Frames that carry no work: SETTINGS, PING, WINDOW_UPDATE, PRIORITY, GOAWAY, unknown ones, and DATA
  /// shorter than `smallDataOctets` that ends nothing.
  public var controlFrameBurst: UInt64 = 10_000
  public var controlFramesPerSecond: UInt64 = 1_000
  /// What every complete call adds to that budget: busy clients send window updates and pings with their
  /// work.
  public var controlFramesPerCall: UInt64 = 8
  /// DATA below this size counts as a frame that carries no work, unless it ends its stream.
  public var smallDataOctets: Int = 64
  /// Octets of decoded header lists (32 added a field), against short header blocks that decode to long
  /// lists.
  public var headerOctetsBurst: UInt64 = 128 << 20
  public var headerOctetsPerSecond: UInt64 = 128 << 20
  /// Up to how many of its own header octets a complete call gives back to that budget: usual calls (300 to
  /// 1,000 octets) cost it nothing, however fast they come.
  public var headerOctetsPerCall: UInt64 = 2_048
  /// Replies to SETTINGS and PING that may wait in nghttp2; one more closes the connection.
  public var maximumQueuedReplies: Int = 1_000
  /// CONTINUATION frames after one HEADERS (CVE-2024-28182).
  public var maximumContinuations: Int = 8

  public init() {}
}
