import Authorizer
import DecisionLog
import ExtAuthz
import ExtAuthzTestMessages
import HTTP
import SwiftProtobuf
import System
import Testing

@testable import Server

/// Checks beyond a limit are not judged: they are answered as the operator chose, and counted.
@Suite(.serialized)
struct OverloadTests {
  private static let made = Result { try Fixture() }
  private let fixture: Fixture

  init() throws { fixture = try Self.made.get() }

  /// Status numbers of the answer, whatever its kind.
  private struct Shape: Equatable {
    var grpc: Int?
    var denied = 0
    var failed = 0
    var reason = ""
  }

  private func shape(_ seen: Peer.Seen?) throws -> Shape {
    let seen = try require(seen)
    guard seen.grpc == 0 else { return Shape(grpc: seen.grpc) }
    let response = try WireCheckResponse(serializedBytes: seen.message)
    #expect(response.status.code != 0, "it never allows")
    var shape = Shape(grpc: 0, reason: response.dynamicMetadata.fields["reason"]?.stringValue ?? "")
    switch response.httpResponse {
    case .deniedResponse(let denied): shape.denied = Int(denied.status.code)
    case .errorResponse(let failed): shape.failed = Int(failed.status.code)
    default: break
    }
    return shape
  }

  private func ask(_ running: RunningServer, _ message: [UInt8]) throws -> Shape {
    var peer = try running.peer()
    _ = peer.call(message)
    let shape = try shape(peer.exchange().first)
    // The connection goes on.
    _ = peer.call(try Fixture.check())
    let next = try require(peer.exchange().first)
    #expect(try WireCheckResponse(serializedBytes: next.message).status.code == 0)
    return shape
  }

  @Test(arguments: OverloadAnswer.allCases)
  func `a check that is too large, has too many headers or finds no room`(answer: OverloadAnswer) throws {
    let running = try RunningServer(fixture.snapshot) {
      $0.settings.overload = answer
      $0.settings.maximumInFlightOctets = 60_000
      $0.http2.maximumMessageOctets = 100_000
      $0.checkRequest.maximumHeaders = 20
    }
    let large = try Fixture.check(headers: ["x": String(repeating: "a", count: 100_000)])
    let crowded = try Fixture.check(headers: ["x": String(repeating: "a", count: 70_000)])
    var headers: [String: String] = [:]
    for index in 0..<21 { headers["x-\(index)"] = "v" }
    let many = try Fixture.check(headers: headers)
    let shapes = [try ask(running, large), try ask(running, many), try ask(running, crowded)]
    switch answer {
    case .denial:
      #expect(shapes == [413, 431, 503].map { Shape(grpc: 0, denied: $0, reason: "overload") })
    case .error:
      #expect(shapes == [413, 431, 503].map { Shape(grpc: 0, failed: $0, reason: "overload") })
    case .unavailable: #expect(shapes == [8, 8, 14].map { Shape(grpc: $0) })
    }
    for limit in ["message", "parts", "in_flight"] {
      #expect(
        running.eventually { running.metric("countersign_limited_checks_total{limit=\"\(limit)\"}") == 1 },
        "\(limit)")
    }
  }

  /// The lines of a decision log; the file is gone with the value.
  private final class LogFile {
    let path = "/tmp/countersign-overload-\(UInt64.random(in: 0 ... .max)).log"
    let log: DecisionLog

    init() throws {
      var settings = DecisionLogSettings()
      settings.sink = .file(path)
      log = try DecisionLog(settings, workers: 1) { _ in }
    }

    deinit {
      log.stop()
      try? Files.remove(path)
    }

    var text: String {
      (try? Files.read(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
  }

  @Test(arguments: OverloadAnswer.allCases)
  func `a message that is no check gets the answer of limits, with its own reason`(answer: OverloadAnswer)
    throws
  {
    let file = try LogFile()
    let running = try RunningServer(fixture.snapshot) {
      $0.settings.overload = answer
      $0.decisions = file.log
    }
    let shape = try ask(running, [0x0A, 0x05])
    switch answer {
    case .denial: #expect(shape == Shape(grpc: 0, denied: 400, reason: "unreadable"))
    case .error: #expect(shape == Shape(grpc: 0, failed: 400, reason: "unreadable"))
    case .unavailable: #expect(shape == Shape(grpc: 13))
    }
    #expect(running.metric("countersign_limited_checks_total{limit=\"unreadable\"}") == 1)
    let line =
      "\"verdict\":\"\(answer == .denial ? "deny" : "error")\",\"status\":400,\"reason\":\"unreadable\","
      + "\"error\":\"the message holds a length that reaches beyond its end\",\"offset\":"
    #expect(
      running.eventually { file.text.contains(line) && file.text.contains(",\"bytes\":2,") }, "\(file.text)")
    #expect(running.server.recentDenials.count == (answer == .denial ? 1 : 0))
  }

  @Test(arguments: OverloadAnswer.allCases)
  func `too many tokens for one rule get the answer of limits, with their own reason`(answer: OverloadAnswer)
    throws
  {
    var settings = AuthorizerSettings()
    settings.maximumTokensPerRule = 1
    let fixture = try Fixture(settings: settings)
    let running = try RunningServer(fixture.snapshot) { $0.settings.overload = answer }
    let token = try fixture.token()
    let shape = try ask(running, Fixture.check(path: "/open?access_token=\(token)", token: token))
    switch answer {
    case .denial: #expect(shape == Shape(grpc: 0, denied: 431, reason: "too_many_tokens"))
    case .error: #expect(shape == Shape(grpc: 0, failed: 431, reason: "too_many_tokens"))
    case .unavailable: #expect(shape == Shape(grpc: 8))
    }
    #expect(running.eventually { running.metric("countersign_limited_checks_total{limit=\"tokens\"}") == 1 })
  }

  @Test(arguments: OverloadAnswer.allCases)
  func `a token that is too large gets the answer of limits, with its own reason`(answer: OverloadAnswer)
    throws
  {
    let file = try LogFile()
    let running = try RunningServer(fixture.snapshot) {
      $0.settings.overload = answer
      $0.decisions = file.log
    }
    let subject = String(repeating: "s", count: 60 << 10)
    let shape = try ask(running, Fixture.check(token: fixture.token(subject: subject)))
    switch answer {
    case .denial: #expect(shape == Shape(grpc: 0, denied: 431, reason: "token_too_large"))
    case .error: #expect(shape == Shape(grpc: 0, failed: 431, reason: "token_too_large"))
    case .unavailable: #expect(shape == Shape(grpc: 8))
    }
    #expect(running.eventually { running.metric("countersign_limited_checks_total{limit=\"token\"}") == 1 })
    #expect(
      running.metric(
        "countersign_checks_total{listener=\"grpc\",result=\"deny\",reason=\"token_too_large\"}")
        == (answer == .denial ? 1 : 0))
    #expect(running.metric("countersign_limited_checks_total") == 1)
    let line =
      "\"verdict\":\"\(answer == .denial ? "deny" : "error")\",\"status\":431,\"reason\":\"token_too_large\""
    #expect(running.eventually { file.text.contains(line) }, "\(file.text)")
    #expect(running.server.recentDenials.count == (answer == .denial ? 1 : 0))
  }

  @Test func `a token of 44 KiB passes a server with defaults`() throws {
    let running = try RunningServer(fixture.snapshot)
    var peer = try running.peer()
    let subject = String(repeating: "s", count: 33 << 10)
    for _ in 0..<2 {
      _ = peer.call(try Fixture.check(token: fixture.token(subject: subject)))
      let seen = try require(peer.exchange().first)
      #expect(try seen.grpc == 0 && WireCheckResponse(serializedBytes: seen.message).status.code == 0)
    }
  }

  @Test func `connections beyond the limit are counted`() throws {
    let running = try RunningServer(fixture.snapshot) { $0.settings.maximumConnections = 1 }
    let first = try Socket.connect(to: running.server.address)
    #expect(running.eventually { running.server.connectionsPerWorker == [1] })
    var second = try running.peer()
    expect(second.readToEnd())
    #expect(running.metric("countersign_connections_refused_total{reason=\"limit\"}") == 1)
    _ = first.descriptor
  }
}
