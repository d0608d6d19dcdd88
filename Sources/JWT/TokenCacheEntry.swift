import Bytes
import JSON

/// One token in a token cache: its text, and what was read of it in as little memory as that takes.
struct TokenCacheEntry: ~Copyable, Sendable {
  /// What an entry takes beside octets and nodes: itself, and what the allocator rounds up.
  static let overheadOctets = MemoryLayout<TokenCacheEntry>.stride + 128

  var hash: UInt64 = 0
  /// Which text this is; 0 for none.
  var stamp: UInt64 = 0
  var verdict = TokenCache.Verdict.wrong(0)
  /// Uses since it came into its queue, at most 3.
  var uses: UInt8 = 0
  var isInMain = false
  /// The next entry of the same bucket, as its position plus one.
  var nextInBucket: UInt32 = 0
  /// The next entry of its queue, towards the tail.
  var nextInQueue: UInt32 = 0

  /// The text, behind it the decoded header, behind that the decoded payload.
  private var octets = ByteBuffer(capacity: 16)
  private var textOctets = 0
  private var headerOctets = 0
  /// Of the header, then of the payload.
  private var nodes = JSONNodeList()
  private var headerNodes = 0
  private var facts = TokenFacts()

  /// What an entry for a token takes, with its place in the tables.
  static func size(of token: borrowing UnverifiedToken) -> Int {
    token.text.count + token.header.octets.count + token.payload.octets.count
      + (token.header.nodeCount + token.payload.nodeCount) * JSONNodeList.nodeOctets + overheadOctets
  }

  var size: Int { octets.count + nodes.count * JSONNodeList.nodeOctets + Self.overheadOctets }

  /// Whether it is of this text, to the last octet.
  func holds(_ text: Span<UInt8>) -> Bool {
    textOctets == text.count && octets.span.extracting(0..<textOctets).isSame(as: text)
  }

  mutating func take(_ token: borrowing UnverifiedToken) {
    textOctets = token.text.count
    headerOctets = token.header.octets.count
    octets = ByteBuffer(capacity: textOctets + headerOctets + token.payload.octets.count)
    octets.append(token.text.span)
    octets.append(token.header.octets.span)
    octets.append(token.payload.octets.span)
    headerNodes = token.header.nodeCount
    nodes = JSONNodeList()
    nodes.reserve(headerNodes + token.payload.nodeCount)
    nodes.append(token.header)
    nodes.append(token.payload)
    facts = token.facts
  }

  /// Makes `token` what it was, its signature not decoded.
  func write(to token: inout UnverifiedToken) {
    token.forget()
    let span = octets.span
    let payloadStart = textOctets + headerOctets
    token.text.append(span.extracting(0..<textOctets))
    token.header.restore(span.extracting(textOctets..<payloadStart), nodes, 0..<headerNodes)
    token.payload.restore(span.extracting(payloadStart..<span.count), nodes, headerNodes..<nodes.count)
    token.facts = facts
    token.isParsed = true
  }

  /// Gives the memory back.
  mutating func clear() {
    stamp = 0
    octets = ByteBuffer(capacity: 16)
    nodes = JSONNodeList()
    textOctets = 0
  }
}
