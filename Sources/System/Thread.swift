import CLinux
import Glibc

/// One operating-system thread and the right to wait for its end. Dropped without `join` it runs on by
/// itself.
@safe
public struct Thread: ~Copyable, @unchecked Sendable {
  private let handle: pthread_t

  /// Octets of stack: the call depth of every thread is bounded and known to be small; the pages are touched
  /// on use.
  public static let defaultStackBytes = 1 << 20

  private init(handle: pthread_t) { self.handle = handle }

  deinit { _ = pthread_detach(handle) }

  /// Starts a thread.
  /// - Parameters:
  ///   - name: what `top -H` and a core dump show; cut to 15 octets.
  ///   - stackBytes: at least 64 KiB.
  public static func start(
    name: String, stackBytes: Int = defaultStackBytes, _ body: @escaping @Sendable () -> Void
  ) throws(SystemError) -> Thread {
    try start(ThreadStart(name: name, body: body), stackBytes: stackBytes)
  }

  /// Starts a thread that owns `state` from its first moment: how a worker gets noncopyable storage of its
  /// own.
  public static func start<State: ~Copyable & Sendable>(
    name: String, moving state: consuming State, stackBytes: Int = defaultStackBytes,
    _ body: @escaping @Sendable (consuming State) -> Void
  ) throws(SystemError) -> Thread {
    let parcel = Parcel(state)
    return try start(name: name, stackBytes: stackBytes) {
      if let state = parcel.take() { body(state) }
    }
  }

  /// Waits until the thread has returned.
  public consuming func join() {
    let handle = handle
    discard self
    _ = pthread_join(handle, nil)
  }

  private static func start(_ start: ThreadStart, stackBytes: Int) throws(SystemError) -> Thread {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, max(stackBytes, 1 << 16))
    var handle = pthread_t()
    let box = unsafe Unmanaged.passRetained(start)
    let number = unsafe pthread_create(&handle, &attributes, runThread, box.toOpaque())
    if number != 0 {
      unsafe box.release()
      throw SystemError("start thread", Errno(rawValue: number), start.name)
    }
    return Thread(handle: handle)
  }
}

/// What a new thread runs; it outlives the starter's frame.
private final class ThreadStart: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

/// Carries one noncopyable value into a thread. Only the new thread takes it, once: `pthread_create` orders
/// the two.
private final class Parcel<State: ~Copyable & Sendable>: @unchecked Sendable {
  private var state: State?

  init(_ state: consuming State) { self.state = consume state }

  func take() -> State? { state.take() }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
  setThreadName(start.name)
  start.body()
  return nil
}

private func setThreadName(_ name: String) {
  // The kernel keeps 15 octets and refuses longer names.
  let short = String(decoding: name.utf8.prefix(15), as: UTF8.self)
  _ = unsafe countersign_name_thread(short)
}
