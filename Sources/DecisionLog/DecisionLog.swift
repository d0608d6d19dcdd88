import Bytes
import Synchronization
public import System

// DecisionLog: what was decided, a JSON object a line, for people who must answer for it later. Lines flow in from
// the workers, each into a ring of its own that it never waits for; they flow out to a file or standard output on a
// thread of this target's. Nothing here knows a request; nothing here can slow a check.

/// Where decisions are written, and which.
public struct DecisionLogSettings: Sendable, Hashable {
  public enum Sink: Sendable, Hashable {
    case off
    case standardOutput
    case file(String)
  }

  /// What is told of a token's subject.
  public enum Subject: String, Sendable, CaseIterable {
    case off
    /// The first 16 octets of its SHA-256 in hexadecimal digits: who knows a subject finds it again.
    case hash
    case clear
  }

  public var sink = Sink.off
  /// Of checks that are allowed one in so many is written; 0: none. Denials are written all.
  public var allowedOneIn = 0
  public var subject = Subject.hash
  /// Octets of lines that may wait for the disk, for each worker: about a thousand. What has no room is dropped and
  /// counted.
  public var bufferOctets = 256 << 10

  public init() {}
}

/// The log and its thread.
public final class DecisionLog: Sendable {
  public let settings: DecisionLogSettings
  private let rings: [ByteRing]
  private let bell: Bell
  private let lost = Atomic<UInt64>(0)
  private let phase = Atomic<UInt8>(0)
  private let wantsReopening = Atomic<Bool>(false)
  private let reports: @Sendable (String) -> Void

  private static let running: UInt8 = 0
  private static let ending: UInt8 = 1
  private static let ended: UInt8 = 2

  /// Opens the sink and starts the thread.
  /// - Parameters:
  ///   - workers: who write, each into its own ring.
  ///   - reports: told when the sink fails, and when it works again.
  /// - Throws: the sink cannot be opened: better now than at the first denial.
  @inline(never)
  public init(
    _ settings: DecisionLogSettings, workers: Int, reports: @escaping @Sendable (String) -> Void
  ) throws(SystemError) {
    self.settings = settings
    self.reports = reports
    rings = (0..<workers).map { _ in ByteRing(atLeast: settings.bufferOctets) }
    bell = try Bell()
    let writer = DecisionWriter(settings.sink, file: try DecisionWriter.open(settings.sink))
    _ = try Thread.start(name: "decisions", moving: writer) { [self] writer in run(writer) }
  }

  /// Where a worker writes.
  public func ring(_ worker: Int) -> ByteRing { rings[worker] }

  /// A line found no room.
  public func countDropped(_ lines: UInt64 = 1) { lost.wrappingAdd(lines, ordering: .relaxed) }

  /// Lines that were dropped: no room, or a sink that failed.
  public var dropped: UInt64 { lost.load(ordering: .relaxed) }

  /// Opens the file anew, after whoever rotates logs has renamed it.
  public func reopen() {
    wantsReopening.store(true, ordering: .releasing)
    bell.ring()
  }

  /// Writes what waits and ends the thread. A sink that takes nothing is waited for a second.
  public func stop() {
    phase.store(Self.ending, ordering: .releasing)
    bell.ring()
    for _ in 0..<100 {
      if phase.load(ordering: .acquiring) == Self.ended { return }
      Clock.pause(milliseconds: 10)
    }
  }

  private func run(_ start: consuming DecisionWriter) {
    var writer = start
    while true {
      let isLast = phase.load(ordering: .acquiring) == Self.ending
      if wantsReopening.exchange(false, ordering: .acquiringAndReleasing) { tell(writer.reopen()) }
      for ring in rings {
        let (dropped, text) = writer.write(ring)
        if dropped > 0 { countDropped(dropped) }
        tell(text)
      }
      if isLast {
        phase.store(Self.ended, ordering: .releasing)
        return
      }
      // Nobody rings for a line: a worker's denial must not cost a call to the kernel.
      bell.wait(milliseconds: 50)
    }
  }

  private func tell(_ text: String?) { if let text { reports(text) } }
}
