/// Counters as they were at the seconds of the last minute, and what follows from them: rates.
public struct RateHistory: Sendable, Equatable {
  /// All counters at one moment.
  public struct Sample: Sendable, Equatable {
    /// Monotonic nanoseconds.
    public var time: UInt64
    /// In the order of the source; none ever falls.
    public var counts: [UInt64]
    public init(time: UInt64, counts: [UInt64]) {
      self.time = time
      self.counts = counts
    }
  }

  /// One interval between two samples, for a chart.
  public struct Interval: Sendable, Equatable {
    /// Seconds before the newest sample, both at most 0.
    public var start: Double
    public var end: Double
    /// By counter, per second.
    public var rates: [Double]
  }

  /// The oldest first.
  public private(set) var samples: [Sample] = []

  public init() {}

  /// What is kept: a minute has 60 intervals of a second, between 61 samples.
  public static let maximumSamples = 61
  static let second: UInt64 = 1_000_000_000
  /// A sample is taken when the thread gets to it, so the times between samples are not whole seconds.
  private static let tolerance = second / 2

  /// Adds the newest sample. The oldest one goes when there are more than `maximumSamples`.
  /// - Precondition: it is later than the newest one, and has as many counters.
  public mutating func add(_ sample: Sample) {
    precondition(samples.last.map { $0.time < sample.time && $0.counts.count == sample.counts.count } ?? true)
    samples.append(sample)
    let excess = samples.count - Self.maximumSamples
    if excess > 0 { samples.removeFirst(excess) }
  }

  /// Seconds between the first sample that `rates(seconds:)` looks at and the newest; nil with fewer than two samples.
  public func span(seconds: UInt64) -> Double? {
    guard let newest = samples.last, let first = first(seconds: seconds) else { return nil }
    return Double(newest.time - first.time) / Double(Self.second)
  }

  /// Each counter's growth per second over the last `seconds`, or over the whole history while it is shorter; nil with
  /// fewer than two samples. The divisor is the time that really passed between the samples.
  public func rates(seconds: UInt64) -> [Double]? {
    guard let newest = samples.last, let first = first(seconds: seconds) else { return nil }
    return Self.rates(from: first, to: newest)
  }

  /// The latest sample that is `seconds` older than the newest one, else the oldest.
  private func first(seconds: UInt64) -> Sample? {
    guard samples.count >= 2, let newest = samples.last else { return nil }
    return samples.dropLast().last {
      newest.time - $0.time + Self.tolerance >= seconds * Self.second
    } ?? samples.first
  }

  /// The intervals of the last minute, the oldest first; one that began earlier is left out.
  public var lastMinute: [Interval] {
    guard let newest = samples.last else { return [] }
    func age(_ sample: Sample) -> Double { -Double(newest.time - sample.time) / Double(Self.second) }
    return zip(samples, samples.dropFirst()).compactMap { first, last in
      newest.time - first.time > 60 * Self.second + Self.tolerance
        ? nil : Interval(start: age(first), end: age(last), rates: Self.rates(from: first, to: last))
    }
  }

  private static func rates(from first: Sample, to last: Sample) -> [Double] {
    let seconds = Double(last.time - first.time) / Double(second)
    return zip(first.counts, last.counts).map { Double($1 &- min($0, $1)) / seconds }
  }
}
