import Foundation
import Glibc
import Testing

@testable import System

/// What systemd hears.
@Suite struct ServiceManagerTests {
  private func bound(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let name = Array(path.utf8)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    if path.hasPrefix("@") { unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0[0] = 0 } }
    let length = socklen_t(2 + name.count)
    let result = unsafe withUnsafePointer(to: &address) { start in
      unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) }
    }
    try #require(result == 0)
    return descriptor
  }

  private func heard(_ descriptor: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }

  @Test(arguments: ["/tmp/countersign-notify-", "@countersign-notify-"])
  func `the manager is told readiness, status and the end, on either kind of socket`(_ prefix: String) throws
  {
    let path = prefix + UUID().uuidString
    let descriptor = try bound(path)
    defer {
      close(descriptor)
      _ = unsafe unlink(path)
    }
    let manager = ServiceManager(path: path)
    manager.tellReady("2 policies\nand a key")
    #expect(heard(descriptor) == "READY=1\nSTATUS=2 policies and a key")
    manager.tellStatus("generation 2")
    manager.tellStopping()
    #expect(heard(descriptor) == "STATUS=generation 2")
    #expect(heard(descriptor) == "STOPPING=1")
  }

  @Test func `without a manager, or with one that has gone, nothing happens`() {
    ServiceManager(path: nil).tellReady("a")
    ServiceManager(path: "").tellReady("a")
    ServiceManager(path: "/nowhere/at/all").tellReady("a")
    ServiceManager(path: String(repeating: "a", count: 200)).tellReady("a")
  }
}
