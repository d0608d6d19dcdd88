import Bytes

/// The names of the certificates that one worker sees, each read once. Its memory is bounded: a ring of bytes in
/// which new certificates overwrite old ones, and a table of places in it.
///
/// A certificate is found by a keyed hash of the text as sent and compared as a whole. Certificates that a client
/// makes up one after another push others out, and cost each other what reading them costs, no more.
public struct CertificateCache: ~Copyable, Sendable {
  /// Bytes of texts and names that a worker keeps: two hundred certificates of usual size, and five of the largest.
  /// It is taken when the first certificate comes.
  public static let memoryBytes = 512 << 10
  /// Certificates of one hash that are kept beside each other.
  private static let ways = 4
  private static let sets = 64

  /// The names of one certificate, until the next call of `names`.
  public struct Names: Sendable, Hashable {
    fileprivate var range: ByteRange
  }

  private struct Slot: Sendable {
    var hash: UInt64 = 0
    /// Bytes written to the ring before this certificate's, in all; a place in the ring when taken modulo its size.
    var position: UInt64 = 0
    var textCount: UInt32 = 0
    /// 0: the slot is free.
    var count: UInt32 = 0
  }

  private var slots: [Slot] = []
  private var ring = ByteBuffer(capacity: 1)
  /// Bytes written to the ring in all, those skipped at its end included.
  private var written: UInt64 = 0
  private let hash = SeededHash(.random(in: 0 ... .max), .random(in: 0 ... .max))
  // What a certificate is read with.
  private var plain = ByteBuffer(capacity: 1)
  private var der = ByteBuffer(capacity: 1)
  private var fresh = ByteBuffer(capacity: 1)
  /// How many certificates were read, not found.
  public private(set) var readCount: UInt64 = 0

  public init() {}

  /// The names of the certificate that `text` spells: URI and DNS names in the certificate's order, then the
  /// subject unless it is empty.
  ///
  /// A known certificate costs a hash and a comparison of its text, and allocates nothing.
  /// - Throws: `CertificateError`. Nothing is kept of such a text.
  public mutating func names(of text: Span<UInt8>) throws(CertificateError) -> Names {
    // Three bytes spell one at most.
    if text.count > CertificateLimits.textBytes * 3 { throw .textSize }
    let hash = hash(text)
    let first = Int(truncatingIfNeeded: hash) & (Self.sets - 1) * Self.ways
    if !slots.isEmpty {
      var index = first
      while index < first + Self.ways {
        if slots[index].hash == hash, holds(slots[index], text) { return names(in: slots[index]) }
        index += 1
      }
    }
    try read(text)
    return keep(text, hash, among: first)
  }

  /// Calls `body` with each name until it returns true.
  /// - Returns: whether it did.
  public func contains(_ names: Names, where body: (Span<UInt8>) -> Bool) -> Bool {
    var index = Int(names.range.start)
    let bytes = ring.span
    while index < names.range.end {
      let count = Int(bytes[index]) << 8 | Int(bytes[index + 1])
      if body(bytes[(index + 2)..<(index + 2 + count)]) { return true }
      index += 2 + count
    }
    return false
  }

  private func holds(_ slot: Slot, _ text: Span<UInt8>) -> Bool {
    guard slot.count > 0, written - slot.position <= UInt64(Self.memoryBytes) else { return false }
    let start = Int(slot.position % UInt64(Self.memoryBytes))
    return Int(slot.textCount) == text.count && ring.span[start..<(start + text.count)].isSame(as: text)
  }

  private func names(in slot: Slot) -> Names {
    let start = Int(slot.position % UInt64(Self.memoryBytes)) + Int(slot.textCount)
    return Names(range: ByteRange(start: start, count: Int(slot.count - slot.textCount)))
  }

  /// Leaves the names in `fresh`, each behind two bytes of length.
  private mutating func read(_ text: Span<UInt8>) throws(CertificateError) {
    readCount += 1
    der.removeAll()
    try CertificateText.decode(text, plain: &plain, into: &der)
    fresh.removeAll()
    try Self.readNames(of: der, into: &fresh)
  }

  private static func readNames(
    of der: borrowing ByteBuffer, into names: inout ByteBuffer
  ) throws(CertificateError) {
    let bytes = der.span
    let subject = try CertificateReader.read(bytes) { _, name in
      appendCount(Int(name.count), to: &names)
      names.append(bytes[name])
    }
    let start = names.count
    appendCount(0, to: &names)
    try SubjectText.append(subject, of: bytes, to: &names)
    let count = names.count - start - 2
    if count == 0 {
      names.truncate(to: start)
    } else {
      names[start] = UInt8(truncatingIfNeeded: count >> 8)
      names[start + 1] = UInt8(truncatingIfNeeded: count)
    }
  }

  private static func appendCount(_ count: Int, to output: inout ByteBuffer) {
    output.append(UInt8(truncatingIfNeeded: count >> 8))
    output.append(UInt8(truncatingIfNeeded: count))
  }

  /// Writes `text` and `fresh` to the ring, and their place into the oldest slot of the set.
  private mutating func keep(_ text: Span<UInt8>, _ hash: UInt64, among first: Int) -> Names {
    if slots.isEmpty {
      slots = [Slot](repeating: Slot(), count: Self.sets * Self.ways)
      ring = ByteBuffer(capacity: Self.memoryBytes)
      for _ in 0..<Self.memoryBytes { ring.append(0) }
    }
    let size = UInt64(Self.memoryBytes)
    let count = text.count + fresh.count
    // One certificate stands in one piece: what is left at the end is skipped.
    let left = size - written % size
    if left < UInt64(count) { written += left }
    let start = Int(written % size)
    for index in text.indices { ring[start + index] = text[index] }
    for index in 0..<fresh.count { ring[start + text.count + index] = fresh[index] }
    let slot = Slot(
      hash: hash, position: written, textCount: UInt32(text.count), count: UInt32(count))
    written += UInt64(count)
    var oldest = first
    for index in first..<(first + Self.ways) where slots[index].position < slots[oldest].position {
      oldest = index
    }
    for index in first..<(first + Self.ways) where slots[index].count == 0 { oldest = index }
    slots[oldest] = slot
    return names(in: slot)
  }
}
