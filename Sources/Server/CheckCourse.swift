/// How one check spends its time, for the decision log. Times are monotonic nanoseconds.
struct CheckCourse {
  /// In microseconds. The parts are rounded down, so that their sum may be a little less than the whole.
  struct Stages: Equatable {
    /// From its arrival to the writing of its line.
    var total: UInt64 = 0
    /// Behind others of the same batch.
    var queued: UInt64 = 0
    /// Waiting for keys.
    var keys: UInt64 = 0
    /// Being read, judged and answered, the last time if it was judged more than once.
    var judged: UInt64 = 0
    /// Of `judged`: checking signatures.
    var signatures: UInt64 = 0
  }

  private var since: UInt64 = 0
  /// When it had waited for keys; `since` when it did not have to.
  private var waitedUntil: UInt64 = 0
  private var judgedSince: UInt64 = 0
  /// How many times of signatures there were before its own.
  private(set) var firstSignature = 0

  init(since: UInt64 = 0, waitedUntil: UInt64? = nil) {
    self.since = since
    self.waitedUntil = waitedUntil ?? since
    judgedSince = self.waitedUntil
  }

  mutating func beginJudging(_ now: UInt64, _ signatures: Int) {
    judgedSince = max(now, waitedUntil)
    firstSignature = signatures
  }

  func stages(now: UInt64, signatures: UInt64) -> Stages {
    Stages(
      total: (max(now, since) - since) / 1_000, queued: (judgedSince - waitedUntil) / 1_000,
      keys: (waitedUntil - since) / 1_000, judged: (max(now, judgedSince) - judgedSince) / 1_000,
      signatures: signatures / 1_000)
  }
}
