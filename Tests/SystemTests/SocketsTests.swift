import Bytes
import Foundation
import TestSupport
import Testing

@testable import System

@Suite struct `A listen address` {
  @Test(arguments: [
    "127.0.0.1:9191", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:9191", "[::]:80", "[2001:db8::7]:1", "off",
    "unix:/run/x.sock", "unix:x.sock", "[::ffff:1.2.3.4]:5",
  ])
  func `is written as it was read`(_ text: String) throws {
    #expect(try ListenAddress(text).description == text)
  }

  @Test func `in a longer form becomes the canonical one`() throws {
    #expect(try ListenAddress("[0:0:0:0:0:0:0:1]:09").description == "[::1]:9")
    #expect(try ListenAddress("off") == .off)
  }

  @Test(arguments: [
    "", ":", ":9191", "9191", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
    "127.0.0.1: 1", "127.0.0.1:000001", "1.2.3:80", "::1:80", "[::1]", "[::1]80", "[::1:80", "[127.0.0.1]:80",
    "[::1%lo]:80", "localhost:80", "OFF", "Off", "unix:", "http://1.2.3.4:5", "127.0.0.1:80:90", "[]:80", "[",
    "1.2.3.4:99999999999999999999",
  ])
  func `in no known form is refused with a hint`(_ text: String) {
    #expect { try ListenAddress(text) } throws: { !"\($0)".isEmpty && $0 is ListenAddressError }
  }

  @Test func `of a socket file is bounded by what the kernel holds`() throws {
    let longest = "/" + String(repeating: "p", count: 106)
    #expect(try ListenAddress("unix:" + longest) == .unix(path: longest))
    #expect(throws: ListenAddressError.pathTooLong(longest + "p")) {
      try ListenAddress("unix:" + longest + "p")
    }
    #expect(throws: ListenAddressError.badPath("a\0b")) { try ListenAddress("unix:a\0b") }
  }

  @Test func `survives mutation, and what is read is written and read the same`() throws {
    let seeds = ["127.0.0.1:9191", "[2001:db8::7]:65535", "unix:/run/x.sock", "off"]
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("0123456789abcdef:.[]/xoun-% ".utf8)
    var accepted = 0
    for _ in 0..<20_000 {
      var octets = Array(seeds.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<max(1, octets.count), using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: octets.insert(alphabet.randomElement(using: &random)!, at: at)
        case 1 where octets.count > 1: octets.remove(at: at)
        default: octets[at] = alphabet.randomElement(using: &random)!
        }
      }
      guard let address = try? ListenAddress(String(decoding: octets, as: UTF8.self)) else { continue }
      accepted += 1
      #expect(try ListenAddress(address.description) == address)
    }
    #expect(accepted > 100)
  }
}

@Suite struct `Sockets` {
  private func accept(_ listener: borrowing Listener) throws -> Socket {
    for _ in 0..<2_000 {
      switch listener.accept() {
      case .connection(let socket): return socket
      case .none: usleep(1_000)
      case .gone: usleep(1_000)
      case .exhausted(let errno): throw errno
      case .failed(let errno): throw errno
      }
    }
    throw Errno.timedOut
  }

  private func receive(_ socket: borrowing Socket, _ count: Int) -> [UInt8] {
    var buffer = ByteBuffer()
    while buffer.count < count, socket.waitUntilReady(timeoutMilliseconds: 5_000) {
      guard case .moved = socket.receive(into: &buffer, atMost: count - buffer.count) else { break }
    }
    return buffer.copy()
  }

  private func exchange(_ listener: borrowing Listener) throws {
    let client = try Socket.connect(to: listener.address)
    let server = try accept(listener)
    var buffer = ByteBuffer()
    #expect(server.receive(into: &buffer, atMost: 10) == .wouldBlock)
    #expect(client.send(Array("hello".utf8).span) == .moved(5))
    #expect(receive(server, 5) == Array("hello".utf8))
    #expect(server.send(Array("xanswer".utf8).span, from: 1) == .moved(6))
    #expect(receive(client, 6) == Array("answer".utf8))
    client.finishSending()
    #expect(server.waitUntilReady(timeoutMilliseconds: 5_000) == true)
    #expect(server.receive(into: &buffer, atMost: 10) == .ended)
    #expect(buffer.count == 0)
  }

  @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
  func `on a free port know their real address and carry octets`(_ text: String) throws {
    let listener = try Listener(ListenAddress(text))
    guard case .tcp(_, let port) = listener.address else {
      Issue.record("not a port: \(listener.address)")
      return
    }
    #expect(port != 0)
    try exchange(listener)
  }

  @Test func `accepted over TCP are watched over by the kernel, connected ones are the caller's affair`()
    throws
  {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let connected = try Socket.connect(to: listener.address)
    let isConnectedKept = connected.isKeptAlive
    #expect(!isConnectedKept)
    let end = Date().addingTimeInterval(5)
    var seen: Bool?
    while seen == nil, Date() < end {
      if case .connection(let socket) = listener.accept() { seen = socket.isKeptAlive } else { usleep(1_000) }
    }
    #expect(seen == true)
  }

  @Test func `know their peer`() throws {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let client = try Socket.connect(to: listener.address)
    let server = try accept(listener)
    #expect(client.peer == listener.address)
    guard case .tcp(let address, _) = server.peer else {
      Issue.record("no peer")
      return
    }
    #expect(address == IPAddress("127.0.0.1"))
  }

  @Test func `on [::] take IPv4 too`() throws {
    let listener = try Listener(ListenAddress("[::]:0"))
    guard case .tcp(_, let port) = listener.address else { return }
    let client = try Socket.connect(to: ListenAddress("127.0.0.1:\(port)"))
    let server = try accept(listener)
    #expect(client.send([1].span) == .moved(1))
    #expect(receive(server, 1) == [1])
  }

  @Test func `report a busy port, a foreign address and off`() throws {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let busy = listener.address
    #expect { _ = try Listener(busy) } throws: {
      ($0 as? SystemError)?.errno == .addressInUse && "\($0)".contains("\(busy)")
    }
    #expect { _ = try Listener(ListenAddress("192.0.2.1:0")) } throws: {
      ($0 as? SystemError)?.errno == .addressNotAvailable
    }
    #expect(throws: SystemError.self) { _ = try Listener(.off) }
    #expect(throws: SystemError.self) { _ = try Socket.connect(to: .off) }
  }

  @Test func `whose listener has gone are refused`() throws {
    let address: ListenAddress
    do { address = try Listener(ListenAddress("127.0.0.1:0")).address }
    #expect { _ = try Socket.connect(to: address) } throws: {
      ($0 as? SystemError)?.errno == .connectionRefused
    }
  }

  @Test func `that the peer has reset fail to send, without a signal`() throws {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let client = try Socket.connect(to: listener.address)
    do {
      let server = try accept(listener)
      server.resetOnClose()
    }
    var last = Transfer.moved(0)
    for _ in 0..<100 {
      last = client.send([1].span)
      if case .failed = last { break }
      usleep(1_000)
    }
    #expect(last == .failed(.brokenPipe) || last == .failed(.connectionReset))
  }

  @Test func `that nobody reads block instead of waiting`() throws {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let client = try Socket.connect(to: listener.address)
    let server = try accept(listener)
    let piece = [UInt8](repeating: 7, count: 1 << 20)
    var sent = 0
    var last = Transfer.moved(0)
    while sent < 1 << 28 {
      last = client.send(piece.span)
      guard case .moved(let count) = last else { break }
      sent += count
    }
    #expect(last == .wouldBlock)
    #expect(receive(server, sent).count == sent)
  }

  @Test func `can be handed to another owner`() throws {
    let listener = try Listener(ListenAddress("127.0.0.1:0"))
    let client = try Socket.connect(to: listener.address)
    let number = try accept(listener).release()
    let answered = Flag()
    let thread = try Thread.start(name: "heir", moving: Socket(owning: number)) { socket in
      if socket.send([9].span) == .moved(1) { answered.raise() }
    }
    thread.join()
    #expect(answered.isRaised)
    #expect(receive(client, 1) == [9])
    // The heir has closed it.
    var buffer = ByteBuffer()
    #expect(client.waitUntilReady(timeoutMilliseconds: 5_000) == true)
    #expect(client.receive(into: &buffer, atMost: 1) == .ended)
  }
}

@Suite struct `A socket file` {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/s" }

  init() throws { folder = try TemporaryFolder() }

  @Test func `has its mode, carries octets and goes with its listener`() throws {
    do {
      var settings = ListenerSettings()
      settings.socketFileMode = 0o600
      let listener = try Listener(.unix(path: path), settings: settings)
      #expect(listener.address == .unix(path: path))
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      let client = try Socket.connect(to: listener.address)
      #expect(client.send([1, 2].span) == .moved(2))
      guard case .connection(let server) = listener.accept() else {
        Issue.record("no connection")
        return
      }
      var buffer = ByteBuffer()
      #expect(server.receive(into: &buffer, atMost: 10) == .moved(2))
      #expect(server.peer == .unix(path: ""))
    }
    #expect(try Files.kind(path) == nil)
  }

  @Test func `belongs to whom the settings say, or is not there at all`() throws {
    var settings = ListenerSettings()
    settings.socketFileGroup = getegid()
    settings.socketFileOwner = geteuid()
    do {
      let listener = try Listener(.unix(path: path), settings: settings)
      _ = listener.address
      let owner = try FileManager.default.attributesOfItem(atPath: path)[.ownerAccountID] as? UInt32
      #expect(owner == geteuid())
    }
    if geteuid() == 0 {
      settings.socketFileOwner = 12
      settings.socketFileGroup = 34
      let listener = try Listener(.unix(path: path), settings: settings)
      _ = listener.address
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(
        attributes[.ownerAccountID] as? UInt32 == 12 && attributes[.groupOwnerAccountID] as? UInt32 == 34)
    } else {
      settings.socketFileOwner = 0
      #expect(throws: SystemError.self) { _ = try Listener(.unix(path: path), settings: settings) }
      #expect(try Files.kind(path) == nil)
    }
  }

  @Test func `accounts are found by name and number`() {
    #expect(Accounts.user("root") == 0 && Accounts.group("root") == 0)
    #expect(Accounts.user("1234") == 1_234 && Accounts.group("0") == 0)
    for text in ["", "no such account", "4294967295", "-1"] {
      #expect(Accounts.user(text) == nil && Accounts.group(text) == nil)
    }
  }

  @Test func `left by a crash is replaced`() throws {
    let stale = try staleSocket()
    #expect(stale)
    let listener = try Listener(.unix(path: path))
    #expect((try? Socket.connect(to: listener.address)) != nil)
  }

  /// A socket file whose listener died without removing it: bound under a name that is moved away from its
  /// owner.
  private func staleSocket() throws -> Bool {
    do {
      let listener = try Listener(.unix(path: path + "0"))
      try FileManager.default.moveItem(atPath: path + "0", toPath: path)
      _ = listener.descriptor
    }
    return try Files.kind(path) == .other
  }

  @Test func `in use is not taken away`() throws {
    let first = try Listener(.unix(path: path))
    #expect { _ = try Listener(.unix(path: path)) } throws: { ($0 as? SystemError)?.errno == .addressInUse }
    #expect((try? Socket.connect(to: first.address)) != nil)
  }

  @Test func `path that holds something else is left alone`() throws {
    try Files.write("precious", to: path)
    #expect { _ = try Listener(.unix(path: path)) } throws: {
      ($0 as? SystemError)?.errno == .exists && "\($0)".contains("not a socket")
    }
    #expect(try Files.read(path, limit: 100) == Array("precious".utf8))
    #expect(throws: SystemError.self) { _ = try Listener(.unix(path: folder.path + "/none/s")) }
  }

  @Test func `of a successor survives the end of the first`() throws {
    let successor: Listener
    do {
      let first = try Listener(.unix(path: path))
      try FileManager.default.removeItem(atPath: path)
      successor = try Listener(.unix(path: path))
      _ = first.descriptor
    }
    #expect(try Files.kind(path) == .other)
    #expect((try? Socket.connect(to: successor.address)) != nil)
  }
}
