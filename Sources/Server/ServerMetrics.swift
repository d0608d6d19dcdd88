import Authorizer
import HTTP
import JWT
public import Metrics
import Policy
import Signatures
import TLS

/// The server's metric families, and the handles by which a worker writes its cells.
public struct ServerMetrics: Sendable {
  let connectionsOpened: Counter
  let connectionsClosed: Counter
  /// Connections and streams that there are.
  let connections: Gauge
  let streamsNow: Gauge
  /// From the octets of a batch being read to its answers being written.
  let duration: Histogram
  /// Checks that wait for keys: all others are answered in the batch in which they come.
  let inFlight: Gauge
  let deadlineExceeded: Counter
  /// Checks that found no room to wait for keys.
  let parkingFull: Counter
  private let verdicts: [Counter]
  private let audited: Counter
  private let dryRunDenied: Counter
  private let dryRunNotAllowed: Counter
  private let signatureDurations: AlgorithmTable<Histogram>
  private let succeeded: AlgorithmTable<Counter>
  private let failed: AlgorithmTable<Counter>
  /// What workers took from the allocator.
  let allocated: Counter
  private let cacheHits: Counter
  private let cacheMisses: Counter
  private let cacheEvictions: Counter
  private let cacheEntries: Gauge
  private let cacheOctets: Gauge
  /// Connections that were told to go elsewhere.
  let leftShutdown: Counter
  let leftOld: Counter
  let leftIdle: Counter
  let leftDistrusted: Counter
  let handshakes: Handshakes
  let limited: Limited
  let refusedConnections: RefusedConnections
  private let streams: Counter
  private let cancelled: Counter
  private let refused: Counter
  private let resetsReceived: Counter
  private let resetsSent: Counter
  private let octetsReceived: Counter
  private let octetsSent: Counter
  private let badCalls: [Counter]

  private static let badCallReasons = [
    "method", "content_type", "timeout", "path", "headers_too_large", "message_too_large", "buffer_full",
    "compressed", "framing", "slow", "in_flight",
  ]

  /// Declares all families.
  public init(_ layout: inout MetricsLayout) {
    verdicts = Verdict.Reason.allCases.map { reason in
      layout.counter(
        "countersign_checks_total", help: "Checks answered, by result and the reason for it.",
        labels: [
          ("listener", "grpc"), ("result", reason == .allowed ? "allow" : "deny"),
          ("reason", "\(reason.label)"),
        ])
    }
    audited = layout.counter(
      "countersign_audited_checks_total",
      help: "Checks that a rule of an AUDIT policy matched; nothing else is done.")
    let dryRun = "countersign_dry_run_denied_checks_total"
    let dryRunHelp = "Checks that policies in dry-run mode would have denied, by the action of the policies."
    dryRunDenied = layout.counter(dryRun, help: dryRunHelp, labels: [("action", "DENY")])
    dryRunNotAllowed = layout.counter(dryRun, help: dryRunHelp, labels: [("action", "ALLOW")])
    parkingFull = layout.counter(
      "countersign_parking_full_total", help: "Checks answered at once because too many wait for keys.")
    deadlineExceeded = layout.counter(
      "countersign_deadline_exceeded_total", help: "Calls dropped because their deadline had passed.")
    let verifications = "countersign_token_verifications_total"
    let verificationsHelp = "Signatures of tokens verified, by algorithm and result."
    succeeded = AlgorithmTable {
      layout.counter(
        verifications, help: verificationsHelp, labels: [("algorithm", "\($0.name)"), ("result", "valid")])
    }
    failed = AlgorithmTable {
      layout.counter(
        verifications, help: verificationsHelp, labels: [("algorithm", "\($0.name)"), ("result", "invalid")])
    }
    signatureDurations = AlgorithmTable {
      layout.histogram(
        "countersign_token_verification_seconds",
        help: "How long signatures took that were not in the token cache, the search for their key included.",
        labels: [("algorithm", "\($0.name)")], scale: .nanosecondsAsSeconds,
        bounds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000].map { $0 * 1_000 })
    }
    allocated = layout.counter(
      "countersign_worker_allocated_bytes_total",
      help: "Memory that the worker threads took from the allocator: none while they answer as before.")
    cacheHits = layout.counter(
      "countersign_token_cache_hits_total", help: "Signatures whose check was found in the token cache.")
    cacheMisses = layout.counter(
      "countersign_token_cache_misses_total", help: "Signatures that were not in the token cache.")
    cacheEvictions = layout.counter(
      "countersign_token_cache_evictions_total", help: "Tokens that left the cache for want of room.")
    cacheEntries = layout.gauge(
      "countersign_token_cache_entries", help: "Tokens in the caches of all workers.")
    cacheOctets = layout.gauge(
      "countersign_token_cache_bytes", help: "Memory of the tokens in the caches of all workers.")
    connections = layout.gauge(
      "countersign_connections", help: "Connections that there are.", labels: [("listener", "grpc")])
    streamsNow = layout.gauge("countersign_streams", help: "Calls that run, health watches included.")
    duration = layout.histogram(
      "countersign_check_duration_seconds",
      help: "From a check's arrival at this process to its answer's departure.",
      labels: [("listener", "grpc")], scale: .nanosecondsAsSeconds,
      bounds: [10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000].map {
        $0 * 1_000
      })
    inFlight = layout.gauge(
      "countersign_checks_in_flight",
      help: "Checks that wait for keys; all others are answered in the batch in which they come.")
    connectionsOpened = layout.counter("countersign_connections_opened_total", help: "Connections accepted.")
    connectionsClosed = layout.counter("countersign_connections_closed_total", help: "Connections closed.")
    func goaway(_ reason: String) -> Counter {
      layout.counter(
        "countersign_goaways_total", help: "Connections told to go elsewhere, by reason.",
        labels: [("reason", reason)])
    }
    leftShutdown = goaway("shutdown")
    leftOld = goaway("age")
    leftIdle = goaway("idle")
    leftDistrusted = goaway("trust")
    handshakes = Handshakes(&layout)
    limited = Limited(&layout)
    refusedConnections = RefusedConnections(&layout)
    streams = layout.counter("countersign_http2_streams_total", help: "Calls begun.")
    cancelled = layout.counter(
      "countersign_http2_cancelled_total", help: "Calls that ended without an answer.")
    refused = layout.counter(
      "countersign_http2_refused_streams_total", help: "Calls beyond the limit of concurrent streams.")
    let resets = "countersign_resets_total"
    let resetsHelp = "Streams that were reset, by the side that did it."
    resetsReceived = layout.counter(resets, help: resetsHelp, labels: [("by", "peer")])
    resetsSent = layout.counter(resets, help: resetsHelp, labels: [("by", "server")])
    octetsReceived = layout.counter("countersign_received_bytes_total", help: "Bytes read from proxies.")
    octetsSent = layout.counter("countersign_sent_bytes_total", help: "Bytes written to proxies.")
    badCalls = Self.badCallReasons.map {
      layout.counter(
        "countersign_bad_calls_total", help: "Calls that broke the rules of gRPC, by what they broke.",
        labels: [("reason", $0)])
    }
  }

  /// Checks answered so far, by reason; what was allowed comes first.
  public func checks(in registry: MetricsRegistry) -> [(reason: String, count: UInt64)] {
    Verdict.Reason.allCases.map { ("\($0.label)", registry.value(checks($0))) }
  }

  /// The same counts alone, in the same order: for whoever reads them often.
  public func checkCounts(in registry: MetricsRegistry) -> [UInt64] {
    verdicts.map { registry.value($0) }
  }

  /// Checks that were not evaluated because they are beyond a limit or cannot be read, by the limit.
  struct Limited: Sendable {
    let message: Counter
    let parts: Counter
    let inFlight: Counter
    let parked: Counter
    let token: Counter
    let tokens: Counter
    let unreadable: Counter

    init(_ layout: inout MetricsLayout) {
      func made(_ limit: String) -> Counter {
        layout.counter(
          "countersign_limited_checks_total",
          help:
            "Checks beyond a limit (unreadable: no CheckRequest), answered as limits.answer says, by the limit.",
          labels: [("limit", limit)])
      }
      message = made("message")
      parts = made("parts")
      inFlight = made("in_flight")
      parked = made("parked")
      token = made("token")
      tokens = made("tokens")
      unreadable = made("unreadable")
    }
  }

  /// Connections that were closed before they could ask.
  struct RefusedConnections: Sendable {
    let limit: Counter
    let descriptors: Counter

    init(_ layout: inout MetricsLayout) {
      func made(_ reason: String) -> Counter {
        layout.counter(
          "countersign_connections_refused_total",
          help: "Connections closed at once (limit), and times that none could be taken (descriptors).",
          labels: [("reason", reason)])
      }
      limit = made("limit")
      descriptors = made("descriptors")
    }
  }

  /// Handshakes of TLS, by how they ended.
  struct Handshakes: Sendable {
    let completed: Counter
    /// Connections that TLS ended behind their handshake.
    let broken: Counter
    private let clientCertificate: Counter
    private let noHTTP2: Counter
    private let failed: Counter

    init(_ layout: inout MetricsLayout) {
      func made(_ result: String) -> Counter {
        layout.counter(
          "countersign_tls_handshakes_total", help: "Handshakes of TLS, by how they ended.",
          labels: [("result", result)])
      }
      completed = made("completed")
      broken = layout.counter(
        "countersign_tls_broken_connections_total",
        help: "Connections cut off behind their handshake: broken records, or messages that carry nothing.")
      clientCertificate = made("client_certificate")
      noHTTP2 = made("no_h2")
      failed = made("failed")
    }

    func counter(of refusal: TLSRefusal) -> Counter {
      switch refusal {
      case .clientCertificate: clientCertificate
      case .noHTTP2: noHTTP2
      case .protocolError: failed
      }
    }
  }

  func signatureDuration(_ algorithm: Algorithm) -> Histogram { signatureDurations[algorithm] }

  func checks(_ reason: Verdict.Reason) -> Counter { verdicts[Int(reason.rawValue)] }

  /// Counts what AUDIT and dry-run policies said; neither changes a verdict.
  func add(_ decision: Decision, to cells: borrowing WorkerCells) {
    if decision.auditRule != nil { cells.add(audited, 1) }
    if case .matched = decision.dryRunDeny { cells.add(dryRunDenied, 1) }
    if case .noRuleMatched = decision.dryRunAllow { cells.add(dryRunNotAllowed, 1) }
  }

  func add(_ counts: VerificationCounts, since before: VerificationCounts, to cells: borrowing WorkerCells) {
    for algorithm in Algorithm.allCases {
      let good = counts.total(algorithm, succeeded: true) &- before.total(algorithm, succeeded: true)
      if good > 0 { cells.add(succeeded[algorithm], good) }
      let bad = counts.total(algorithm, succeeded: false) &- before.total(algorithm, succeeded: false)
      if bad > 0 { cells.add(failed[algorithm], bad) }
    }
  }

  func add(_ counts: TokenCacheCounts, since before: TokenCacheCounts, to cells: borrowing WorkerCells) {
    cells.add(cacheHits, counts.hits &- before.hits)
    cells.add(cacheMisses, counts.misses &- before.misses)
    cells.add(cacheEvictions, counts.evictions &- before.evictions)
    cells.set(cacheEntries, Int64(counts.entries))
    cells.set(cacheOctets, Int64(counts.octets))
  }

  func add(_ counters: HTTP2Counters, since before: HTTP2Counters, to cells: borrowing WorkerCells) {
    if counters == before { return }
    cells.add(streams, counters.streams &- before.streams)
    cells.add(cancelled, counters.cancelled &- before.cancelled)
    cells.add(refused, counters.refusedStreams &- before.refusedStreams)
    cells.add(resetsReceived, counters.resetsReceived &- before.resetsReceived)
    cells.add(resetsSent, counters.resetsSent &- before.resetsSent)
    cells.add(octetsReceived, counters.octetsReceived &- before.octetsReceived)
    cells.add(octetsSent, counters.octetsSent &- before.octetsSent)
    addBad(0, counters.badMethod &- before.badMethod, cells)
    addBad(1, counters.badContentType &- before.badContentType, cells)
    addBad(2, counters.badTimeout &- before.badTimeout, cells)
    addBad(3, counters.unknownPath &- before.unknownPath, cells)
    addBad(4, counters.headersTooLarge &- before.headersTooLarge, cells)
    addBad(5, counters.messageTooLarge &- before.messageTooLarge, cells)
    addBad(6, counters.bufferFull &- before.bufferFull, cells)
    addBad(7, counters.compressed &- before.compressed, cells)
    addBad(8, counters.badFraming &- before.badFraming, cells)
    addBad(9, counters.slowCalls &- before.slowCalls, cells)
    addBad(10, counters.noRoom &- before.noRoom, cells)
    cells.add(limited.message, counters.messageTooLarge &- before.messageTooLarge)
    cells.add(
      limited.inFlight,
      counters.noRoom &+ counters.bufferFull &- before.noRoom &- before.bufferFull)
  }

  private func addBad(_ index: Int, _ count: UInt64, _ cells: borrowing WorkerCells) {
    if count > 0 { cells.add(badCalls[index], count) }
  }
}
