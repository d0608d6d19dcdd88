import EventLoop
import Synchronization
public import System

/// The admin listener and its thread, from `init` to `stop`.
public final class AdminServer: Sendable {
  /// The address it really listens on.
  public let address: ListenAddress

  private let wakeup: Wakeup
  private let thread: Mutex<System.Thread?>

  /// Listens and serves.
  /// - Parameters:
  ///   - address: not `off`: the caller decides before.
  ///   - sampler: asked on the admin thread whenever a sample is due; nil: none.
  ///   - handler: makes each answer, on the admin thread. Usually `AdminRouter.respond(to:)`.
  @inline(never)
  public init(
    _ address: ListenAddress, settings: AdminSettings = AdminSettings(),
    listener listenerSettings: ListenerSettings = ListenerSettings(), clock: Clock = .system,
    sampler: RateSampler? = nil, handler: @escaping @Sendable (AdminRequest) -> AdminResponse
  ) throws(SystemError) {
    // Never inlined: when the optimizer sees both the making and the end of an object that holds an `Atomic`
    // or a `Mutex`, the release compiler of Swift 6.3.1 stops with an ownership error (CopyPropagation).
    let listener = try Listener(address, settings: listenerSettings)
    self.address = listener.address
    wakeup = try Wakeup()
    let context = AdminContext(settings: settings, clock: clock, sampler: sampler, handler: handler)
    let loop = try AdminLoop(listener, wakeup: wakeup, context: context)
    thread = Mutex(
      try System.Thread.start(name: "admin", moving: loop) { loop in
        var loop = loop
        loop.run()
      })
  }

  deinit { stop() }

  /// Closes the listener and every connection, and waits until the thread has gone: at most the time of one
  /// page. Again it does nothing.
  public func stop() {
    wakeup.ring()
    let thread = thread.withLock { $0.take() }
    thread?.join()
  }
}
