import Bytes

/// Which entries of a table can match a check at all, by the path or the host that they ask for: so that a
/// check looks at a few entries however many there are. An entry that names neither is always a candidate.
///
/// A pattern is found by the hash of a beginning, an end or the whole of the text. It may name an entry too
/// many, which is then judged and does not match; never one too few.
struct CandidateIndex: Sendable {
  fileprivate enum Part: UInt8 { case whole, beginning, end }

  /// A bit for each entry that no pattern narrows down.
  private(set) var always: [UInt64]
  private var paths = CandidatePatterns()
  private var hosts = CandidatePatterns()
  private var lists: [UInt32] = []
  private let seed: UInt64 = .random(in: 0 ... .max)

  /// Off for a small table, which is walked.
  let isUsed: Bool

  /// - Parameter keys: for each entry the patterns of which one must match; empty: always a candidate. Nil: the
  ///   index is not used.
  init(_ keys: [[Key]]?) {
    isUsed = keys != nil
    let keys = keys ?? []
    always = [UInt64](repeating: 0, count: (keys.count + 63) / 64)
    var found: [Bool: [UInt64: [UInt32]]] = [true: [:], false: [:]]
    for (entry, keys) in keys.enumerated() {
      if keys.isEmpty { always[entry >> 6] |= 1 << UInt64(entry & 63) }
      for key in keys {
        let hash = hash(key)
        found[key.isPath]?[hash, default: []].append(UInt32(entry))
        note(key)
      }
    }
    paths.fill(found[true] ?? [:], &lists)
    hosts.fill(found[false] ?? [:], &lists)
  }

  /// One pattern that an entry asks for.
  struct Key {
    var isPath: Bool
    var kind: MatcherKind
    var text: [UInt8]

    /// Nil for a kind that is not found by a hash.
    init?(_ attribute: Attribute, _ kind: MatcherKind, _ text: [UInt8]) {
      switch (attribute, kind) {
      case (.path, .exact), (.path, .prefix), (.path, .suffix): isPath = true
      case (.host, .exact), (.host, .prefix), (.host, .suffix): isPath = false
      case (.host, .exactIgnoringCase), (.host, .prefixIgnoringCase), (.host, .suffixIgnoringCase):
        isPath = false
      default: return nil
      }
      self.kind = kind
      self.text = text
    }

    fileprivate var part: Part {
      switch kind {
      case .prefix, .prefixIgnoringCase: .beginning
      case .suffix, .suffixIgnoringCase: .end
      default: .whole
      }
    }
  }

  private mutating func note(_ key: Key) {
    let length = key.text.count
    func note(_ patterns: inout CandidatePatterns) {
      switch key.part {
      case .whole: patterns.longestWhole = max(patterns.longestWhole, length)
      case .beginning:
        patterns.longestBeginning = max(patterns.longestBeginning, length)
        Self.mark(length, &patterns.beginnings)
      case .end: Self.mark(length, &patterns.ends)
      }
    }
    if key.isPath { note(&paths) } else { note(&hosts) }
  }

  private static func mark(_ length: Int, _ bits: inout [UInt64]) {
    while bits.count <= length >> 6 { bits.append(0) }
    bits[length >> 6] |= 1 << UInt64(length & 63)
  }

  // MARK: Looking up

  /// Makes `candidates` a bit for each entry that may match.
  func find(path: Span<UInt8>, host: Span<UInt8>, into candidates: inout [UInt64]) {
    if candidates.count < always.count { candidates = always }
    for index in always.indices { candidates[index] = always[index] }
    if !paths.isEmpty { find(path, paths, &candidates) }
    if !hosts.isEmpty { find(host, hosts, &candidates) }
  }

  private func find(
    _ text: Span<UInt8>, _ patterns: borrowing CandidatePatterns, _ candidates: inout [UInt64]
  ) {
    var hash = start(.beginning)
    var index = 0
    let mayBeWhole = text.count <= patterns.longestWhole
    // However long a client makes a text, only so much of it is looked at.
    let last = mayBeWhole ? text.count : min(text.count, patterns.longestBeginning)
    while index <= last {
      if Self.has(index, patterns.beginnings) { add(finished(hash), patterns, &candidates) }
      if index == last { break }
      hash = Self.step(hash, text[index])
      index += 1
    }
    // The whole is a beginning of its full length with another ending.
    if mayBeWhole { add(finished(hash ^ Self.wholeMark), patterns, &candidates) }
    if patterns.ends.isEmpty { return }
    hash = start(.end)
    index = 0
    while index <= text.count, index >> 6 < patterns.ends.count {
      if Self.has(index, patterns.ends) { add(finished(hash), patterns, &candidates) }
      if index == text.count { break }
      hash = Self.step(hash, text[text.count - 1 - index])
      index += 1
    }
  }

  private static func has(_ length: Int, _ bits: [UInt64]) -> Bool {
    length >> 6 < bits.count && bits[length >> 6] & (1 << UInt64(length & 63)) != 0
  }

  private func add(_ hash: UInt64, _ patterns: borrowing CandidatePatterns, _ candidates: inout [UInt64]) {
    var slot = Int(truncatingIfNeeded: hash) & (patterns.hashes.count - 1)
    while patterns.hashes[slot] != 0 {
      if patterns.hashes[slot] == hash {
        var index = Int(patterns.firsts[slot])
        let end = index + Int(patterns.counts[slot])
        while index < end {
          let entry = Int(lists[index])
          candidates[entry >> 6] |= 1 << UInt64(entry & 63)
          index += 1
        }
        return
      }
      slot = (slot + 1) & (patterns.hashes.count - 1)
    }
  }

  // MARK: Hashing

  private static let wholeMark: UInt64 = 0x9E37_79B9_7F4A_7C15

  private func start(_ part: Part) -> UInt64 { (seed &+ UInt64(part == .end ? 1 : 0)) | 1 }

  /// FNV-1a over lower case, seeded: patterns that ignore case and those that do not share it, since a false
  /// candidate costs little.
  private static func step(_ hash: UInt64, _ octet: UInt8) -> UInt64 {
    (hash ^ UInt64(octet.asciiLowercased)) &* 0x0000_0100_0000_01B3
  }

  /// Mixed, and never 0.
  private func finished(_ hash: UInt64) -> UInt64 {
    let mixed = (hash ^ (hash >> 32)) &* 0xD6E8_FEB8_6659_FD93
    return (mixed ^ (mixed >> 32)) | 1
  }

  private func hash(_ key: Key) -> UInt64 {
    var hash = start(key.part)
    for octet in key.part == .end ? key.text.reversed() : key.text { hash = Self.step(hash, octet) }
    return finished(key.part == .whole ? hash ^ Self.wholeMark : hash)
  }
}

/// The patterns over one attribute.
struct CandidatePatterns: Sendable {
  /// Open addressing by the hash; 0 is free.
  var hashes: [UInt64] = []
  /// Beside `hashes`: where the entries are in `lists`.
  var firsts: [UInt32] = []
  var counts: [UInt32] = []
  /// A bit for each length that a beginning or an end has.
  var beginnings: [UInt64] = []
  var ends: [UInt64] = []
  /// A longer text is no whole, and no further part of one is a beginning; -1: there are none.
  var longestWhole = -1
  var longestBeginning = -1
  var isEmpty: Bool { hashes.isEmpty }

  mutating func fill(_ found: [UInt64: [UInt32]], _ lists: inout [UInt32]) {
    if found.isEmpty { return }
    var size = 4
    while size < found.count * 2 { size *= 2 }
    hashes = [UInt64](repeating: 0, count: size)
    firsts = [UInt32](repeating: 0, count: size)
    counts = firsts
    for (hash, entries) in found {
      var slot = Int(truncatingIfNeeded: hash) & (size - 1)
      while hashes[slot] != 0 { slot = (slot + 1) & (size - 1) }
      hashes[slot] = hash
      firsts[slot] = UInt32(lists.count)
      counts[slot] = UInt32(entries.count)
      lists += entries
    }
  }
}
