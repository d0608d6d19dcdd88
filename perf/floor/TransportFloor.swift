// transport-floor: a server that answers every call with one constant message, over Countersign's own
// transport and without a look at what was asked. Its CPU time for a check is what HTTP/2 and the kernel
// take; a real check's time is told beside it (perf/run).
// usage: transport-floor ADDRESS      prints the address with the real port, and serves until it is killed

import Bytes
import EventLoop
import HTTP
import System

@main
struct TransportFloor {
  static func main() {
    do {
      guard CommandLine.arguments.count == 2 else { throw FloorFailure.usage }
      try Floor(ListenAddress(CommandLine.arguments[1])).run()
    } catch {
      StandardError.write("transport-floor: \(error)\n")
      ProcessExit.now(2)
    }
  }
}

enum FloorFailure: Error, CustomStringConvertible {
  case usage
  var description: String { "usage: transport-floor ADDRESS" }
}

/// One connection: what is left of a worker's turn without its work.
final class FloorConnection {
  let socket: Socket
  var http: HTTP2ServerConnection
  var output = ByteBuffer(capacity: 4 << 10)
  var isOver = false

  init(_ socket: consuming Socket, _ http: consuming HTTP2ServerConnection) {
    self.socket = socket
    self.http = http
  }

  func turn(_ input: inout ByteBuffer, _ message: inout ByteBuffer, _ reply: Span<UInt8>, now: UInt64) {
    input.removeAll()
    switch socket.receive(into: &input, atMost: 256 << 10) {
    case .moved: if http.receive(input.span, now: now) == .closing { isOver = true }
    case .wouldBlock: break
    case .ended, .failed: isOver = true
    }
    while let call = http.takeCall() {
      http.takeMessage(of: call, into: &message)
      http.respond(to: call, reply)
    }
    flush()
  }

  func flush() {
    http.drainOutput(into: &output)
    var written = 0
    // The load reads all the time: what does not go at once is a peer that is of no interest here.
    while written < output.count {
      guard case .moved(let count) = socket.send(output.span, from: written) else {
        isOver = true
        return
      }
      written += count
    }
    output.removeAll()
  }
}

struct Floor: ~Copyable {
  private let listener: Listener
  private let memory = SessionMemory()

  init(_ address: ListenAddress) throws {
    listener = try Listener(address)
    print(listener.address)
  }

  /// `status { }`: the shortest answer that lets a request pass.
  private static let reply: [UInt8] = [0x0A, 0x00]

  consuming func run() throws -> Never {
    var poller = try Poller()
    try poller.add(listener.descriptor, token: .max, for: .read)
    var connections: [FloorConnection?] = []
    var input = ByteBuffer(capacity: 64 << 10)
    var message = ByteBuffer(capacity: 16 << 10)
    let routes = [GRPCRoute(path: "/envoy.service.auth.v3.Authorization/Check")]
    while true {
      let count = try poller.wait(timeoutMilliseconds: 1_000)
      let now = Clock.system.monotonicNanoseconds()
      for index in 0..<count {
        let token = poller.event(index).token
        if token == .max {
          guard case .connection(let socket) = listener.accept() else { continue }
          try poller.add(socket.descriptor, token: UInt64(connections.count), for: .read)
          let connection = FloorConnection(
            socket, HTTP2ServerConnection(routes: routes, now: now, memory: memory))
          connection.flush()
          connections.append(connection)
        } else if let connection = connections[Int(token)] {
          connection.turn(&input, &message, Self.reply.span, now: now)
          if connection.isOver {
            poller.remove(connection.socket.descriptor)
            connections[Int(token)] = nil
          }
        }
      }
    }
  }
}
