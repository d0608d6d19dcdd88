// Server: workers that answer. Connections flow in, verdicts flow out. A worker thread owns its poller, its
// connections, its authorizer and its metric cells; nothing on the way of a check takes a lock or touches
// another thread's memory.
//
//   CheckServer     starts, spreads and stops everything
//     Acceptor      one thread: takes connections and gives each to the worker that has fewest
//     Worker        one thread a core: reads, evaluates, writes in batches
//       Connection  a socket, its HTTP/2 session and what waits to be written
//       CheckService  from a CheckRequest's octets to a CheckResponse's

/// The limits of the server around its connections. Times are nanoseconds.
public struct ServerSettings: Sendable, Hashable {
  /// Connections at once. Proxies open one or a few a thread; each costs some 20 KiB. One more is closed at
  /// once.
  public var maximumConnections = 10_000
  /// Octets that are read from a connection in one turn, so that one loud connection does not starve the
  /// others.
  public var readOctetsPerTurn = 128 << 10
  /// How long a peer may leave octets of ours untaken before it is cut off.
  public var writeStallTimeout: UInt64 = 30_000_000_000
  /// How old a connection may become; one that is older is told to go elsewhere, a tenth of it earlier or later so
  /// that not all go at once. It makes proxies spread over instances that came later. 0: as old as they like.
  public var maximumConnectionAge: UInt64 = 0
  /// How long a connection may be without a call until it is told to go. 0: as long as it likes; a proxy that is
  /// gone without a word is found by the kernel's keepalive.
  public var idleTimeout: UInt64 = 0
  /// How long running calls may take to finish after SIGTERM.
  public var shutdownTimeout: UInt64 = 30_000_000_000
  /// How long the listener pauses when descriptors run out; connections that there are go on.
  public var acceptPause: UInt64 = 100_000_000

  /// Octets of messages that all connections together hold while they are read. Each connection has its own bound
  /// (`HTTP2Settings.maximumBufferedOctets`); a thousand connections need this one.
  public var maximumInFlightOctets = 256 << 20
  /// What a check is answered that is beyond a limit.
  public var overload = OverloadAnswer.denial

  /// A check that waits is answered so long before its caller's deadline: the answer must still arrive.
  public var keyWaitMargin: UInt64 = 20_000_000
  /// Checks that wait for keys, over all workers, and octets of their messages. Beyond that a check is answered
  /// at once as if the fetch had failed: an outage at the start must not fill the memory.
  public var maximumParkedChecks = 10_000
  public var maximumParkedOctets = 64 << 20

  public init() {}
}
