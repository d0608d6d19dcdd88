import Bytes

/// Escapes, and names that must differ.
extension JSONDocument {
  /// Replaces the escape at `read` by what it stands for, at `write`, and moves both on. What an escape
  /// stands for is never longer than the escape, so `write` stays behind `read`.
  mutating func readEscape(_ read: inout Int, _ write: inout Int) throws(JSONError) {
    guard read + 1 < octets.count else { throw .unexpectedEnd(at: octets.count) }
    let plain: UInt8
    switch octets[read + 1] {
    case Mark.quote: plain = Mark.quote
    case Mark.backslash: plain = Mark.backslash
    case 0x2F: plain = 0x2F
    case 0x62: plain = 0x08
    case 0x66: plain = 0x0C
    case 0x6E: plain = 0x0A
    case 0x72: plain = 0x0D
    case 0x74: plain = 0x09
    case 0x75:
      try readUnicodeEscape(&read, &write)
      return
    default: throw .invalidEscape(at: read)
    }
    octets[write] = plain
    write += 1
    read += 2
  }

  private mutating func readUnicodeEscape(_ read: inout Int, _ write: inout Int) throws(JSONError) {
    let start = read
    var scalar = try hexQuad(at: start + 2, escape: start)
    read += 6
    if scalar >= 0xDC00 && scalar < 0xE000 { throw .loneSurrogate(at: start) }
    if scalar >= 0xD800 && scalar < 0xDC00 {
      guard read + 1 < octets.count, octets[read] == Mark.backslash, octets[read + 1] == 0x75 else {
        throw .loneSurrogate(at: start)
      }
      let low = try hexQuad(at: read + 2, escape: read)
      guard low >= 0xDC00 && low < 0xE000 else { throw .loneSurrogate(at: start) }
      scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
      read += 6
    }
    put(scalar, at: &write)
  }

  private func hexQuad(at position: Int, escape: Int) throws(JSONError) -> UInt32 {
    guard position + 4 <= octets.count else { throw .unexpectedEnd(at: octets.count) }
    var value: UInt32 = 0
    for index in position..<(position + 4) {
      guard let digit = octets[index].hexDigitValue else { throw .invalidEscape(at: escape) }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  private mutating func put(_ scalar: UInt32, at write: inout Int) {
    func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(scalar >> shift & 0x3F) }
    if scalar < 0x80 {
      octets[write] = UInt8(scalar)
      write += 1
    } else if scalar < 0x800 {
      octets[write] = 0xC0 | UInt8(scalar >> 6)
      octets[write + 1] = continuation(0)
      write += 2
    } else if scalar < 0x10000 {
      octets[write] = 0xE0 | UInt8(scalar >> 12)
      octets[write + 1] = continuation(6)
      octets[write + 2] = continuation(0)
      write += 3
    } else {
      octets[write] = 0xF0 | UInt8(scalar >> 18)
      octets[write + 1] = continuation(12)
      octets[write + 2] = continuation(6)
      octets[write + 3] = continuation(0)
      write += 4
    }
  }

  // MARK: Duplicate names

  /// Up to here names are compared pair by pair; hashing pays off only above.
  private static let mostPairwiseMembers = 16

  /// Drawn once per process: nobody can choose names that meet in one slot of `nameTable`.
  private static let nameHash = SeededHash(.random(in: 0 ... .max), .random(in: 0 ... .max))

  /// Where the text of a repeated name starts, or nil. Names are compared unescaped.
  /// Cost: linear in the object's members.
  mutating func duplicateName(in object: Int) -> Int? {
    nodes[object].count <= Self.mostPairwiseMembers
      ? duplicateByPairs(in: object) : duplicateByHash(in: object)
  }

  private func isSameText(_ a: Node, _ b: Node) -> Bool {
    guard a.count == b.count else { return false }
    let view = octets.span
    return view[ByteRange(start: Int(a.start), count: Int(a.count))].equals(
      view[ByteRange(start: Int(b.start), count: Int(b.count))])
  }

  private func duplicateByPairs(in object: Int) -> Int? {
    let end = Int(nodes[object].next)
    var index = object + 1
    while index < end {
      var earlier = object + 1
      while earlier < index {
        if isSameText(nodes[earlier], nodes[index]) { return Int(nodes[index].start) }
        earlier = Int(nodes[earlier + 1].next)
      }
      index = Int(nodes[index + 1].next)
    }
    return nil
  }

  /// Open addressing over a table of at least twice the members; slot 0 is free, else a node's position plus
  /// one.
  private mutating func duplicateByHash(in object: Int) -> Int? {
    let members = Int(nodes[object].count)
    let size = 1 << (Int.bitWidth - (members * 2 - 1).leadingZeroBitCount)
    nameTable.removeAll(keepingCapacity: true)
    for _ in 0..<size { nameTable.append(0) }
    let end = Int(nodes[object].next)
    var index = object + 1
    while index < end {
      let name = nodes[index]
      let hash = Self.nameHash(octets.span[ByteRange(start: Int(name.start), count: Int(name.count))])
      var slot = Int(truncatingIfNeeded: hash) & (size - 1)
      while nameTable[slot] != 0 {
        if isSameText(nodes[Int(nameTable[slot]) - 1], name) { return Int(name.start) }
        slot = (slot + 1) & (size - 1)
      }
      nameTable[slot] = UInt32(index + 1)
      index = Int(nodes[index + 1].next)
    }
    return nil
  }
}
