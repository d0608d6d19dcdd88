internal import Histogram

/// What became of the checks of one class.
public struct ClassReport: Sendable {
  public var sent: UInt64 = 0
  public var allowed: UInt64 = 0
  /// By the HTTP status of the denial.
  public var denied: [UInt64: UInt64] = [:]
  /// By gRPC status; -1: the stream ended without one.
  public var failed: [Int: UInt64] = [:]
  /// Nanoseconds from when a check was due to its answer, up to a minute with three digits.
  private var latencies = Histogram<UInt64>(
    lowestDiscernibleValue: 1_000, highestTrackableValue: 60_000_000_000,
    numberOfSignificantValueDigits: .three)

  public init() {}

  public var answered: UInt64 { latencies.totalCount }

  mutating func record(_ nanoseconds: UInt64) {
    _ = latencies.record(min(nanoseconds, 60_000_000_000))
  }

  /// - Parameter share: from 0 to 100.
  /// - Returns: nanoseconds; 0 without answers.
  public func percentile(_ share: Double) -> UInt64 {
    latencies.totalCount == 0 ? 0 : latencies.valueAtPercentile(share)
  }

  public var longest: UInt64 { latencies.totalCount == 0 ? 0 : latencies.max }
}

/// How a call ended, as far as a report cares.
public enum CallEnd: Sendable, Equatable {
  case allowed
  case denied(UInt64)
  /// gRPC status.
  case failed(Int)
}

/// What became of all checks.
public struct LoadReport: Sendable {
  public private(set) var classes: [ClassReport] = LoadClass.allCases.map { _ in ClassReport() }

  public init() {}

  public mutating func sent(_ kind: LoadClass) { classes[kind.rawValue].sent += 1 }

  /// - Parameter nanoseconds: from when it was due.
  public mutating func ended(_ kind: LoadClass, _ end: CallEnd, after nanoseconds: UInt64) {
    switch end {
    case .allowed: classes[kind.rawValue].allowed += 1
    case .denied(let status): classes[kind.rawValue].denied[status, default: 0] += 1
    case .failed(let status): classes[kind.rawValue].failed[status, default: 0] += 1
    }
    classes[kind.rawValue].record(nanoseconds)
  }

  public func report(_ kind: LoadClass) -> ClassReport { classes[kind.rawValue] }

  /// All checks.
  public var sent: UInt64 { classes.reduce(0) { $0 + $1.sent } }
  public var answered: UInt64 { classes.reduce(0) { $0 + $1.answered } }
  public var failures: UInt64 { classes.reduce(0) { $0 + $1.failed.values.reduce(0, +) } }
}
