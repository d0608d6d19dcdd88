/// A budget: so many tokens at first and at most, so many regained per second. Taking one is a comparison and
/// a subtraction; the clock is looked at only when the bucket runs dry.
struct TokenBucket {
  private let capacity: UInt64
  private let perSecond: UInt64
  private var level: UInt64
  private var refilledAt: UInt64

  init(capacity: UInt64, perSecond: UInt64, now: UInt64) {
    self.capacity = capacity
    self.perSecond = perSecond
    level = capacity
    refilledAt = now
  }

  /// Takes tokens, or says false and takes none.
  mutating func take(_ amount: UInt64 = 1, now: UInt64) -> Bool {
    if level >= amount {
      level -= amount
      return true
    }
    refill(now: now)
    if level < amount { return false }
    level -= amount
    return true
  }

  /// Adds tokens for work done, up to the capacity.
  mutating func credit(_ amount: UInt64) {
    let (sum, overflow) = level.addingReportingOverflow(amount)
    level = overflow ? capacity : min(sum, capacity)
  }

  private mutating func refill(now: UInt64) {
    if now <= refilledAt { return }
    let (product, overflow) = (now - refilledAt).multipliedReportingOverflow(by: perSecond)
    if overflow {
      level = capacity
      refilledAt = now
      return
    }
    let gained = product / 1_000_000_000
    // Less than a token's time has passed: leave the clock, or frequent looks would never gain anything.
    if gained == 0 { return }
    credit(gained)
    refilledAt = now
  }
}
