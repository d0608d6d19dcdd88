import Bytes
import System

/// The thread's side: from the rings to the sink. A sink that fails is tried again each second; meanwhile lines are
/// dropped and counted.
struct DecisionWriter: ~Copyable, Sendable {
  private static let retryInterval: UInt64 = 1_000_000_000

  private let sink: DecisionLogSettings.Sink
  private var file: AppendFile?
  private var buffer = ByteBuffer(capacity: 64 << 10)
  /// When the sink may be tried again; nil while it works.
  private var retryAt: UInt64?
  /// The last write ended within a line: the next begins with a line end, so that one line is lost and not two.
  private var endsWithinLine = false

  init(_ sink: DecisionLogSettings.Sink, file: consuming AppendFile?) {
    self.sink = sink
    self.file = file
  }

  static func open(_ sink: DecisionLogSettings.Sink) throws(SystemError) -> AppendFile? {
    switch sink {
    case .off: nil
    case .standardOutput: try AppendFile.standardOutput()
    case .file(let path): try AppendFile(path)
    }
  }

  /// - Returns: what to tell the operator.
  mutating func reopen() -> String? {
    do throws(SystemError) {
      file = try Self.open(sink)
      endsWithinLine = false
      return nil
    } catch {
      // The old file is better than none.
      return "the decision log is not opened anew, the old file goes on: \(error)"
    }
  }

  /// Writes everything that a ring holds.
  /// - Returns: lines that were lost, and what to tell the operator.
  mutating func write(_ ring: ByteRing) -> (dropped: UInt64, text: String?) {
    buffer.removeAll()
    if endsWithinLine { buffer.append(0x0A) }
    let before = buffer.count
    ring.drain(into: &buffer)
    if buffer.count == before { return (0, nil) }
    let now = Clock.system.monotonicNanoseconds()
    if let moment = retryAt {
      if now < moment { return (Self.lines(buffer.span, from: 0), nil) }
      if file == nil { file = try? Self.open(sink) }
    }
    let (written, failure) = file?.write(buffer.span) ?? (0, .inputOutput)
    guard let failure else {
      defer { retryAt = nil }
      endsWithinLine = false
      return (0, retryAt == nil ? nil : "the decision log is written again")
    }
    endsWithinLine = written > 0 ? buffer.span[written - 1] != 0x0A : endsWithinLine
    let isNew = retryAt == nil
    retryAt = now &+ Self.retryInterval
    let lost = Self.lines(buffer.span, from: written)
    return (lost, isNew ? "the decision log cannot be written, decisions are dropped: \(failure)" : nil)
  }

  /// Lines that are not there whole.
  private static func lines(_ octets: Span<UInt8>, from start: Int) -> UInt64 {
    var count: UInt64 = 0
    for index in start..<octets.count where octets[index] == 0x0A { count += 1 }
    return count
  }
}
