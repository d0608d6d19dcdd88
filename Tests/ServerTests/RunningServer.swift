import Authorizer
import Bytes
import EventLoop
import ExtAuthz
import Foundation
import HTTP
import Metrics
import Synchronization
import System

@testable import Server

/// A server on a free port of the loopback, stopped when the test has done with it.
final class RunningServer: Sendable {
  let server: CheckServer
  let registry: MetricsRegistry
  private let told: Told

  init(_ snapshot: PolicySnapshot, _ change: (inout CheckServer.Configuration) -> Void = { _ in }) throws {
    var configuration = CheckServer.Configuration(snapshot: snapshot)
    change(&configuration)
    var layout = MetricsLayout()
    let metrics = ServerMetrics(&layout)
    registry = MetricsRegistry(layout)
    let told = Told()
    server = try CheckServer.start(
      configuration, listener: Listener(try ListenAddress("127.0.0.1:0")), metrics: metrics,
      registry: registry
    ) { event, _ in told.append(event) }
    self.told = told
  }

  private final class Told: Sendable {
    private let events = Mutex<[ServerEvent]>([])
    func append(_ event: ServerEvent) { events.withLock { $0.append(event) } }
    var all: [ServerEvent] { events.withLock { $0 } }
  }

  deinit { server.stop() }

  var reported: [ServerEvent] { told.all }

  func peer(settings: HTTP2ClientSettings = HTTP2ClientSettings()) throws -> Peer {
    try Peer(server.address, settings: settings)
  }

  /// The sum of all series whose line begins so.
  func metric(_ prefix: String) -> UInt64 {
    var page = ByteBuffer()
    registry.render(into: &page)
    return page.text.split(separator: "\n").filter { $0.hasPrefix(prefix) }
      .reduce(0) { $0 + (UInt64($1.split(separator: " ").last ?? "") ?? 0) }
  }

  /// Waits until `condition` holds, 20 s at most: machines can be busy.
  func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2_000 {
      if condition() { return true }
      Foundation.Thread.sleep(forTimeInterval: 0.01)
    }
    return condition()
  }
}
