import Foundation
import TestSupport
import Testing

@testable import HTTP

/// The memory that a worker lends to nghttp2.
@Suite struct SessionMemoryTests {
  @Test func `blocks keep their octets, overlap nowhere and are used again`() throws {
    let named = ProcessInfo.processInfo.environment["COUNTERSIGN_TEST_SEED"].flatMap { UInt64($0) }
    let seed = named ?? UInt64.random(in: 0 ... .max)
    print("SessionMemoryTests seed \(seed)")
    var random = SeededGenerator(seed: seed)
    var memory = SessionPool(maximumIdleOctets: 256 << 10)
    var held: [(block: UnsafeMutableRawPointer, size: Int, mark: UInt8)] = unsafe []
    func check(_ one: (block: UnsafeMutableRawPointer, size: Int, mark: UInt8), _ size: Int) -> Bool {
      (0..<size).allSatisfy { unsafe one.block.load(fromByteOffset: $0, as: UInt8.self) == one.mark }
    }
    for round in 0..<20_000 {
      let size = [0, 1, 31, 32, 33, 500, 1_024, 1_025, 4_000, 70_000].randomElement(using: &random) ?? 1
      let mark = UInt8(truncatingIfNeeded: round)
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let block = unsafe try #require(memory.take(size))
        unsafe memset(block, Int32(mark), size)
        unsafe held.append((block, size, mark))
      case 1:
        let block = unsafe try #require(memory.takeZeroed(size, 1))
        #expect(unsafe check((block, size, 0), size))
        unsafe memset(block, Int32(mark), size)
        unsafe held.append((block, size, mark))
      case 2 where unsafe !held.isEmpty:
        let index = unsafe Int.random(in: 0..<held.count, using: &random)
        let one = unsafe held.remove(at: index)
        let block = unsafe try #require(memory.resize(one.block, size))
        #expect(unsafe check((block, size, one.mark), min(size, one.size)))
        unsafe memset(block, Int32(mark), size)
        unsafe held.append((block, size, mark))
      default:
        guard unsafe held.count > 200 || Bool.random(using: &random), let one = unsafe held.popLast() else {
          continue
        }
        #expect(unsafe check(one, one.size))
        unsafe memory.give(one.block)
      }
      #expect(memory.idleOctets <= 256 << 10)
    }
    while let one = unsafe held.popLast() {
      #expect(unsafe check(one, one.size))
      unsafe memory.give(one.block)
    }
    let first = unsafe memory.take(100)
    unsafe memory.give(first)
    #expect(unsafe memory.take(100) == first)
    unsafe memory.give(first)
    unsafe memory.give(nil)
    #expect(unsafe memory.takeZeroed(.max, 2) == nil)
  }
}
