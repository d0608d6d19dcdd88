import Admin
import Authorizer
import Configuration
import Istio
import JWT
import KeySets
import Logging
import Server
import Signatures
import System
import TLS

/// Loads policies anew while the service runs. It belongs to the main thread; workers hear of a set that is compiled
/// and whole, and of nothing else. Every attempt looks at all files, so neither the order in which they changed nor a
/// lost event matters.
final class Reloader {
  /// Reads files and flags; what takes a restart stays as the running service has it.
  typealias Source = (_ running: ServiceConfiguration?) throws -> ServiceInput

  /// What changes within this time of each other is one change: half a second at most.
  private static let settleMilliseconds: UInt32 = 50
  private static let settleRounds = 10

  private let source: Source
  private let configurationFile: String?
  private let log: Logger
  private let server: CheckServer
  private let status: ServiceStatus
  private let current: CurrentPolicies
  private let startKeeper: (ServiceInput, PolicySnapshot, KeyKeeper?) throws -> KeyKeeper?
  private let watch: FolderWatch
  private var input: ServiceInput
  /// Keepers whose boards some worker may still look at, until all have reached a generation.
  private var retiring: [(generation: UInt64, keeper: KeyKeeper)] = []
  /// What stood in the files of the attempt that failed last: the same again is not told again.
  private var failedFingerprint: Int?

  init(
    _ input: ServiceInput, configurationFile: String?, source: @escaping Source, log: Logger,
    server: CheckServer, status: ServiceStatus, current: CurrentPolicies,
    startKeeper: @escaping (ServiceInput, PolicySnapshot, KeyKeeper?) throws -> KeyKeeper?
  ) throws(SystemError) {
    self.input = input
    self.configurationFile = configurationFile
    self.source = source
    self.log = log
    self.server = server
    self.status = status
    self.current = current
    self.startKeeper = startKeeper
    watch = try FolderWatch()
    watchFolders(of: input.configuration)
  }

  /// What the service goes by now.
  var configuration: ServiceConfiguration { input.configuration }

  /// What stands in the files now is what was read at the start, before they were watched; else it is loaded.
  func checkStart() { load(isAsked: false) }

  /// The next signal, or nil after a while or when files have changed.
  func wait(_ signals: borrowing SignalSource, timeoutMilliseconds: Int32) -> Signal? {
    signals.wait(timeoutMilliseconds: timeoutMilliseconds, or: watch)
  }

  /// Looks for changed files, and loads them.
  func loadChanges() {
    guard watch.hasChanged() else { return }
    for _ in 0..<Self.settleRounds {
      Clock.pause(milliseconds: Self.settleMilliseconds)
      if !watch.hasChanged() { break }
    }
    load(isAsked: false)
  }

  /// Ends what no worker looks at any more.
  func retireOld() {
    current.retire { server.hasReached($0) }
    retiring.removeAll { generation, keeper in
      guard server.hasReached(generation) else { return false }
      keeper.stop()
      return true
    }
  }

  /// Ends all keepers: the server has stopped.
  func stop() {
    for (_, keeper) in retiring { keeper.stop() }
    current.state.keeper?.stop()
  }

  /// Loads everything anew.
  /// - Parameter isAsked: an operator wants it, and hears also that nothing has changed.
  func load(isAsked: Bool) {
    // Watched before it is read: what changes meanwhile is another event.
    watchFolders(of: input.configuration)
    let new: ServiceInput
    do { new = try source(input.configuration) } catch {
      // A configuration may have several errors, a line each.
      fail("\(error)".split(separator: "\n").map(String.init), fingerprint: nil)
      return
    }
    watchFolders(of: new.configuration)
    // A neighbour's file, a new date on the same text: nothing to do, nothing to tell.
    if !isAsked, new.fingerprint == failedFingerprint ?? input.fingerprint { return }
    guard let snapshot = new.policies.snapshot else {
      let errors = new.policies.diagnostics.filter { $0.severity == .error }.map(\.description)
      fail(errors, fingerprint: new.fingerprint)
      return
    }
    do {
      try publish(new, snapshot)
    } catch {
      fail(["\(error)"], fingerprint: new.fingerprint)
    }
  }

  private func publish(_ new: ServiceInput, _ snapshot: PolicySnapshot) throws {
    let before = current.state
    var effective = new
    // One that the listener was not started with waits for a restart.
    effective.tls = input.tls == nil ? nil : new.tls ?? input.tls
    let keeper = try startKeeper(effective, snapshot, before.keeper)
    let generation = server.publish(
      snapshot, keyBoard: keeper?.board, keySettings: effective.configuration.keys.settings)
    current.published(snapshot, keeper, server.ruleHits, generation)
    if let tls = new.tls, input.tls != nil {
      server.publish(tls)
      current.greets(until: tls.certificateEnd)
    }
    current.countReload()
    if let old = before.keeper, old !== keeper { retiring.append((generation, old)) }
    failedFingerprint = nil
    status.note("reload", nil)
    for text in new.loudWarnings { log.warning("\(text)") }
    if !new.needingRestart.isEmpty {
      log.warning("changed, needs a restart: \(new.needingRestart.joined(separator: ", "))")
    }
    input = effective
    log.info("reloaded", metadata: ["generation": "\(generation)", "policies": "\(new.summary)"])
  }

  private func fail(_ texts: [String], fingerprint: Int?) {
    failedFingerprint = fingerprint
    current.countFailure()
    for text in texts { log.error("reload: \(text)") }
    log.error(
      "reload refused, the policies of before stay", metadata: ["generation": "\(current.state.generation)"])
    let more = texts.count > 1 ? " (and \(texts.count - 1) more, in the log)" : ""
    status.note("reload", "refused, the policies of before stay: \(texts.first ?? "no reason")\(more)")
  }

  private func watchFolders(of configuration: ServiceConfiguration) {
    var folders = (try? PolicyFiles.folders(configuration.policies)) ?? []
    for path in configuration.tls.paths + (configurationFile.map { [$0] } ?? []) {
      folders += PolicyFiles.folders(holding: path)
    }
    for folder in folders {
      do { try watch.add(folder) } catch {
        log.warning("changes in \(folder) are not seen, send SIGHUP after one: \(error)")
      }
    }
  }
}
