import Fetch
public import JWT
import Synchronization
public import System

/// The thread that keeps keys: it decides, fetches, saves and publishes on the board.
public final class KeyKeeper: Sendable {
  /// What it is made from.
  public struct Configuration: Sendable {
    public var sources: [KeySource]
    public var routes = KeyRoutes()
    public var settings = KeySettings()
    public var sets = JWKSetSettings()
    /// Where keys are saved; nil: nowhere. The folder is made with mode 0700. Whoever can write its files can sign
    /// tokens, so it is refused when it is another user's, and files that others could have written are not read
    /// (`PrivateFolder`).
    public var stateFolder: String?
    /// The keeper whose place the new one takes: what it knows of the same providers is taken over. It is to be
    /// stopped when nobody looks at its board any more.
    public var predecessor: KeyKeeper?
    public var clock = Clock.system

    public init(sources: [KeySource]) { self.sources = sources }
  }

  public let board: KeyBoard
  private let fetcher: Fetcher
  private let bell: Bell
  private let mailbox = Mutex(Mailbox())
  private let configuration: Configuration
  private let folder: PrivateFolder?
  private let events: @Sendable (KeyEvent) -> Void
  /// What a successor begins with.
  private let latest: Mutex<KeeperCore>

  private struct Mailbox: Sendable {
    var landed: [(provider: Int, result: Result<FetchAnswer, FetchError>)] = []
    var isStopped = false
  }

  /// Restores what is saved, and starts the thread. The first fetches begin at once. It fails when the folder of saved
  /// keys cannot be used.
  /// - Parameter events: told from the thread.
  public init(
    _ configuration: Configuration, events: @escaping @Sendable (KeyEvent) -> Void
  ) throws(SystemError) {
    self.events = events
    board = KeyBoard(providers: configuration.sources.count, settings: configuration.settings)
    var findings: [PrivateFolder.Finding] = []
    if let path = configuration.stateFolder {
      folder = try PrivateFolder(path, filesEndingIn: SavedKeys.fileEnding, findings: &findings)
    } else {
      folder = nil
    }
    bell = try Bell()
    fetcher = try Fetcher()
    var core = KeeperCore(
      configuration.sources, routes: configuration.routes, settings: configuration.settings,
      sets: configuration.sets, board: board, seed: try Randomness.system.word(),
      now: configuration.clock.monotonicNanoseconds())
    if let predecessor = configuration.predecessor {
      core.inherit(
        predecessor.latest.withLock { $0 }, settings: configuration.settings,
        now: configuration.clock.monotonicNanoseconds())
    }
    latest = Mutex(core)
    var kept = configuration
    kept.predecessor = nil
    self.configuration = kept
    for finding in findings {
      core.events.append(
        KeyEvent(kind: .stateFolder, provider: "jwks.stateFolder", text: finding.description))
    }
    restore(&core)
    board.setRequestHandler { [bell] in bell.ring() }
    let ready = core
    _ = try Thread.start(name: "keys") { [self] in run(ready) }
  }

  /// Whether it does what one made from `other` would do. Routes are asked for the addresses that it fetches.
  public func keeps(_ other: Configuration) -> Bool {
    configuration.sources == other.sources && configuration.settings == other.settings
      && configuration.sets == other.sets && configuration.stateFolder == other.stateFolder
      && latest.withLock { $0 }.reachesProviders(asBy: other.routes)
  }

  /// Ends the thread and the fetches.
  public func stop() {
    board.setRequestHandler(nil)
    mailbox.withLock { $0.isStopped = true }
    bell.ring()
    fetcher.stop()
  }

  /// Every provider has answered, or has failed to.
  public var hasHeardFromAll: Bool { board.snapshot.allSatisfy { $0.state != .waiting } }

  private func run(_ start: KeeperCore) {
    var core = start
    let clock = configuration.clock
    while true {
      let (landed, isStopped) = mailbox.withLock { mailbox in
        defer { mailbox.landed = [] }
        return (mailbox.landed, mailbox.isStopped)
      }
      if isStopped { return }
      let now = clock.monotonicNanoseconds()
      let wall = UInt64(max(0, clock.wallSeconds()))
      var orders = landed.compactMap { core.landed($0.provider, $0.result, now: now, wall: wall) }
      orders += core.turn(now: now, wall: wall)
      for order in orders { fetch(order) }
      for saved in core.saves { save(saved, &core) }
      core.saves = []
      for event in core.events { events(event) }
      core.events = []
      latest.withLock { $0 = core }
      // A clock of tests is moved without a ring: look often then.
      let longest: UInt64 = if case .manual = clock { 5 } else { 1_000 }
      let due = core.nextTurn(now: now)
      let wait = due > now ? min(longest, (due - now) / 1_000_000 + 1) : 1
      bell.wait(milliseconds: Int32(wait))
    }
  }

  private func fetch(_ order: KeeperCore.Order) {
    fetcher.fetch(order.request) { [self] result in
      mailbox.withLock { $0.landed.append((order.provider, result)) }
      bell.ring()
    }
  }

  // MARK: Disk

  private func save(_ saved: SavedKeys, _ core: inout KeeperCore) {
    guard let folder else { return }
    do throws(SystemError) {
      try folder.write(saved.octets.span, to: SavedKeys.fileName(for: saved.url))
    } catch {
      core.events.append(
        KeyEvent(
          kind: .notSaved, provider: KeySource.withoutSecrets(saved.url),
          address: KeySource.withoutSecrets(saved.url), text: "\(error)"))
    }
  }

  private func restore(_ core: inout KeeperCore) {
    guard let folder else { return }
    let wall = UInt64(max(0, configuration.clock.wallSeconds()))
    for index in configuration.sources.indices {
      if core.isInherited(index) { continue }
      let url = core.savedAddress(index)
      let name = SavedKeys.fileName(for: url)
      do {
        guard let octets = try folder.read(name, limit: configuration.sets.maximumBytes + 8_192) else {
          continue
        }
        core.restore(try SavedKeys(reading: octets, of: url), index, wall: wall)
      } catch {
        core.tell(.skipped, index, "the keys on disk (\(folder.path)/\(name)): \(error)")
      }
    }
  }
}
