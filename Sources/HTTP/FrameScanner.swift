import Bytes

/// Follows the frames in what a client sends, head by head. nghttp2 says nothing of frames that it ignores
/// (unknown types, anything on closed streams), and those must count against the budgets too.
struct FrameScanner {
  /// A frame's first nine octets, as far as they matter here.
  struct Head {
    var length = 0
    var type: UInt8 = 0
    var flags: UInt8 = 0
  }

  /// Octets of the preface or of a payload still to come.
  private var remaining = 24
  private var headCount = 0
  private(set) var head = Head()
  /// Within HEADERS and the CONTINUATION frames after it: nothing else can be read until it ends.
  private(set) var isInHeaderBlock = false

  /// Goes on to the next head that is complete, from `offset` on; false when the octets end before it.
  mutating func next(in octets: Span<UInt8>, from offset: inout Int) -> Bool {
    while offset < octets.count {
      if remaining > 0 {
        let amount = min(remaining, octets.count - offset)
        remaining -= amount
        offset += amount
        if remaining == 0 { payloadEnded() }
        continue
      }
      take(octets[offset])
      offset += 1
      if headCount < 9 { continue }
      headCount = 0
      remaining = head.length
      let isHeaders = head.type == 1
      isInHeaderBlock = isHeaders || head.type == 9 && isInHeaderBlock
      if remaining == 0 { payloadEnded() }
      return true
    }
    return false
  }

  private mutating func take(_ octet: UInt8) {
    switch headCount {
    case 0: head.length = Int(octet)
    case 1, 2: head.length = head.length << 8 | Int(octet)
    case 3: head.type = octet
    case 4: head.flags = octet
    default: break
    }
    headCount += 1
  }

  private mutating func payloadEnded() {
    // END_HEADERS.
    if isInHeaderBlock, head.flags & 4 != 0 { isInHeaderBlock = false }
  }
}
