import Bytes

/// Signatures that a worker has checked: the whole text of each token with what came of it. Looking one up
/// costs a hash and a comparison of the text, where a check costs ten to a hundred times as much. It holds
/// nothing else: form, issuer, times and audience are judged anew for every request.
///
/// A right signature is bound to the verifier that found it right, a wrong one to the key set that had no key
/// for it, by numbers that are never used again (`KeyRing`): a rotation ends what it must and nothing else.
///
/// Eviction is S3-FIFO (Yang and others, 2023): new tokens wait in a small queue, a tenth of the memory, and
/// only those that come again while they are there, or shortly after, enter the main one, where each use
/// gives another round. A flood of distinct tokens passes through the small queue and moves nobody out of the
/// main one.
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

  /// What an entry takes beside its text.
  static let overheadOctets = 96

  private let maximumOctets: Int
  private let hash = SeededHash(.random(in: 0 ... .max), .random(in: 0 ... .max))
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

  /// The place of a token in the tables, for `verdict` and `insert`.
  func place(_ signed: Span<UInt8>, _ signature: Span<UInt8>) -> UInt64 {
    // The signature's hash is keyed with the text's: one pass over each.
    SeededHash(hash(signed), 0x7369_676E_6174_7572)(signature)
  }

  /// What is known of a token. Its use counts.
  mutating func verdict(_ place: UInt64, _ signed: Span<UInt8>, _ signature: Span<UInt8>) -> Verdict? {
    guard let index = find(place, signed, signature) else { return nil }
    if entries[index].uses < 3 { entries[index].uses += 1 }
    return entries[index].verdict
  }

  mutating func countHit() { counts.hits &+= 1 }
  mutating func countMiss() { counts.misses &+= 1 }

  private func find(_ place: UInt64, _ signed: Span<UInt8>, _ signature: Span<UInt8>) -> Int? {
    if buckets.isEmpty { return nil }
    var next = buckets[bucket(place)]
    while next != 0 {
      let index = Int(next) - 1
      if entries[index].hash == place, holds(index, signed, signature) { return index }
      next = entries[index].nextInBucket
    }
    return nil
  }

  private func holds(_ index: Int, _ signed: Span<UInt8>, _ signature: Span<UInt8>) -> Bool {
    let count = entries[index].signedOctets
    guard count == signed.count, entries[index].text.count == count + signature.count else { return false }
    let text = entries[index].text.span
    return text.extracting(0..<count).isSame(as: signed)
      && text.extracting(count..<text.count).isSame(as: signature)
  }

  private func bucket(_ place: UInt64) -> Int { Int(truncatingIfNeeded: place) & (buckets.count - 1) }

  // MARK: Keeping

  /// Keeps what came of a token, in place of what was known of it.
  mutating func insert(_ place: UInt64, _ signed: Span<UInt8>, _ signature: Span<UInt8>, _ verdict: Verdict) {
    let size = signed.count + signature.count + Self.overheadOctets
    // A text that would take a good part of the memory is not worth what it pushes out.
    guard size <= maximumOctets / 16 else { return }
    if let known = find(place, signed, signature) {
      entries[known].verdict = verdict
      return
    }
    prepare()
    while octets + size > maximumOctets { evict() }
    let index = takeFree()
    entries[index].hash = place
    entries[index].text.removeAll()
    entries[index].text.append(signed)
    entries[index].text.append(signature)
    entries[index].signedOctets = signed.count
    entries[index].verdict = verdict
    entries[index].uses = 0
    entries[index].nextInBucket = buckets[bucket(place)]
    buckets[bucket(place)] = UInt32(index + 1)
    count += 1
    // Who came back shortly after leaving has shown that it is no passer-by.
    let ghost = Int(truncatingIfNeeded: place) & (ghosts.count - 1)
    let isKnown = ghosts[ghost] == place
    if isKnown { ghosts[ghost] = 0 }
    append(index, toMain: isKnown)
  }

  /// Makes the tables when the first text comes: about 400 octets a token is short.
  private mutating func prepare() {
    if !buckets.isEmpty { return }
    var size = 64
    while size < maximumOctets / 400 { size *= 2 }
    buckets = [UInt32](repeating: 0, count: size)
    ghosts = [UInt64](repeating: 0, count: size)
  }

  private mutating func takeFree() -> Int {
    if let index = free.popLast() { return Int(index) }
    entries.append(TokenCacheEntry())
    return entries.count - 1
  }

  private func size(_ index: Int) -> Int { entries[index].text.count + Self.overheadOctets }

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
    entries[index].text = ByteBuffer(capacity: 16)
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

/// One text in a token cache.
struct TokenCacheEntry: ~Copyable, Sendable {
  var hash: UInt64 = 0
  /// What was signed, and behind it the signature.
  var text = ByteBuffer(capacity: 16)
  var signedOctets = 0
  var verdict = TokenCache.Verdict.wrong(0)
  /// Uses since it came into its queue, at most 3.
  var uses: UInt8 = 0
  var isInMain = false
  /// The next entry of the same bucket, as its position plus one.
  var nextInBucket: UInt32 = 0
  /// The next entry of its queue, towards the tail.
  var nextInQueue: UInt32 = 0
}
