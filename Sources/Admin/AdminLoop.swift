import Bytes
import EventLoop
import System

/// The admin thread's loop: one listener, a bounded number of connections, one wake-up to stop.
struct AdminLoop: ~Copyable, Sendable {
  private static let listenerToken = UInt64.max
  private static let wakeupToken = UInt64.max - 1

  private let listener: Listener
  private let wakeup: Wakeup
  private let context: AdminContext
  private var poller: Poller
  private var slots: OwnedArray<AdminConnection?>
  private var open = 0
  private var nextGeneration: UInt32 = 0
  /// Until when the listener rests, on the steady clock.
  private var pausedUntil: UInt64?

  init(_ listener: consuming Listener, wakeup: Wakeup, context: consuming AdminContext) throws(SystemError) {
    let poller = try Poller(capacity: 64)
    try poller.add(listener.descriptor, token: Self.listenerToken, for: .read)
    try poller.add(wakeup.descriptor, token: Self.wakeupToken, for: .read)
    let capacity = max(1, context.settings.maximumConnections)
    slots = OwnedArray(capacity: capacity)
    for _ in 0..<capacity { slots.append(nil) }
    self.listener = listener
    self.wakeup = wakeup
    self.context = context
    self.poller = poller
  }

  /// Serves until the wake-up rings, or the poller fails for good.
  mutating func run() {
    while true {
      var nearest = nearest()
      if let sampler = context.sampler { nearest.offer(sampler.sampleIfDue()) }
      var now = context.clock.monotonicNanoseconds()
      guard
        let count = try? poller.wait(timeoutMilliseconds: nearest.timeoutMilliseconds(now: now, limit: 1_000))
      else { return }
      now = context.clock.monotonicNanoseconds()
      // Before the page is made of it.
      context.sampler?.sampleIfDue()
      for index in 0..<count {
        let event = poller.event(index)
        if event.token == Self.wakeupToken { return }
        if event.token == Self.listenerToken { accept(now: now) } else { advance(event.token, now: now) }
      }
      expire(now: now)
    }
  }

  private func nearest() -> NearestDeadline {
    var nearest = NearestDeadline()
    if let pausedUntil { nearest.offer(pausedUntil) }
    for index in slots.indices {
      if let deadline = deadline(index) { nearest.offer(deadline) }
    }
    return nearest
  }

  private func deadline(_ index: Int) -> UInt64? {
    switch slots[index] {
    case .some(let connection): connection.deadline
    case .none: nil
    }
  }

  /// Takes the connections that wait, some at a time so that those there are get their turn.
  private mutating func accept(now: UInt64) {
    for _ in 0..<64 {
      switch listener.accept() {
      case .connection(let socket): add(socket, now: now)
      case .gone: continue
      case .none: return
      case .exhausted: return pause(now: now)
      case .failed: return pause(now: now)
      }
    }
  }

  /// Descriptors have run out: asking again at once would spin, since the listener stays readable.
  private mutating func pause(now: UInt64) {
    poller.remove(listener.descriptor)
    pausedUntil = now &+ nanoseconds(context.settings.acceptPauseMilliseconds)
  }

  private mutating func add(_ socket: consuming Socket, now: UInt64) {
    if open == slots.count { closeLongestWaiting() }
    guard open < slots.count, let index = slots.indices.first(where: { isFree($0) }) else { return }
    nextGeneration &+= 1
    let token = Self.token(index, nextGeneration)
    guard (try? poller.add(socket.descriptor, token: token, for: .read)) != nil else { return }
    slots[index] = AdminConnection(socket, generation: nextGeneration, settings: context.settings, now: now)
    open += 1
  }

  private func isFree(_ index: Int) -> Bool { deadline(index) == nil }

  /// Closes the connection that has waited longest for a request; none when all are being answered.
  private mutating func closeLongestWaiting() {
    var longest: (index: Int, since: UInt64)?
    for index in slots.indices {
      switch slots[index] {
      case .some(let connection):
        if connection.isWaitingForRequest, connection.waitingSince < longest?.since ?? .max {
          longest = (index, connection.waitingSince)
        }
      case .none: continue
      }
    }
    if let longest { close(longest.index) }
  }

  private mutating func close(_ index: Int) {
    // The descriptor leaves the poller when it closes.
    slots[index] = nil
    open -= 1
  }

  private mutating func advance(_ token: UInt64, now: UInt64) {
    let index = Int(truncatingIfNeeded: token & 0xFFFF_FFFF)
    guard index < slots.count else { return }
    step(index, generation: UInt32(truncatingIfNeeded: token >> 32), now: now, isExpired: false)
  }

  private mutating func expire(now: UInt64) {
    if let until = pausedUntil, until <= now {
      pausedUntil = nil
      if (try? poller.add(listener.descriptor, token: Self.listenerToken, for: .read)) == nil {
        pause(now: now)
      }
    }
    for index in slots.indices {
      if let deadline = deadline(index), deadline <= now {
        step(index, generation: nil, now: now, isExpired: true)
      }
    }
  }

  /// Lets one connection act, and follows what it then waits for.
  private mutating func step(_ index: Int, generation: UInt32?, now: UInt64, isExpired: Bool) {
    guard var connection = slots[index].take() else { return }
    if let generation, generation != connection.generation {
      slots[index] = consume connection
      return
    }
    let before = connection.interest
    var verdict = isExpired ? connection.expire(context, now: now) : connection.advance(context, now: now)
    if verdict == .keep { verdict = connection.resume(context, now: now) }
    if verdict == .keep, connection.interest != before {
      let token = Self.token(index, connection.generation)
      if (try? poller.change(connection.socket.descriptor, token: token, to: connection.interest)) == nil {
        verdict = .close
      }
    }
    if verdict == .close { open -= 1 } else { slots[index] = consume connection }
  }

  private static func token(_ index: Int, _ generation: UInt32) -> UInt64 {
    UInt64(generation) << 32 | UInt64(UInt32(truncatingIfNeeded: index))
  }
}
