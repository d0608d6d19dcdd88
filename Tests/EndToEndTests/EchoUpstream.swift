import Bytes
import Foundation
import Synchronization
import System

/// An upstream that answers every request with the head that it was sent, as the body: so tests see what
/// passed.
final class EchoUpstream: Sendable {
  let port: UInt16
  private let isStopped = Atomic<Bool>(false)

  init() throws {
    let listener = try Listener(try ListenAddress("127.0.0.1:0"))
    guard let text = listener.address.description.split(separator: ":").last, let port = UInt16(text) else {
      throw Failure("no port in \(listener.address)")
    }
    self.port = port
    let stopped = WeakFlag(self)
    _ = try System.Thread.start(name: "upstream", moving: listener) { listener in
      while !stopped.isSet {
        switch listener.accept() {
        case .connection(let socket): Self.answer(socket)
        default: Foundation.Thread.sleep(forTimeInterval: 0.002)
        }
      }
    }
  }

  /// Serves one connection on a thread of its own: Envoy keeps connections open.
  private static func answer(_ socket: consuming Socket) {
    _ = try? System.Thread.start(name: "upstream", moving: socket) { socket in
      var input = ByteBuffer()
      while socket.waitUntilReady(timeoutMilliseconds: 30_000) {
        guard case .moved = socket.receive(into: &input, atMost: 64 << 10) else { return }
        while let end = input.span.firstIndex(of: Array("\r\n\r\n".utf8).span) {
          let head = input.span[0..<end].copy()
          input.removeFirst(end + 4)
          let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: \(head.count)\r\n\r\n".utf8) + head
          _ = socket.send(answer.span)
        }
      }
    }
  }

  private final class WeakFlag: Sendable {
    private let owner: Mutex<Weak>
    struct Weak: Sendable { weak var value: EchoUpstream? }
    init(_ owner: EchoUpstream) { self.owner = Mutex(Weak(value: owner)) }
    var isSet: Bool { owner.withLock { $0.value == nil } }
  }
}
