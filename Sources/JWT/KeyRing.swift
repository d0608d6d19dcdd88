import Bytes
import JSON
public import Signatures

/// How hard a key is searched.
public struct KeyRingSettings: Sendable {
  /// Most signature checks for one token. A token with `kid` needs one; without, every fitting key is a
  /// candidate, and a flood of such tokens must not cost a thousand checks each (security checklist 2.1).
  public var maximumTries = 16
  /// Where tables of elliptic-curve keys are wished for and found; nil: checks go without.
  public var tables: ECDSATables?

  public init() {}
}

/// One worker's verifiers for one key set. Keys are found by `kid` through a hash, or by algorithm through a
/// list made in advance; a verifier is made when its key and algorithm first meet a token, and reused from
/// then on.
public struct KeyRing: ~Copyable, Sendable {
  private let settings: KeyRingSettings
  private let hash: SeededHash
  private var keys: [JSONWebKey] = []
  /// Open addressing over at least twice the keys: position of the first key of a `kid` plus one; 0 is free.
  private var table: [UInt32] = []
  /// The next key of the same `kid`, as its position plus one.
  private var sameKeyID: [UInt32] = []
  /// For each algorithm the first keys that fit, at most `maximumTries`: all of them, and those without
  /// `kid`.
  private var fitting = CandidateLists()
  private var fittingWithoutKeyID = CandidateLists()
  /// Verifiers by slot; `slots[key][algorithm]` is a slot plus one.
  private var verifiers: OwnedArray<Verifier>
  private var held: [Held] = []
  private var slots: [AlgorithmTable<UInt32>] = []
  /// Beside `verifiers`: how often one without a table was used.
  private var uses: [UInt32] = []
  /// Beside `verifiers`: the number of each, by which the token cache knows it. A key whose name or `alg` has
  /// changed counts as another.
  private var numbers: [UInt64] = []
  /// The number of the set: another one after every change.
  private var setNumber: UInt64
  private var nextNumber: UInt64
  /// The verifier that was asked last, and whether one could not be made for the last token.
  private var lastVerifier = 0
  private var lackedVerifier = false
  /// Whether the last `verify` with a cache checked no signature: the cache or the token itself knew the result.
  public private(set) var lastWasKnown = false
  /// What was there when tables were last looked for.
  private var tablesVersion: UInt64 = 0

  /// What a slot of `verifiers` holds.
  private struct Held: Hashable {
    let fingerprint: KeyFingerprint
    let algorithm: Algorithm
  }

  public init(_ set: JWKSet, settings: KeyRingSettings = KeyRingSettings()) {
    self.settings = settings
    hash = SeededHash(.random(in: 0 ... .max), .random(in: 0 ... .max))
    verifiers = OwnedArray(capacity: 2)
    // Rings share a cache: each begins at a random place of a space that nobody counts through.
    setNumber = .random(in: 0 ... .max)
    nextNumber = setNumber &+ 1
    index(set)
  }

  /// Takes over another set: a rotation. Verifiers of keys that stay are kept, those of withdrawn keys go.
  /// Cost: linear in both sets.
  public mutating func replaceKeys(with set: JWKSet) {
    let before = Dictionary(grouping: keys, by: \.key.fingerprint)
    let after = Dictionary(grouping: set.keys, by: \.key.fingerprint)
    setNumber = takeNumber()
    index(set)
    var stays: [Held: [Int]] = [:]
    for (position, key) in set.keys.enumerated() {
      for algorithm in Algorithm.allCases where key.fits(algorithm) {
        stays[Held(fingerprint: key.key.fingerprint, algorithm: algorithm), default: []].append(position)
      }
    }
    var kept = OwnedArray<Verifier>(capacity: max(2, verifiers.count))
    var keptHeld: [Held] = []
    var keptUses: [UInt32] = []
    var keptNumbers: [UInt64] = []
    while let verifier = verifiers.popLast() {
      let count = uses.popLast() ?? 0
      let number = numbers.popLast() ?? takeNumber()
      guard let what = held.popLast(), let positions = stays.removeValue(forKey: what) else { continue }
      kept.append(verifier)
      keptUses.append(count)
      let isTheSame = before[what.fingerprint] == after[what.fingerprint]
      keptNumbers.append(isTheSame ? number : takeNumber())
      keptHeld.append(what)
      for position in positions { slots[position][what.algorithm] = UInt32(kept.count) }
    }
    verifiers = kept
    held = keptHeld
    uses = keptUses
    numbers = keptNumbers
  }

  private mutating func takeNumber() -> UInt64 {
    nextNumber &+= 1
    return nextNumber
  }

  /// How many verifiers have been made and are kept.
  public var verifierCount: Int { verifiers.count }

  /// Finds a key of the set that made the token's signature.
  ///
  /// A key is passed over when it and the token both have a `kid` and these differ, when its `alg` is
  /// another, and when its type, curve or length does not fit the token's algorithm (Istio semantics 1.6;
  /// design, section 7).
  /// - Throws: `.noKeyMatches` when no key is left (the set may be out of date), `.ed25519SignatureLength`,
  ///   or `.verificationFailed`. Cost: at most `maximumTries` signature checks; no allocation once the key
  ///   has been used.
  public mutating func verify(_ token: borrowing UnverifiedToken) throws(TokenError) -> SignatureProof {
    guard token.isParsed else { throw .verificationFailed }
    return try verifySignature(token)
  }

  /// The same by a cache of what was checked before, and by what the token remembers: one text is checked by one
  /// key set
  /// at most once, with or without a cache. A signature that was right is believed while the key
  /// that made it is in the set, as it was; a wrong one is refused while the set is what it was. Keys that
  /// are not there are never remembered as wrong.
  /// - Parameter token: read by `UnverifiedToken.parse(_:_:_:)` with the same cache, or nothing is known of
  ///   it.
  public mutating func verify(
    _ token: inout UnverifiedToken, _ cache: inout TokenCache
  ) throws(TokenError) -> SignatureProof {
    guard token.isParsed else { throw .verificationFailed }
    lastWasKnown = true
    if cache.isEnabled {
      switch cache.verdict(of: token) {
      case .right(let number)? where numbers.contains(number):
        cache.countHit()
        return SignatureProof(identity: token.identity)
      case .wrong(let number)? where number == setNumber:
        cache.countHit()
        throw .verificationFailed
      default: break
      }
    }
    if let known = token.check(by: setNumber) {
      if let error = known.error { throw error }
      return SignatureProof(identity: token.identity)
    }
    lastWasKnown = false
    if cache.isEnabled { cache.countMiss() }
    try token.completeSignature()
    do throws(TokenError) {
      let proof = try verifySignature(token)
      token.remember(SignatureCheck(setNumber: setNumber, error: nil))
      if cache.isEnabled { cache.keep(&token, .right(numbers[lastVerifier])) }
      return proof
    } catch {
      token.remember(SignatureCheck(setNumber: setNumber, error: error))
      if cache.isEnabled, error == .verificationFailed, !lackedVerifier {
        cache.keep(&token, .wrong(setNumber))
      }
      throw error
    }
  }

  /// The same for a token whose payload need not be claims.
  mutating func verifySignature(_ token: borrowing UnverifiedToken) throws(TokenError) -> SignatureProof {
    let algorithm = token.algorithm
    var tries = 0
    lackedVerifier = false
    if let range = token.keyID {
      let keyID = token.header.octets.span[range]
      var next = first(keyID)
      while next != 0, tries < settings.maximumTries {
        let position = Int(next) - 1
        next = sameKeyID[position]
        guard keys[position].fits(algorithm) else { continue }
        tries += 1
        if isSigned(token, by: position) { return SignatureProof(identity: token.identity) }
      }
      for position in fittingWithoutKeyID.candidates(algorithm) where tries < settings.maximumTries {
        tries += 1
        if isSigned(token, by: Int(fittingWithoutKeyID.positions[position])) {
          return SignatureProof(identity: token.identity)
        }
      }
    } else {
      for position in fitting.candidates(algorithm) {
        tries += 1
        if isSigned(token, by: Int(fitting.positions[position])) {
          return SignatureProof(identity: token.identity)
        }
      }
    }
    if tries == 0 { throw .noKeyMatches }
    if algorithm == .edDSA && token.signature.count != 64 { throw .ed25519SignatureLength }
    throw .verificationFailed
  }

  private mutating func isSigned(_ token: borrowing UnverifiedToken, by position: Int) -> Bool {
    guard let slot = slot(position, token.algorithm) else {
      // Not known to be wrong: the token may be right, and memory come back.
      lackedVerifier = true
      return false
    }
    lastVerifier = slot
    if token.algorithm.family == .ecdsa, let tables = settings.tables { useTables(tables, slot, position) }
    return verifiers[slot].isValid(
      signature: token.signature.span, over: token.text.span[token.signingInput])
  }

  /// Takes tables over that have been built, and wishes for one when a key is used often. Costs one load of a
  /// number that rarely changes once the key has its table.
  private mutating func useTables(_ tables: ECDSATables, _ slot: Int, _ position: Int) {
    if tables.currentVersion != tablesVersion {
      tablesVersion = tables.currentVersion
      for index in held.indices where !verifiers[index].hasTable && held[index].algorithm.family == .ecdsa {
        if let table = tables.table(for: held[index].fingerprint) { verifiers[index].adopt(table) }
      }
    }
    if verifiers[slot].hasTable { return }
    uses[slot] &+= 1
    // Once more at each doubling: there may have been no room before.
    if uses[slot] >= ECDSATables.usesBeforeWish, uses[slot] & (uses[slot] &- 1) == 0 {
      tables.wish(for: keys[position].key)
    }
  }

  /// The verifier of a key and an algorithm, made now if it is not there. Nil when libcrypto cannot make it:
  /// the token is refused then, and the next one tries again.
  private mutating func slot(_ position: Int, _ algorithm: Algorithm) -> Int? {
    let known = slots[position][algorithm]
    if known != 0 { return Int(known) - 1 }
    guard var verifier = try? Verifier(key: keys[position].key, algorithm: algorithm) else { return nil }
    if algorithm.family == .ecdsa, let table = settings.tables?.table(for: keys[position].key.fingerprint) {
      verifier.adopt(table)
    }
    verifiers.append(verifier)
    uses.append(0)
    numbers.append(takeNumber())
    held.append(Held(fingerprint: keys[position].key.fingerprint, algorithm: algorithm))
    slots[position][algorithm] = UInt32(verifiers.count)
    return verifiers.count - 1
  }

  /// The first key of a `kid`, as its position plus one; 0 when there is none.
  private func first(_ keyID: Span<UInt8>) -> UInt32 {
    if table.isEmpty { return 0 }
    var slot = Int(truncatingIfNeeded: hash(keyID)) & (table.count - 1)
    while table[slot] != 0 {
      if let other = keys[Int(table[slot]) - 1].keyID, keyID.equals(other.span) { return table[slot] }
      slot = (slot + 1) & (table.count - 1)
    }
    return 0
  }

  private mutating func index(_ set: JWKSet) {
    keys = set.keys
    var size = 4
    while size < keys.count * 2 { size *= 2 }
    table = [UInt32](repeating: 0, count: size)
    sameKeyID = [UInt32](repeating: 0, count: keys.count)
    slots = [AlgorithmTable<UInt32>](repeating: .repeating(0), count: keys.count)
    // From the last to the first, each put before its namesakes: a chain is in the set's order.
    for position in keys.indices.reversed() {
      guard let keyID = keys[position].keyID else { continue }
      var slot = Int(truncatingIfNeeded: hash(keyID.span)) & (size - 1)
      while table[slot] != 0, keys[Int(table[slot]) - 1].keyID != keyID { slot = (slot + 1) & (size - 1) }
      sameKeyID[position] = table[slot]
      table[slot] = UInt32(position + 1)
    }
    fitting = CandidateLists(keys, most: settings.maximumTries) { _ in true }
    fittingWithoutKeyID = CandidateLists(keys, most: settings.maximumTries) { $0.keyID == nil }
  }
}

/// For each algorithm the positions of keys to try, side by side in one list.
private struct CandidateLists: Sendable {
  private(set) var positions: [UInt32] = []
  /// The part of `positions` that is for each algorithm.
  private var ranges = AlgorithmTable<Range<Int>>.repeating(0..<0)

  init() {}

  init(_ keys: [JSONWebKey], most: Int, _ belongs: (JSONWebKey) -> Bool) {
    for algorithm in Algorithm.allCases {
      let start = positions.count
      for position in keys.indices where positions.count < start + most {
        if belongs(keys[position]) && keys[position].fits(algorithm) { positions.append(UInt32(position)) }
      }
      ranges[algorithm] = start..<positions.count
    }
  }

  /// The part of `positions` that is for `algorithm`.
  func candidates(_ algorithm: Algorithm) -> Range<Int> { ranges[algorithm] }
}

/// Proof that one text of one token bears a valid signature. Only `KeyRing.verify` makes one, it cannot be
/// copied, and it promotes the claims of that text alone.
public struct SignatureProof: ~Copyable, Sendable {
  let identity: UnverifiedToken.Identity

  fileprivate init(identity: UnverifiedToken.Identity) { self.identity = identity }
}
