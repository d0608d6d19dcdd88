import Authorizer
import Configuration
import KeySets
import System

/// The keys that a policy set names in the network, fetched once as the service would, for commands that judge one
/// request.
enum RemoteKeys {
  /// Fetches the sets of all sources at once, and waits until each has come or failed, at most as long as the rules'
  /// time-outs let them. Failures are told on standard error; the set is then missing, as it would be in the service.
  /// - Returns: in the snapshot's order; empty when it names none.
  static func fetch(
    _ snapshot: PolicySnapshot, _ configuration: ServiceConfiguration
  ) throws -> [KeyBoard.Entry] {
    if snapshot.keySources.isEmpty { return [] }
    var keeping = configuration.keys
    keeping.sources = snapshot.keySources
    keeping.routes.mesh = snapshot.keyHosts
    // What the service has on disk is the service's.
    keeping.stateFolder = nil
    let keeper: KeyKeeper
    do {
      keeper = try KeyKeeper(keeping) { event in
        if event.kind.isTrouble { Terminal.error("keys of \(event.provider): \(event.text)") }
      }
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
    // Every fetch ends by its rule's time-out; discovery takes two.
    while !keeper.hasHeardFromAll { Clock.pause(milliseconds: 2) }
    let entries = keeper.board.snapshot
    keeper.stop()
    return entries
  }
}
