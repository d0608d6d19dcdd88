import Bytes

/// Tokens that a worker has met: the whole text of each with what was read of it and what came of its
/// signature's check. Looking one up costs a hash, a comparison of the text and a copy of what was read,
/// where reading costs a microsecond and a check ten to a hundred. Issuer, times and audience are judged
/// anew for every request, on what was read of that very text.
///
/// A right signature is bound to the verifier that found it right, a wrong one to the key set that had no
/// key for it, by numbers that are never used again (`KeyRing`): a rotation ends what it must and nothing
/// else.
///
/// Eviction is S3-FIFO (Yang and others, 2023): new tokens wait in a small queue, a tenth of the memory,
/// and only those that come again while they are there, or shortly after, enter the main one, where each
/// use gives another round. A flood of distinct tokens passes through the small queue and moves nobody out
/// of the main one.
public struct TokenCache: ~Copyable, Sendable {
  /// What is known of a text.
  enum Verdict: Sendable, Equatable {
    /// By the verifier of this number.
    case right(UInt64)
    /// No key of the set of this number has made the signature.
    case wrong(UInt64)
  }

  /// A first-in-first-out queue of entries, linked through them.
  private struct Queue: Sendable {
    var head: UInt32 = 0
    var tail: UInt32 = 0
    var octets = 0
  }

  private let maximumOctets: Int
  private let hash = FoldedHash()
  private var entries = OwnedArray<TokenCacheEntry>()
  private var free: [UInt32] = []
  /// Positions plus one; a power of two of them.
  private var buckets: [UInt32] = []
  private var small = Queue()
  private var main = Queue()
  /// Hashes of texts that left the small queue of late, by their low bits.
  private var ghosts: [UInt64] = []

  private(set) var counts = TokenCacheCounts()
  private var count = 0
  /// The stamp of the text that was taken last. It begins at a random place: a token that another cache has read
  /// is not taken for one of this one.
  private var stamps = UInt64.random(in: 1 ... .max)
  private var octets: Int { small.octets + main.octets }

  /// What it did so far, and what it holds.
  public var statistics: TokenCacheCounts {
    var result = counts
    result.entries = count
    result.octets = octets
    return result
  }

  /// - Parameter maximumOctets: of texts and their places; 0: nothing is kept. Tables beside them take
  /// another twentieth, and are made with the first token.
  public init(maximumOctets: Int) { self.maximumOctets = maximumOctets }

  var isEnabled: Bool { maximumOctets > 0 }

  // MARK: Looking up

  /// Which text an entry held at some time: it may hold another one later.
  struct Entry: Sendable {
    let index: Int
    let stamp: UInt64
  }

  /// The place of a token in the tables.
  func place(_ text: Span<UInt8>) -> UInt64 { hash(text) }

  /// Makes `token` what reading `text` would make it, if the text is here. Its use counts.
  mutating func restore(_ text: Span<UInt8>, at place: UInt64, into token: inout UnverifiedToken) -> Bool {
    guard let index = find(place, text) else { return false }
    if entries[index].uses < 3 { entries[index].uses += 1 }
    entries[index].write(to: &token)
    token.cachePlace = place
    token.cacheEntry = Entry(index: index, stamp: entries[index].stamp)
    return true
  }

  /// Whether anything is known of the token's signature.
  public func knows(_ token: borrowing UnverifiedToken) -> Bool { index(of: token) != nil }

  /// What is known of the token's signature.
  func verdict(of token: borrowing UnverifiedToken) -> Verdict? {
    guard let index = index(of: token) else { return nil }
    return entries[index].verdict
  }

  private func index(of token: borrowing UnverifiedToken) -> Int? {
    guard let entry = token.cacheEntry, entry.index < entries.count, entries[entry.index].stamp == entry.stamp
    else { return nil }
    return entry.index
  }

  mutating func countHit() { counts.hits &+= 1 }
  mutating func countMiss() { counts.misses &+= 1 }

  private func find(_ place: UInt64, _ text: Span<UInt8>) -> Int? {
    if buckets.isEmpty { return nil }
    var next = buckets[bucket(place)]
    while next != 0 {
      let index = Int(next) - 1
      if entries[index].hash == place, entries[index].holds(text) { return index }
      next = entries[index].nextInBucket
    }
    return nil
  }

  private func bucket(_ place: UInt64) -> Int { Int(truncatingIfNeeded: place) & (buckets.count - 1) }

  // MARK: Keeping

  /// Keeps what came of a token's signature, in place of what was known of it.
  mutating func keep(_ token: inout UnverifiedToken, _ verdict: Verdict) {
    if let known = index(of: token) {
      entries[known].verdict = verdict
      return
    }
    guard let place = token.cachePlace else { return }
    let size = TokenCacheEntry.size(of: token)
    // A text that would take a good part of the memory is not worth what it pushes out.
    guard size <= maximumOctets / 16 else { return }
    prepare()
    while octets + size > maximumOctets { evict() }
    let index = takeFree()
    stamps &+= 1
    entries[index].take(token)
    entries[index].hash = place
    entries[index].stamp = stamps
    entries[index].verdict = verdict
    entries[index].uses = 0
    entries[index].nextInBucket = buckets[bucket(place)]
    buckets[bucket(place)] = UInt32(index + 1)
    count += 1
    token.cacheEntry = Entry(index: index, stamp: stamps)
    // Who came back shortly after leaving has shown that it is no passer-by.
    let ghost = Int(truncatingIfNeeded: place) & (ghosts.count - 1)
    let isKnown = ghosts[ghost] == place
    if isKnown { ghosts[ghost] = 0 }
    append(index, toMain: isKnown)
  }

  /// Makes the tables when the first text comes: about 800 octets a token is short.
  private mutating func prepare() {
    if !buckets.isEmpty { return }
    var size = 64
    while size < maximumOctets / 800 { size *= 2 }
    buckets = [UInt32](repeating: 0, count: size)
    ghosts = [UInt64](repeating: 0, count: size)
  }

  private mutating func takeFree() -> Int {
    if let index = free.popLast() { return Int(index) }
    entries.append(TokenCacheEntry())
    return entries.count - 1
  }

  private func size(_ index: Int) -> Int { entries[index].size }

  private mutating func append(_ index: Int, toMain: Bool) {
    let link = UInt32(index + 1)
    entries[index].isInMain = toMain
    entries[index].nextInQueue = 0
    let amount = size(index)
    if toMain {
      if main.tail != 0 { entries[Int(main.tail) - 1].nextInQueue = link } else { main.head = link }
      main.tail = link
      main.octets += amount
    } else {
      if small.tail != 0 { entries[Int(small.tail) - 1].nextInQueue = link } else { small.head = link }
      small.tail = link
      small.octets += amount
    }
  }

  // MARK: Forgetting

  /// Makes room for one entry, at least.
  private mutating func evict() {
    if small.octets > maximumOctets / 10 || main.head == 0 { evictSmall() } else { evictMain() }
  }

  private mutating func evictSmall() {
    guard small.head != 0 else { return }
    let index = Int(small.head) - 1
    small.head = entries[index].nextInQueue
    if small.head == 0 { small.tail = 0 }
    small.octets -= size(index)
    if entries[index].uses > 0 {
      entries[index].uses = 0
      append(index, toMain: true)
      return
    }
    let place = entries[index].hash
    ghosts[Int(truncatingIfNeeded: place) & (ghosts.count - 1)] = place
    remove(index)
  }

  private mutating func evictMain() {
    while main.head != 0 {
      let index = Int(main.head) - 1
      main.head = entries[index].nextInQueue
      if main.head == 0 { main.tail = 0 }
      main.octets -= size(index)
      if entries[index].uses == 0 {
        remove(index)
        return
      }
      entries[index].uses -= 1
      append(index, toMain: true)
    }
  }

  private mutating func remove(_ index: Int) {
    let bucket = bucket(entries[index].hash)
    if buckets[bucket] == UInt32(index + 1) {
      buckets[bucket] = entries[index].nextInBucket
    } else {
      var before = Int(buckets[bucket]) - 1
      while entries[before].nextInBucket != UInt32(index + 1) {
        before = Int(entries[before].nextInBucket) - 1
      }
      entries[before].nextInBucket = entries[index].nextInBucket
    }
    entries[index].clear()
    free.append(UInt32(index))
    count -= 1
    counts.evictions &+= 1
  }
}

/// What a token cache did so far, and what it holds.
public struct TokenCacheCounts: Sendable, Equatable {
  public var hits: UInt64 = 0
  public var misses: UInt64 = 0
  public var evictions: UInt64 = 0
  public var entries = 0
  /// The memory that texts and their places take.
  public var octets = 0
  public init() {}
}
