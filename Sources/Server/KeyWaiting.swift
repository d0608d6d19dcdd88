import Authorizer
import JWT
import KeySets

/// What a check waits for.
struct KeyWait: Sendable {
  var provider: Int
  /// A fetch that was asked for; nil: the first one, whatever it brings.
  var number: UInt64?
  /// The fetch begins after the check came: what it does not bring is not there.
  var isConclusive = false
}

/// One worker's view of remote keys: which sets it has, which key IDs nobody knows, and whether to wait for one.
struct KeyWaiting: ~Copyable {
  typealias Action = KeyBoard.MissingKeyAction

  private let board: KeyBoard?
  private let settings: KeySettings
  private var version: UInt64 = 0
  private(set) var entries: [KeyBoard.Entry] = []
  /// Key IDs that a fetch did not bring: this window's and the one's before. Two sets make forgetting cheap.
  private var unknown: Set<WantedKey> = []
  private var unknownBefore: Set<WantedKey> = []
  private var windowEnds: UInt64 = 0

  init(board: KeyBoard?, settings: KeySettings) {
    self.board = board
    self.settings = settings
  }

  /// Whether it looks at this board.
  func watches(_ other: KeyBoard?) -> Bool { board === other }

  /// All is to be looked at again, by whoever has new key sets.
  mutating func lookAgain() { version = 0 }

  func count(_ action: Action, _ provider: Int) { board?.count(action, provider) }

  /// Whether something was published since the last time. One load when there are remote keys at all.
  mutating func hasNews() -> Bool {
    guard let board else { return false }
    let current = board.currentVersion
    if current == version { return false }
    version = current
    let before = entries
    entries = board.snapshot
    for provider in before.indices where before[provider].generation != entries[provider].generation {
      noteRemoved(provider, before[provider].keys, entries[provider].keys)
    }
    return true
  }

  /// Key IDs that left a provider's set with the news, until they are taken. A fetch has just said that they are
  /// gone: their tokens need not cause another.
  private var removed: [(provider: Int, keyID: [UInt8])] = []

  mutating func takeRemoved() -> [(provider: Int, keyID: [UInt8])] {
    defer { removed = [] }
    return removed
  }

  /// Keys that were withdrawn for their age have not been removed by anybody.
  private mutating func noteRemoved(_ provider: Int, _ old: JWKSet?, _ new: JWKSet?) {
    guard let old, let new else { return }
    for key in old.keys {
      guard let keyID = key.keyID, !new.keys.contains(where: { $0.keyID == keyID }) else { continue }
      removed.append((provider, keyID))
    }
  }

  /// Whether what was waited for has come.
  func isOver(_ wait: KeyWait) -> Bool {
    guard let board, let number = wait.number else { return entries[wait.provider].state != .waiting }
    return board.landed(wait.provider) >= number
  }

  /// What to wait for; nil when a fetch would be of no use or must not be made.
  /// - Parameter now: monotonic nanoseconds.
  mutating func wait(for key: WantedKey, now: UInt64) -> (KeyWait?, Action) {
    guard let board else { return (nil, .unavailable) }
    guard key.keyIDHash != nil else {
      let isFirst = entries[key.provider].state == .waiting
      return isFirst ? (KeyWait(provider: key.provider), .wait) : (nil, .unavailable)
    }
    forgetOld(now)
    // What was published since this batch began may hold the key: look at it before anybody is asked.
    if board.currentVersion != version {
      return (KeyWait(provider: key.provider, number: board.landed(key.provider)), .wait)
    }
    if unknown.contains(key) || unknownBefore.contains(key) { return (nil, .remembered) }
    switch board.ask(key.provider, now: now) {
    case .wait(let number):
      return (KeyWait(provider: key.provider, number: number, isConclusive: true), .wait)
    case .share(let number): return (KeyWait(provider: key.provider, number: number), .wait)
    case .limited: return (nil, .limited)
    }
  }

  /// A fetch that began after the key was asked for has not brought it.
  mutating func remember(_ key: WantedKey, now: UInt64) {
    guard key.keyIDHash != nil else { return }
    forgetOld(now)
    if unknown.count >= settings.maximumUnknownKeys { turn(now) }
    unknown.insert(key)
  }

  private mutating func forgetOld(_ now: UInt64) {
    if now >= windowEnds { turn(now) }
  }

  private mutating func turn(_ now: UInt64) {
    swap(&unknown, &unknownBefore)
    unknown.removeAll(keepingCapacity: true)
    // A whole window without a question makes both old.
    let window = settings.unknownKeySeconds &* 1_000_000_000
    if windowEnds != 0, now >= windowEnds &+ window { unknownBefore.removeAll(keepingCapacity: true) }
    windowEnds = now &+ window
  }
}
