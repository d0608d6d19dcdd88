import Authorizer
import Bytes
import ExtAuthz
import Foundation
import Glibc
import HTTP
import Issuer
import Istio
import JWT
import Metrics
import Signatures
import System
import Testing

@testable import EventLoop
@testable import KeySets
@testable import Server

/// One connection of a worker on a clock of the test's own, with keys that come from a board: what a worker does
/// in a round of its loop, without its thread.
struct ParkingBench: ~Copyable {
  /// What all benches share.
  struct World {
    let known: DevelopmentIssuer
    let rotated: DevelopmentIssuer
    let snapshot: PolicySnapshot
    let oldKeys: JWKSet
    let newKeys: JWKSet
    /// A token of the rotated key, and one whose key nobody has.
    let messages: [[UInt8]]
    let registry: MetricsRegistry
    let metrics: ServerMetrics

    init() throws {
      let name = Fixture.issuerName
      known = DevelopmentIssuer(name: name, keys: [try IssuerKey.generate(for: .edDSA, keyID: "old")])
      rotated = DevelopmentIssuer(name: name, keys: [try IssuerKey.generate(for: .edDSA, keyID: "new")])
      let forger = DevelopmentIssuer(name: name, keys: [try IssuerKey.generate(for: .edDSA, keyID: "forged")])
      let both = DevelopmentIssuer(name: name, keys: known.keys + rotated.keys)
      oldKeys = try JWKSet.parse(Array(known.publicJWKSet.utf8).span, source: .remote)
      newKeys = try JWKSet.parse(Array(both.publicJWKSet.utf8).span, source: .remote)
      let text = """
        apiVersion: security.istio.io/v1
        kind: RequestAuthentication
        metadata: {name: remote, namespace: a}
        spec: {jwtRules: [{issuer: "\(name)", jwksUri: "http://keys.example/"}]}
        """
      let loaded = ResourceLoader().load(file: "p.yaml", text: text)
      let input = PolicySnapshot.Input(
        resources: loaded.resources, workloads: [Workload(name: "w", namespace: "a", labels: [:])],
        defaultWorkload: "w")
      snapshot = try #require(PolicySnapshot.compile(input, settings: AuthorizerSettings()).snapshot)
      messages = try [rotated, forger].map { issuer in
        let token = try issuer.token(claims: Claims(issuer: name, subject: "s", expiry: 4_000_000_000))
        return try Fixture.check(token: token)
      }
      var layout = MetricsLayout()
      metrics = ServerMetrics(&layout)
      registry = MetricsRegistry(layout)
    }
  }

  let world: World
  let clock = ManualClock()
  private(set) var board: KeyBoard
  private var hasOthers = false
  private var context: WorkerContext
  private var connection: ConnectionState?
  private let socket: Socket
  private var client = HTTP2ClientConnection()
  private var calls: [HTTP2ClientCall?] = [nil, nil]
  /// The answers of each check, in the order they came.
  private(set) var answers: [[Peer.Seen]] = [[], []]
  private(set) var isOpen = true

  init(_ world: World, settings: ServerSettings = ServerSettings()) throws {
    self.world = world
    board = KeyBoard(providers: 1, settings: KeySettings())
    var ends: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    try #require(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
    socket = Socket(owning: ends[0])
    context = WorkerContext(
      service: CheckService(snapshot: world.snapshot, settings: CheckRequestSettings()),
      keys: KeyWaiting(board: board, settings: KeySettings()),
      policies: ServerState.Policies(world.snapshot, board, generation: 1), denials: RecentDenials(),
      workers: 1, metrics: world.metrics,
      cells: world.registry.makeCells(), clock: .manual(clock), settings: settings)
    connection = ConnectionState(
      socket: Socket(owning: ends[1]), tls: nil,
      http: HTTP2ServerConnection(
        settings: HTTP2Settings(), routes: OverloadAnswers(settings.overload).routes,
        now: Clock.manual(clock).monotonicNanoseconds()
      ), now: 0, maximumAge: 0)
    publish(world.oldKeys, landed: nil)
    turn()
  }

  var waiting: Int { context.parkedChecks }
  var waitingOctets: Int { context.parkedOctets }
  var now: UInt64 { Clock.manual(clock).monotonicNanoseconds() }

  // MARK: What happens

  mutating func call(_ check: Int, timeout: StaticString) {
    var fields = HTTP2RequestFields(path: GRPCMethod.check)
    fields.append("grpc-timeout", timeout)
    let message = world.messages[check]
    calls[check] = client.open(fields, message: message.span)
    turn()
  }

  mutating func reset(_ check: Int) {
    if let call = calls[check] { client.cancel(call) }
    turn()
  }

  mutating func close() {
    guard isOpen else { return }
    isOpen = false
    connection?.dropParked(&context)
    connection = nil
  }

  mutating func beginShutdown() {
    context.isServing = false
    connection?.beginShutdown(&context, tellsHealth: true)
    turn()
  }

  /// Policies are loaded anew, with a keeper of their own that begins where the old one is.
  mutating func reload(keySettings: KeySettings = KeySettings()) {
    let next = KeyBoard(providers: 1, settings: KeySettings())
    next.inherit(board, 0, as: 0)
    let entry = board.snapshot[0]
    next.publish(0, landed: nil) {
      $0.state = entry.state
      $0.keys = entry.keys
      $0.generation += 1
    }
    board = next
    context.adopt(
      ServerState.Policies(world.snapshot, next, keySettings, generation: context.generation + 1))
    hasOthers = true
  }

  /// - Parameter landed: the number of the fetch that this ends.
  func publish(_ keys: JWKSet?, landed: UInt64?, state: Provider.State = .ready) {
    board.publish(0, landed: landed) { entry in
      if entry.state != state || keys == nil || entry.keys?.keys.count != keys?.keys.count {
        entry.generation += 1
      }
      entry.keys = keys
      entry.state = state
    }
  }

  /// One round of the worker's loop: news, then octets, then what waits; and the client reads.
  mutating func turn() {
    context.beginBatch()
    let hasNews = context.adoptKeys() || hasOthers
    hasOthers = false
    exchange()
    if context.mayHaveDue(hasNews) {
      context.beginResuming()
      _ = connection?.resumeParked(atMost: 256, &context)
    }
    context.endBatch()
    exchange()
  }

  private mutating func exchange() {
    var octets = ByteBuffer()
    client.drainOutput(into: &octets)
    if !octets.isEmpty { _ = socket.send(octets.span, from: 0) }
    // EPOLLIN
    connection?.turn(Event(token: 0, flags: 1), &context)
    octets.removeAll()
    if case .moved = socket.receive(into: &octets, atMost: 1 << 20) { _ = client.receive(octets.span) }
    var body = ByteBuffer()
    var text = ByteBuffer()
    while let result = client.takeResult(body: &body, text: &text) {
      let seen = Peer.Seen(
        http: result.httpStatus, grpc: result.grpcStatus, text: text.text, body: body.copy(),
        errorCode: result.errorCode, stream: result.call.stream)
      if let check = calls.firstIndex(of: result.call) { answers[check].append(seen) }
    }
  }
}
