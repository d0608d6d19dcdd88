import Bytes
import Check
import JSON
import JWT
import KeySets
public import Signatures

/// Finds and verifies the tokens of a request for all rules of a workload, and combines the rules' outcomes
/// as Istio has Envoy do (semantics, sections 1.4 to 1.7). One value a worker; its storage is reused.
struct Authentication: ~Copyable {
  /// What became of one rule.
  enum Outcome: Sendable, Equatable {
    case passed
    /// No token in any of the rule's locations.
    case missing
    case failed(TokenError)
  }

  /// What became of the whole requirement. Only `authenticate` makes one.
  struct Requirement: ~Copyable {
    let isMet: Bool
    /// Why not, when not.
    let error: TokenError

    fileprivate static var met: Requirement { Requirement(isMet: true, error: .missing) }
    fileprivate static func failed(_ error: TokenError) -> Requirement {
      Requirement(isMet: false, error: error)
    }
    private init(isMet: Bool, error: TokenError) {
      self.isMet = isMet
      self.error = error
    }
  }

  private var settings: AuthorizerSettings
  private(set) var finder = TokenFinder()
  private var tokens = TokenPool()
  private var keyRings: OwnedArray<KeyRing>
  /// How many tokens of this request were accepted, for rules that failed later among them.
  private var acceptedTokens = 0
  /// A limit of ours was exceeded: no other rule may accept what this one refused.
  private var exceedsLimit = false
  private var headerValue = ByteBuffer(capacity: 256)
  /// The claims that policies see: those of the token that was verified last.
  private(set) var claims = VerifiedClaims()
  /// What verified tokens change in the request.
  private(set) var changes = RequestChanges()
  private(set) var verifications = VerificationCounts()
  /// Of the signature that was checked last for this request: its algorithm, whether the cache knew it, and, where it
  /// is recorded, the key ID.
  private(set) var lastAlgorithm: Algorithm?
  private(set) var lastWasKnown = false
  private(set) var lastKeyID = ByteBuffer(capacity: 64)
  var recordsKeyID = false
  /// How long signatures took that were not known, until somebody takes the times.
  private(set) var times: [SignatureTime] = []
  /// More are not kept: nobody has taken them for long.
  private static let maximumTimes = 1_024
  var stopwatch: (@Sendable () -> UInt64)?
  /// Signatures that were checked before.
  private(set) var cache: TokenCache
  /// What is done, recorded for people; nil while nobody wants to read it, as in a server.
  var trace: AuthenticationTrace?

  /// What of the remote sets this worker has.
  private var remotes: [RemoteKeys]
  /// Beside `keyRings`: an index into `remotes`, or -1.
  private var remoteOfKeySet: [Int]
  /// Keys that the request before would have needed and that are not here.
  private(set) var wantedKeys: [WantedKey] = []
  private let keyIDHash = SeededHash(.random(in: 0 ... .max), .random(in: 0 ... .max))

  /// Which set of a provider a key ring holds.
  private struct RemoteKeys {
    var keySet: Int
    var provider: Int
    var generation: UInt64 = 0
    var isMissing = true
  }

  init(_ snapshot: PolicySnapshot) {
    settings = snapshot.settings
    cache = TokenCache(maximumOctets: settings.tokenCacheOctets)
    keyRings = OwnedArray(capacity: max(1, snapshot.keySets.count))
    remotes = []
    remoteOfKeySet = []
    takeKeySets(of: snapshot, HeldKeyRings())
    wantedKeys.reserveCapacity(Self.maximumWantedKeys)
  }

  /// Goes over to another snapshot. Key sets that both hold keep their verifiers, and so the token cache what it
  /// knows of them; remote ones have no keys until `adoptKeys`. Bounds of tokens, of the cache and of the key
  /// search stay as they were: what a cache has read must be what reading would give.
  mutating func adopt(_ snapshot: PolicySnapshot, after old: PolicySnapshot) {
    settings.policy = snapshot.settings.policy
    settings.clockSkewSeconds = snapshot.settings.clockSkewSeconds
    settings.maximumTokensPerRule = snapshot.settings.maximumTokensPerRule
    let held = HeldKeyRings(taking: &keyRings, of: old)
    keyRings = OwnedArray(capacity: max(1, snapshot.keySets.count))
    takeKeySets(of: snapshot, held)
    reset()
  }

  private mutating func takeKeySets(of snapshot: PolicySnapshot, _ held: consuming HeldKeyRings) {
    remotes = []
    remoteOfKeySet = Array(repeating: -1, count: snapshot.keySets.count)
    for index in snapshot.keySets.indices {
      switch snapshot.keySets[index] {
      case .inline(let set):
        keyRings.append(held.take(set) ?? KeyRing(set, settings: settings.keyRing))
      case .remote(let provider):
        let place = snapshot.keySources[provider].place
        keyRings.append(held.take(place) ?? KeyRing(JWKSet(keys: []), settings: settings.keyRing))
        remoteOfKeySet[index] = remotes.count
        remotes.append(RemoteKeys(keySet: index, provider: provider))
      }
    }
  }

  /// More providers than this are not waited for at once.
  private static let maximumWantedKeys = 8

  /// Takes over what providers have published since the last time. Sets that are the same cost nothing.
  /// - Parameter entries: of the snapshot's `keySources`, in their order.
  mutating func adoptKeys(_ entries: [KeyBoard.Entry]) {
    for index in remotes.indices
    where entries[remotes[index].provider].generation != remotes[index].generation {
      let entry = entries[remotes[index].provider]
      keyRings[remotes[index].keySet].replaceKeys(with: entry.keys ?? JWKSet(keys: []))
      remotes[index].generation = entry.generation
      remotes[index].isMissing = entry.keys == nil
    }
  }

  /// Forgets the request before: its claims and its changes.
  mutating func reset() {
    claims.clear()
    changes.reset()
    tokens.reset()
    acceptedTokens = 0
    exceedsLimit = false
    lastAlgorithm = nil
    wantedKeys.clear()
    if trace != nil { trace = AuthenticationTrace() }
  }

  /// Authenticates one request.
  /// - Parameter now: seconds since 1970.
  mutating func authenticate(
    _ plan: borrowing WorkloadPlan, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Requirement {
    // A header that policies set is never a client's, whatever becomes of the tokens (design, invariant 2).
    for range in plan.outputHeaders { changes.removeHeader(plan.octets.span[range]) }
    if plan.rules.isEmpty { return .met }
    trace?.requiresToken = plan.requiresToken
    if Self.isPreflight(check, in: message) {
      trace?.isPreflight = true
      return .met
    }
    return plan.requiresToken
      ? requireAll(plan, check, in: message, now: now) : requireAny(plan, check, in: message, now: now)
  }

  /// ANY(P1, …, Pn, ALL(ANY(P1, allow_missing), …)): the first rule that passes ends the search. Without
  /// one, the ALL evaluates every rule again, on the request as the first pass left it (semantics, section
  /// 1.5).
  private mutating func requireAny(
    _ plan: borrowing WorkloadPlan, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Requirement {
    if plan.issuers.isUsed, trace == nil {
      finder.collect(plan.rules[0], check, in: message, changes: changes)
      if finder.found.isEmpty { return .met }
      if finder.found.count == 1 { return requireOfIssuer(plan, check, in: message, now: now) }
    }
    var error = TokenError.missing
    var first: TokenError?
    var meetsLimit = false
    for index in plan.rules.indices {
      switch evaluate(plan.rules[index], check, in: message, now: now) {
      case .passed: return .met
      case .missing: break
      case .failed(let found):
        if exceedsLimit { return .failed(found) }
        meetsLimit = meetsLimit || found == .tooLarge || found == .tooMany
        Self.merge(found, into: &error)
        first = first ?? found
      }
    }
    guard var last = first else { return .met }
    // A request that no rule changed fails again at the same token. So does a single rule. What a limit kept from being
    // verified is never forgiven because another rule took it out (design, invariant 1).
    if plan.rules.count > 1, acceptedTokens > 0, !meetsLimit {
      trace?.secondPass = []
      let again = requireAll(plan, check, in: message, now: now)
      if again.isMet { return .met }
      last = again.error
    }
    Self.merge(last, into: &error)
    return .failed(error)
  }

  /// The same where all rules look into the same places and one token is there: those of another issuer
  /// refuse it with `issuer not configured`, unasked.
  private mutating func requireOfIssuer(
    _ plan: borrowing WorkloadPlan, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Requirement {
    var candidates = 0..<0
    do throws(TokenError) {
      let index = try read(finder.found[0], message)
      if let issuer = tokens[index].issuer {
        candidates = plan.issuers.rules(of: tokens[index].payload.octets.span[issuer])
      }
    } catch {
      // Every rule says so.
      return .failed(error)
    }
    var error = TokenError.missing
    var first: TokenError?
    for position in candidates {
      let index = plan.issuers.rule(at: position)
      // A rule in front of it that was not asked.
      if index > position - candidates.lowerBound, first == nil { first = .issuerNotConfigured }
      // The first finds what was collected. A rule that fails has accepted no token here: there is no second pass.
      let outcome =
        position == candidates.lowerBound
        ? judge(plan.rules[index], check, in: message, now: now)
        : evaluate(plan.rules[index], check, in: message, now: now)
      switch outcome {
      case .passed: return .met
      case .missing: break
      case .failed(let found):
        if exceedsLimit { return .failed(found) }
        Self.merge(found, into: &error)
        first = first ?? found
      }
    }
    if candidates.count < plan.rules.count {
      Self.merge(.issuerNotConfigured, into: &error)
      first = first ?? .issuerNotConfigured
    }
    guard let first else { return .met }
    Self.merge(first, into: &error)
    return .failed(error)
  }

  /// ALL over the rules, where an optional one may be missing.
  private mutating func requireAll(
    _ plan: borrowing WorkloadPlan, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Requirement {
    for index in plan.rules.indices {
      switch evaluate(plan.rules[index], check, in: message, now: now) {
      case .passed: continue
      case .missing where !plan.rules[index].isRequired: continue
      case .missing: return .failed(.missing)
      case .failed(let error): return .failed(error)
      }
    }
    return .met
  }

  /// A specific error beats `issuer not configured`, which beats `missing`; the last specific one wins.
  private static func merge(_ error: TokenError, into current: inout TokenError) {
    if (error != .missing && error != .issuerNotConfigured) || current == .missing { current = error }
  }

  /// CORS preflights pass unauthenticated: browsers send them without credentials.
  static func isPreflight(_ check: borrowing Check, in message: Span<UInt8>) -> Bool {
    guard message[check.method].equals("OPTIONS") else { return false }
    return hasValue(origin, check, in: message) && hasValue(requestedMethod, check, in: message)
  }

  private static let origin = Array("origin".utf8)
  private static let requestedMethod = Array("access-control-request-method".utf8)

  private static func hasValue(_ name: [UInt8], _ check: borrowing Check, in message: Span<UInt8>) -> Bool {
    guard let index = check.headerIndex(of: name.span, in: message) else { return false }
    return !check.headers[index].value.isEmpty
  }

  /// Lets `body` read the issuer of the request's only token; empty where it cannot be told.
  func withUnverifiedIssuer<R>(_ body: (Span<UInt8>) -> R) -> R { tokens.withOnlyIssuer(body) }

  // MARK: One rule

  /// What becomes of one rule. Asking it takes back what was set so far under the names of its output headers.
  private mutating func evaluate(
    _ rule: borrowing TokenRule, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Outcome {
    if !changes.setHeaders.isEmpty { takeBackOutputs(of: rule) }
    finder.collect(rule, check, in: message, changes: changes)
    if trace != nil { traceTokens(of: rule, in: message) }
    let outcome = judge(rule, check, in: message, now: now)
    if trace != nil { traceOutcome(outcome) }
    return outcome
  }

  private mutating func takeBackOutputs(of rule: borrowing TokenRule) {
    if let name = rule.payloadHeader { changes.takeBackHeader(rule.octets.span[name]) }
    for output in rule.claimHeaders { changes.takeBackHeader(rule.octets.span[output.header]) }
  }

  /// All tokens of the rule must be valid. They are taken last to first, so the first one writes the claims
  /// last.
  private mutating func judge(
    _ rule: borrowing TokenRule, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) -> Outcome {
    if finder.found.isEmpty { return .missing }
    if finder.found.count > settings.maximumTokensPerRule { return .failed(.tooMany) }
    for index in finder.found.indices.reversed() {
      do throws(TokenError) {
        try accept(index, rule, check, in: message, now: now)
      } catch {
        if trace != nil { traceJudgement(.refused(error), ofToken: index) }
        return .failed(error)
      }
      if trace != nil { traceJudgement(.accepted, ofToken: index) }
    }
    return .passed
  }

  /// Verifies one token and applies what its rule does after that.
  private mutating func accept(
    _ index: Int, _ rule: borrowing TokenRule, _ check: borrowing Check, in message: Span<UInt8>, now: UInt64
  ) throws(TokenError) {
    let found = finder.found[index]
    let position = try read(found, message)
    if trace != nil { traceFacts(Self.facts(of: tokens[position]), ofToken: index) }
    try verify(position, rule, now: now)
    acceptedTokens += 1
    if rule.forwardsToken { return }
    switch found.place {
    case .header(let index): changes.takeBackHeader(rule.octets.span[rule.headers[index].name])
    case .parameter(let index):
      let isRemoved = TokenFinder.removeParameter(
        rule.octets.span[rule.parameters[index]], fromQueryOf: message[check.path], in: &changes,
        scratch: &headerValue)
      if !isRemoved {
        exceedsLimit = true
        throw .tooMany
      }
    case .cookie: break  // Envoy never removes cookies.
    }
  }

  /// Reads a token, unless this request's tokens have it already.
  /// - Returns: its index in `tokens`.
  private mutating func read(_ found: FoundToken, _ message: Span<UInt8>) throws(TokenError) -> Int {
    switch found.text {
    case .unreadable: throw .malformed
    case .message(let range):
      return try tokens.read(
        TokenPool.Source(origin: .message, range: range), message[range], settings.token, &cache, claims)
    case .decoded(let range, let encoded):
      return try Self.read(
        TokenPool.Source(origin: .encodedMessage, range: encoded), range, of: finder.decoded, into: &tokens,
        settings.token, &cache, claims)
    case .changes(let range):
      return try Self.read(
        TokenPool.Source(origin: .changes, range: range), range, of: changes.octets, into: &tokens,
        settings.token, &cache, claims)
    }
  }

  private static func read(
    _ source: TokenPool.Source, _ range: ByteRange, of bytes: borrowing ByteBuffer,
    into tokens: inout TokenPool, _ settings: TokenSettings, _ cache: inout TokenCache,
    _ claims: borrowing VerifiedClaims
  ) throws(TokenError) -> Int {
    try tokens.read(source, bytes.span[range], settings, &cache, claims)
  }

  /// Issuer, times, audience, signature, behind the parse: in Envoy's order, the first failure decides
  /// (semantics, section 1.6).
  private mutating func verify(
    _ index: Int, _ rule: borrowing TokenRule, now: UInt64
  ) throws(TokenError) {
    try checkClaims(of: tokens[index], rule, now: now)
    let proof = try checkSignature(of: index, rule)
    if let name = rule.payloadHeader {
      changes.setHeader(
        rule.octets.span[name], to: tokens[index].payloadSegment, of: tokens[index].text)
    }
    try tokens.promote(index, proof: proof, spaceDelimited: rule.spaceDelimited, to: &claims)
    writeClaimHeaders(rule)
  }

  /// What is known before the signature is checked, and costs less.
  private func checkClaims(
    of token: borrowing UnverifiedToken, _ rule: borrowing TokenRule, now: UInt64
  ) throws(TokenError) {
    if !rule.issuer.isEmpty {
      guard let issuer = token.issuer, token.payload.octets.span[issuer].equals(rule.octets.span[rule.issuer])
      else {
        throw .issuerNotConfigured
      }
    }
    try token.checkTimes(now: now, skewSeconds: settings.clockSkewSeconds)
    if !rule.audiences.isEmpty, !token.hasAudience(in: rule.audiences) { throw .audienceNotAllowed }
  }

  private mutating func checkSignature(
    of index: Int, _ rule: borrowing TokenRule
  ) throws(TokenError) -> SignatureProof {
    let algorithm = tokens[index].algorithm
    let remote = remoteOfKeySet[rule.keySet]
    if remote >= 0, remotes[remote].isMissing {
      want(remotes[remote].provider, keyID: nil)
      throw .keysUnavailable
    }
    lastAlgorithm = algorithm
    if recordsKeyID { Self.keepKeyID(of: tokens[index], in: &lastKeyID) }
    let start = cache.knows(tokens[index]) ? nil : stopwatch?()
    do throws(TokenError) {
      let proof = try keyRings[rule.keySet].verify(&tokens[index], &cache)
      countSignature(algorithm, succeeded: true, wasKnown: keyRings[rule.keySet].lastWasKnown, since: start)
      return proof
    } catch {
      countSignature(algorithm, succeeded: false, wasKnown: keyRings[rule.keySet].lastWasKnown, since: start)
      if error == .noKeyMatches, remote >= 0, let name = tokens[index].keyID {
        want(remotes[remote].provider, keyID: keyIDHash(tokens[index].header.octets.span[name]))
      }
      throw error
    }
  }

  private mutating func countSignature(
    _ algorithm: Algorithm, succeeded: Bool, wasKnown: Bool, since start: UInt64?
  ) {
    lastWasKnown = wasKnown
    if wasKnown { return }
    verifications.count(algorithm, succeeded: succeeded)
    if let start, let end = stopwatch?(), times.count < Self.maximumTimes {
      times.append(SignatureTime(algorithm: algorithm, nanoseconds: end &- start))
    }
  }

  mutating func clearTimes() { times.clear() }

  private static func keepKeyID(of token: borrowing UnverifiedToken, in buffer: inout ByteBuffer) {
    buffer.removeAll()
    if let name = token.keyID { buffer.append(token.header.octets.span[name]) }
  }

  func wantedKey(_ keyID: [UInt8], of provider: Int) -> WantedKey {
    WantedKey(provider: provider, keyIDHash: keyIDHash(keyID.span))
  }

  private mutating func want(_ provider: Int, keyID: UInt64?) {
    let key = WantedKey(provider: provider, keyIDHash: keyID)
    if wantedKeys.count < Self.maximumWantedKeys, !wantedKeys.contains(key) { wantedKeys.append(key) }
  }

  private mutating func writeClaimHeaders(_ rule: borrowing TokenRule) {
    for output in rule.claimHeaders {
      headerValue.removeAll()
      if claims.appendHeaderValue(of: output.path, to: &headerValue) {
        changes.setHeader(
          rule.octets.span[output.header], to: ByteRange(0..<headerValue.count), of: headerValue)
      }
    }
  }
}

/// A key that a token names and that is not here: a fetch might bring it.
public struct WantedKey: Sendable, Hashable {
  /// Index into `PolicySnapshot.keySources`.
  public var provider: Int
  /// Of the token's key ID, by a hash of this worker's own; nil when no keys of the provider are here at all.
  public var keyIDHash: UInt64?
}

/// How long a signature took that was not known, the search for its key included.
public struct SignatureTime: Sendable {
  public let algorithm: Algorithm
  public let nanoseconds: UInt64
}

/// How many signatures were verified, by algorithm and result.
public struct VerificationCounts: Sendable {
  private var succeeded = AlgorithmTable<UInt64>.repeating(0)
  private var failed = AlgorithmTable<UInt64>.repeating(0)

  public init() {}

  mutating func count(_ algorithm: Algorithm, succeeded good: Bool) {
    if good { succeeded[algorithm] &+= 1 } else { failed[algorithm] &+= 1 }
  }

  /// Verifications so far.
  public func total(_ algorithm: Algorithm, succeeded good: Bool) -> UInt64 {
    good ? succeeded[algorithm] : failed[algorithm]
  }
}
