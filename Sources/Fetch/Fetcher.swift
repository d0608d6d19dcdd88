import CCurl
import Synchronization
public import System

/// The fetch thread: any number of fetches at once, none of which delays another.
@safe
public final class Fetcher: Sendable {
  public typealias Completion = @Sendable (Result<FetchAnswer, FetchError>) -> Void

  private struct Job: Sendable {
    var request: FetchRequest
    var completion: Completion
  }

  private struct Inbox: Sendable {
    var jobs: [Job] = []
    var isStopped = false
  }

  private let inbox = Mutex(Inbox())
  private let wake: Wake
  private let thread = Mutex<ThreadOwner?>(nil)

  /// The library's handle, which other threads may only wake.
  @safe
  private final class Wake: @unchecked Sendable {
    let multi: UnsafeMutableRawPointer
    init?() {
      guard let multi = unsafe Library.curl.multi_init() else { return nil }
      unsafe self.multi = multi
    }
    deinit { _ = unsafe Library.curl.multi_cleanup(multi) }
    func signal() { _ = unsafe Library.curl.multi_wakeup(multi) }
  }

  /// Starts the thread. It ends with `stop`, and must be stopped.
  public init() throws(SystemError) {
    do { try Library.load() } catch { throw SystemError("fetch keys", .noSuchFile, hint: "\(error)") }
    guard let wake = Wake() else { throw SystemError("start libcurl", .noMemory) }
    self.wake = wake
    let owner = ThreadOwner(try Thread.start(name: "fetch") { [self] in run() })
    thread.withLock { $0 = owner }
  }

  /// Fetches. The completion runs once, on the fetch thread: it must not block.
  public func fetch(_ request: FetchRequest, _ completion: @escaping Completion) {
    let isStopped = inbox.withLock { inbox in
      if !inbox.isStopped { inbox.jobs.append(Job(request: request, completion: completion)) }
      return inbox.isStopped
    }
    if isStopped { completion(.failure(.stopped)) } else { wake.signal() }
  }

  /// Ends the thread and waits until it has ended: afterwards nothing of the library runs, so the process may
  /// end. Fetches that run are answered with `.stopped`. Never from a completion.
  public func stop() {
    inbox.withLock { $0.isStopped = true }
    wake.signal()
    thread.withLock { $0.take() }?.join()
  }

  private func run() {
    var running: [Running] = []
    while true {
      let (jobs, isStopped) = inbox.withLock { inbox in
        defer { inbox.jobs = [] }
        return (inbox.jobs, inbox.isStopped)
      }
      if isStopped {
        for one in running { _ = unsafe Library.curl.multi_remove_handle(wake.multi, one.transfer.handle) }
        for completion in running.map(\.completion) + jobs.map(\.completion) {
          completion(.failure(.stopped))
        }
        return
      }
      for job in jobs {
        do throws(FetchError) {
          let hop = try FetchHop(job.request, now: Clock.system.monotonicNanoseconds())
          if let error = start(hop, job.completion, &running) { job.completion(.failure(error)) }
        } catch {
          job.completion(.failure(error))
        }
      }
      var active: Int32 = 0
      _ = unsafe Library.curl.multi_perform(wake.multi, &active)
      finish(&running)
      _ = unsafe Library.curl.multi_poll(wake.multi, nil, 0, 1_000, nil)
    }
  }

  private struct Running {
    var hop: FetchHop
    var transfer: Transfer
    var completion: Completion
  }

  private func start(
    _ hop: FetchHop, _ completion: @escaping Completion, _ running: inout [Running]
  ) -> FetchError? {
    do throws(FetchError) {
      let transfer = try hop.transfer(now: Clock.system.monotonicNanoseconds())
      guard unsafe Library.curl.multi_add_handle(wake.multi, transfer.handle) == CURLM_OK else {
        throw .broken("no memory")
      }
      running.append(Running(hop: hop, transfer: transfer, completion: completion))
      return nil
    } catch {
      return error
    }
  }

  private func finish(_ running: inout [Running]) {
    var left: Int32 = 0
    while let message = unsafe Library.curl.multi_info_read(wake.multi, &left) {
      guard unsafe message.pointee.msg == CURLMSG_DONE, let handle = unsafe countersign_curl_handle(message),
        let index = running.firstIndex(where: { unsafe $0.transfer.handle == handle })
      else { continue }
      let result = unsafe countersign_curl_result(message)
      let done = running.remove(at: index)
      _ = unsafe Library.curl.multi_remove_handle(wake.multi, handle)
      switch done.hop.next(after: done.transfer, result) {
      case .answer(let answer): done.completion(.success(answer))
      case .failed(let error): done.completion(.failure(error))
      case .again(let hop):
        if let error = start(hop, done.completion, &running) { done.completion(.failure(error)) }
      }
    }
  }
}

/// The right to wait for the fetch thread's end, which is used once.
private final class ThreadOwner: @unchecked Sendable {
  private var thread: Thread?
  init(_ thread: consuming Thread) { self.thread = consume thread }
  func join() { thread.take()?.join() }
}
