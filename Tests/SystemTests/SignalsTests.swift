import Foundation
import Testing

@testable import System

// Signals belong to the process: these tests use only ones that nothing else here sends, and block them in
// threads of their own, where a signal directed at the thread must arrive as an event.
@Suite(.serialized) struct `Signals` {
  @Test func `arrive as events in order of their numbers, each once`() throws {
    let seen = Slot<[Signal]>()
    let none = Flag()
    let thread = try Thread.start(name: "signals") {
      guard let source = try? SignalSource([.user1, .hangUp]) else { return }
      if source.next() == nil { none.raise() }
      pthread_kill(pthread_self(), SIGUSR1)
      pthread_kill(pthread_self(), SIGHUP)
      pthread_kill(pthread_self(), SIGHUP)
      var signals: [Signal] = []
      while let signal = source.wait(timeoutMilliseconds: 200) { signals.append(signal) }
      seen.put(signals)
    }
    thread.join()
    #expect(none.isRaised)
    #expect(seen.value == [.hangUp, .user1])
  }

  @Test func `do not arrive when none is sent: the wait ends`() throws {
    let waited = Slot<Double>()
    let thread = try Thread.start(name: "signals") {
      guard let source = try? SignalSource([.user1]) else { return }
      let start = Date()
      if source.wait(timeoutMilliseconds: 50) == nil { waited.put(Date().timeIntervalSince(start)) }
    }
    thread.join()
    #expect(try #require(waited.value) >= 0.045)
  }

  @Test func `end no process when a pipe breaks`() async {
    await #expect(processExitsWith: .success) {
      SignalSource.ignoreBrokenPipes()
      raise(SIGPIPE)
    }
    await #expect(processExitsWith: .signal(SIGPIPE)) {
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
    }
  }

  @Test func `that stop a service are read, not obeyed`() async {
    await #expect(processExitsWith: .exitCode(7)) {
      guard let source = try? SignalSource() else { exit(1) }
      // Directed at this thread: the test runner's other threads do not block it.
      for signal in [SIGTERM, SIGINT, SIGHUP] { pthread_kill(pthread_self(), signal) }
      var seen: Set<Signal> = []
      while let signal = source.wait(timeoutMilliseconds: 200) { seen.insert(signal) }
      exit(seen == [.terminate, .interrupt, .hangUp] ? 7 : 2)
    }
  }

  @Test func `reach a process that is there and no other`() throws {
    // Number 0 asks without sending anything; no process has the largest number.
    try Signal(rawValue: 0).send()
    #expect { try Signal(rawValue: 0).send(to: .max) } throws: {
      ($0 as? SystemError)?.errno.rawValue == ESRCH
    }
  }
}
