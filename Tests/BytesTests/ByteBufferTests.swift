import Bytes
import TestSupport
import Testing

struct ByteBufferTests {
  /// What a plain array does, for everything that a buffer can do.
  @Test func `random work leaves what an array would hold`() {
    var generator = SeededGenerator(announcing: #function)
    for _ in 0..<150 {
      var buffer = ByteBuffer(capacity: Int.random(in: 1...9, using: &generator))
      var model: [UInt8] = []
      for _ in 0..<60 {
        let octets = (0..<Int.random(in: 0...20, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        let at = Int.random(in: 0...model.count, using: &generator)
        switch Int.random(in: 0..<11, using: &generator) {
        case 0:
          buffer.append(7)
          model.append(7)
        case 1:
          buffer.append(octets.span)
          model += octets
        case 2:
          buffer.append(octets)
          model += octets
        case 3:
          buffer.append("text")
          model += Array("text".utf8)
        case 4:
          buffer.appendCopy(of: ByteRange(at..<model.count))
          model += model[at...]
        case 5:
          unsafe buffer.appendUnsafely(atMost: octets.count + 3) { target in
            for (index, octet) in octets.enumerated() { unsafe target[index] = octet }
            return octets.count
          }
          model += octets
        case 6:
          buffer.truncate(to: at)
          model.removeSubrange(at...)
        case 7:
          buffer.removeFirst(at)
          model.removeFirst(at)
        case 8:
          buffer.shrink(ifAbove: Int.random(in: 1...40, using: &generator))
        case 9:
          buffer.reserve(Int.random(in: 0...50, using: &generator))
        default:
          if model.isEmpty { continue }
          let index = Int.random(in: 0..<model.count, using: &generator)
          buffer[index] ^= 0xA5
          model[index] ^= 0xA5
        }
        #expect(buffer.count == model.count && buffer.isEmpty == model.isEmpty)
        #expect(buffer.copy() == model)
        #expect(view(buffer) == model)
      }
    }
  }

  @Test func `an emptied buffer is empty and can be filled again`() {
    var buffer = ByteBuffer(capacity: 1)
    buffer.append("one")
    buffer.removeAll()
    #expect(buffer.isEmpty && buffer.copy() == [] && view(buffer) == [])
    buffer.append("two")
    #expect(buffer.copy() == Array("two".utf8))
  }

  @Test func `octets are changed in place through a mutable view`() {
    var buffer = ByteBuffer(capacity: 1)
    buffer.append("abc")
    var view = buffer.mutableSpan
    view[1] = 0x58
    #expect(buffer.copy() == Array("aXc".utf8))
  }

  @Test func `nothing is appended by a writer that throws`() {
    struct Refused: Error {}
    var buffer = ByteBuffer(capacity: 1)
    buffer.append("kept")
    #expect(throws: Refused.self) {
      try unsafe buffer.appendUnsafely(atMost: 100) { target throws(Refused) in
        unsafe target[0] = 1
        throw Refused()
      }
    }
    #expect(buffer.copy() == Array("kept".utf8))
  }

  @Test func `shrinking keeps what does not fit`() {
    var buffer = ByteBuffer(capacity: 1)
    for _ in 0..<100 { buffer.append(9) }
    buffer.shrink(ifAbove: 50)
    #expect(buffer.copy() == Array(repeating: 9, count: 100))
    buffer.truncate(to: 50)
    buffer.shrink(ifAbove: 50)
    buffer.append(8)
    #expect(buffer.copy() == Array(repeating: 9, count: 50) + [8])
  }

  @Test func `a misused buffer stops the process instead of reading beyond its octets`() async {
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer(capacity: 8)
      buffer.append(1)
      _ = buffer[1]
    }
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer(capacity: 8)
      buffer.append(1)
      buffer.appendCopy(of: ByteRange(start: 1, count: 1))
    }
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer(capacity: 8)
      buffer.truncate(to: 1)
    }
    await #expect(processExitsWith: .failure) {
      var buffer = ByteBuffer(capacity: 8)
      buffer.append(1)
      _ = buffer.span[ByteRange(start: 0, count: 2)].count
    }
  }
}

struct ByteRangeTests {
  @Test func `a range names the octets between its ends`() {
    let octets: [UInt8] = [0, 1, 2, 3, 4]
    let range = ByteRange(1..<4)
    #expect(range == ByteRange(start: 1, count: 3))
    #expect(range.end == 4 && range.indices == 1..<4 && !range.isEmpty)
    #expect(octets.part(range) == [1, 2, 3])
    #expect(octets.part(2..<5) == [2, 3, 4])
    #expect(octets.part(range.dropFirst(1)) == [2, 3])
    #expect(octets.part(range.dropFirst(3)) == [])
    #expect(ByteRange.empty.isEmpty && octets.part(ByteRange.empty) == [])
  }

  @Test func `an empty range at the end is within the octets`() {
    let octets: [UInt8] = [0, 1]
    #expect(octets.part(ByteRange(2..<2)) == [])
  }

  @Test func `a range takes eight octets`() {
    #expect(MemoryLayout<ByteRange>.size == 8)
  }
}
