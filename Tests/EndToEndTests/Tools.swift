import Foundation
import System
import TestSupport

// EndToEndTests: the real server as its own process, behind the real Envoy, asked by a real client over
// sockets.

/// The programs that these tests run.
enum Tools {
  /// The server, built beside the tests.
  static let countersign: URL = {
    if let named = ProcessInfo.processInfo.environment["COUNTERSIGN_BINARY"] {
      return URL(fileURLWithPath: named)
    }
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    return tests.deletingLastPathComponent().appendingPathComponent("countersign")
  }()

  /// Envoy 1.40, from `$COUNTERSIGN_ENVOY` or the venv that `make test` makes; nil when it is not there.
  static let envoy: URL? = {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_ENVOY"]
    let file =
      named.map { URL(fileURLWithPath: $0) }
      ?? Vectors.packageFolder.appendingPathComponent(".venv/bin/envoy")
    return FileManager.default.isExecutableFile(atPath: file.path) ? file : nil
  }()

  /// True when Envoy is there, and in CI always, so that a missing one fails there.
  static var hasEnvoy: Bool {
    if envoy != nil || Vectors.isCI { return true }
    print("skipped: no Envoy in $COUNTERSIGN_ENVOY or .venv/bin (make test installs it)")
    return false
  }

  /// A port of 127.0.0.1 that was free a moment ago.
  static func freePort() throws -> UInt16 {
    let listener = try Listener(try ListenAddress("127.0.0.1:0"))
    guard let text = listener.address.description.split(separator: ":").last, let port = UInt16(text) else {
      throw Failure("no port in \(listener.address)")
    }
    return port
  }
}

/// Something that a test needs did not happen.
struct Failure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// A folder of a test's own, removed with it.
final class Folder: Sendable {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("countersign-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    let file = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }
}

/// A child process whose output goes to a file; it dies with this object.
final class Child {
  private let process = Process()
  let log: URL

  /// - Parameter environment: beside this process's own.
  init(_ program: URL, _ arguments: [String], log: URL, environment: [String: String] = [:]) throws {
    self.log = log
    if !environment.isEmpty {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let output = try FileHandle(forWritingTo: log)
    process.executableURL = program
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
  }

  // At once: how the server ends when asked to is a test of its own.
  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  var identifier: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }
  var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Waits for the end.
  /// - Returns: the exit code; nil when it still runs.
  func exitCode(within seconds: Double) -> Int32? {
    let limit = Date().addingTimeInterval(seconds)
    while process.isRunning, Date() < limit { Thread.sleep(forTimeInterval: 0.01) }
    return process.isRunning ? nil : process.terminationStatus
  }

  /// Waits until `condition` holds, the process ends or the time is over.
  func wait(_ what: String, within seconds: Double = 20, until condition: () -> Bool) throws {
    let limit = Date().addingTimeInterval(seconds)
    while !condition() {
      if !process.isRunning { throw Failure("\(what): the process ended:\n\(output)") }
      if Date() > limit { throw Failure("\(what): not within \(seconds) s:\n\(output)") }
      Thread.sleep(forTimeInterval: 0.02)
    }
  }
}

private typealias Thread = Foundation.Thread
