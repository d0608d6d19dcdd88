import Bytes
import DecisionLog
import Foundation
import Synchronization
import System
import TestSupport
import Testing

/// The log of decisions: whole lines or none, and never a wait for the one who writes them.
@Suite struct DecisionLogTests {
  private final class Told: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ text: String) { texts.withLock { $0.append(text) } }
    var all: [String] { texts.withLock { $0 } }
  }

  private func settings(_ path: String, bufferOctets: Int = 4_096) -> DecisionLogSettings {
    var settings = DecisionLogSettings()
    settings.sink = .file(path)
    settings.bufferOctets = bufferOctets
    return settings
  }

  private func temporary() -> String { NSTemporaryDirectory() + "decisions-\(UUID().uuidString)" }
  private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

  private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<1_000 {
      if condition() { return true }
      Foundation.Thread.sleep(forTimeInterval: 0.01)
    }
    return false
  }

  private func append(_ text: String, to ring: ByteRing) -> Bool { ring.append(Array(text.utf8).span) }

  // MARK: The ring

  @Test func `octets leave a ring as they entered, whatever their sizes, while another thread reads`() throws
  {
    let seed = UInt64.random(in: 0 ... .max)
    print("DecisionLogTests seed \(seed)")
    let ring = ByteRing(atLeast: 1_000)
    #expect(ring.capacity == 1_024)
    let total = 200_000
    let isDone = Atomic<Bool>(false)
    let refused = Atomic<Int>(0)
    var got = ByteBuffer()
    try withThread("writer") {
      var random = SeededGenerator(seed: seed)
      var next = 0
      while next < total {
        let count = min(total - next, Int.random(in: 0...700, using: &random))
        let octets = (next..<(next + count)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        if ring.append(octets.span) { next += count } else { refused.wrappingAdd(1, ordering: .relaxed) }
      }
      isDone.store(true, ordering: .releasing)
    } during: {
      while !isDone.load(ordering: .acquiring) { ring.drain(into: &got) }
      ring.drain(into: &got)
    }
    let octets = got.copy()
    #expect(octets.count == total)
    #expect(octets.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: $0 &* 31) }, "seed \(seed)")
  }

  private func withThread(
    _ name: String, _ body: @escaping @Sendable () -> Void, during: () -> Void
  ) throws {
    let thread = try System.Thread.start(name: name, body)
    during()
    thread.join()
  }

  @Test func `what has no room is not taken at all`() {
    let ring = ByteRing(atLeast: 64)
    #expect(append(String(repeating: "a", count: 60), to: ring))
    #expect(!append("12345", to: ring) && append("1234", to: ring) && !append("5", to: ring))
    var got = ByteBuffer()
    ring.drain(into: &got)
    #expect(String(decoding: got.copy(), as: UTF8.self) == String(repeating: "a", count: 60) + "1234")
    #expect(append(String(repeating: "b", count: 64), to: ring))
  }

  // MARK: The file

  @Test func `lines of all workers are written, and the file's content stays`() throws {
    let path = temporary()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "before\n".write(toFile: path, atomically: true, encoding: .utf8)
    let log = try DecisionLog(settings(path), workers: 2) { _ in }
    #expect(append("one\n", to: log.ring(0)) && append("two\n", to: log.ring(1)))
    log.stop()
    #expect(text(path) == "before\none\ntwo\n" && log.dropped == 0)
  }

  @Test func `a file that was renamed is opened anew when asked`() throws {
    let path = temporary()
    defer {
      try? FileManager.default.removeItem(atPath: path)
      try? FileManager.default.removeItem(atPath: path + ".1")
    }
    let log = try DecisionLog(settings(path), workers: 1) { _ in }
    #expect(append("old\n", to: log.ring(0)))
    #expect(eventually { text(path) == "old\n" })
    try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
    #expect(append("still old\n", to: log.ring(0)))
    #expect(eventually { text(path + ".1") == "old\nstill old\n" })
    log.reopen()
    #expect(eventually { FileManager.default.fileExists(atPath: path) })
    #expect(append("new\n", to: log.ring(0)))
    log.stop()
    #expect(text(path) == "new\n" && text(path + ".1") == "old\nstill old\n" && log.dropped == 0)
  }

  @Test func `a full disk costs lines, which are counted, and is told once`() throws {
    let told = Told()
    let log = try DecisionLog(settings("/dev/full"), workers: 1) { told.add($0) }
    for round in 1...3 {
      #expect(append("a\nb\n", to: log.ring(0)))
      #expect(eventually { log.dropped == UInt64(round * 2) })
    }
    log.countDropped()
    log.stop()
    #expect(log.dropped == 7)
    #expect(told.all.count == 1 && told.all.first?.contains("No space left on device") == true, "\(told.all)")
  }

  @Test func `a pipe that nobody reads holds up nobody, and its lines are counted`() throws {
    let path = temporary()
    #expect(unsafe mkfifo(path, 0o600) == 0)
    defer { try? FileManager.default.removeItem(atPath: path) }
    // A reader that only holds the pipe open.
    let reader = unsafe open(path, O_RDWR | O_NONBLOCK)
    defer { close(reader) }
    let log = try DecisionLog(settings(path), workers: 1) { _ in }
    let line = String(repeating: "x", count: 1_000) + "\n"
    var refused = 0
    let start = ContinuousClock.now
    for _ in 0..<500 {
      if !append(line, to: log.ring(0)) { refused += 1 }
      Foundation.Thread.sleep(forTimeInterval: 0.001)
    }
    // 64 KiB in the pipe, the thread's buffer and the ring.
    #expect(refused > 300)
    log.stop()
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func `a sink that cannot be opened is an error at the start`() {
    #expect(throws: SystemError.self) {
      _ = try DecisionLog(settings("/nowhere/at/all/decisions.log"), workers: 1) { _ in }
    }
  }

  // MARK: A line

  @Test func `a line is one JSON object, whatever a client sent`() throws {
    var line = DecisionLine()
    line.begin()
    line.addTime("time", nanoseconds: 1_795_792_496_007_999_999)
    line.add("verdict", "deny")
    line.add("path", Array("/a\"b\\c\n\u{0}é".utf8).span)
    line.add("bad", [0x61, 0xFF, 0x62].span)
    line.add("empty", [UInt8]().span)
    line.add("long", Array(String(repeating: "é", count: 100).utf8).span, most: 33)
    line.add("status", 403)
    line.add("cached", true)
    line.add("hash", hexadecimal: [0x00, 0x9A, 0xFF].span)
    line.end()
    let text = String(decoding: line.octetsCopy, as: UTF8.self)
    #expect(text.hasSuffix("}\n") && text.filter { $0 == "\n" }.count == 1)
    let read = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary
    #expect(
      read == [
        "time": "2026-11-27T15:14:56.007Z", "verdict": "deny", "path": "/a\"b\\c\n\u{0}é", "bad": "a b",
        "long": String(repeating: "é", count: 16), "status": 403, "cached": true, "hash": "009aff",
      ] as NSDictionary, "\(text)")
    line.begin()
    line.add("a", 1)
    line.end()
    let again = line.octetsCopy.count
    #expect(again == 8)
  }
}
