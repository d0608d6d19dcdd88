import Bytes
import Fetch
import Istio
import JWT

/// What an operator must know of keys.
public struct KeyEvent: Sendable, Equatable {
  public enum Kind: String, Sendable {
    case fetched, unchanged, failed, withdrawn, restored, skipped, notSaved = "not_saved"
    /// Worth knowing, and nothing to fix.
    case note
    /// Something was wrong with the folder of saved keys, or with a file in it.
    case stateFolder = "state_folder"
    /// A discovery document names another issuer than the rule.
    case otherIssuer = "other_issuer"
  }
  public var kind: Kind
  public var provider: String
  /// The issuers whose keys these are, and the address that was asked last, without user and password; empty for what
  /// is about no source of keys.
  public var issuer = ""
  public var address = ""
  public var text: String
}

/// All providers, without a thread, a clock or a network: what to fetch now, and what became of a fetch. Results
/// are published on the board.
struct KeeperCore {
  /// A fetch to be made.
  struct Order: Sendable {
    var provider: Int
    var request: FetchRequest
  }

  private struct Slot {
    var source: KeySource
    var provider: Provider
    /// What was asked for last.
    var address: String
    /// Where discovery says that the set is.
    var discovered: String?
    /// The same, kept when fetches fail: routes that change for it matter.
    var lastDiscovered: String?
    /// The other issuer that the discovery document names and that the operator was told of.
    var reportedIssuer: String?
    /// The fetch that runs asks where the set is.
    var isDiscovering = false
    /// The text of the set, to be saved again when it is confirmed.
    var text: [UInt8] = []
    /// Requests that the running fetch answers.
    var covers: UInt64 = 0
  }

  private let board: KeyBoard
  private let routes: KeyRoutes
  private let sets: JWKSetSettings
  private var slots: [Slot]
  /// What should be written to disk, and what should be told; the caller empties both.
  var saves: [SavedKeys] = []
  var events: [KeyEvent] = []

  init(
    _ sources: [KeySource], routes: KeyRoutes, settings: KeySettings, sets: JWKSetSettings, board: KeyBoard,
    seed: UInt64, now: UInt64
  ) {
    self.board = board
    self.routes = routes
    self.sets = sets
    slots = sources.enumerated().map { index, source in
      Slot(
        source: source, provider: Provider(settings: settings, seed: seed &+ UInt64(index) &* 2, now: now),
        address: source.firstURL)
    }
  }

  /// Adds an event about a source.
  mutating func tell(_ kind: KeyEvent.Kind, _ index: Int, _ text: String) {
    let source = slots[index].source
    events.append(
      KeyEvent(
        kind: kind, provider: source.name, issuer: source.issuerText,
        address: KeySource.withoutSecrets(slots[index].address), text: text))
  }

  /// The address under which a provider's keys are saved.
  func savedAddress(_ index: Int) -> String { slots[index].source.firstURL }

  /// Takes over what another keeper knows of providers that both have: keys, what they were confirmed by, when
  /// the next fetch is due. One that is reached in another way from now on, or believed by other authorities, is
  /// fetched at once; its keys serve meanwhile. Sets that were read by other settings are not taken: they may hold
  /// keys that are refused now, and a provider that says `not changed` would keep them.
  mutating func inherit(_ other: KeeperCore, settings: KeySettings, now: UInt64) {
    if other.sets != sets { return }
    for index in slots.indices {
      guard let old = other.slots.firstIndex(where: { $0.source.place == slots[index].source.place }) else {
        continue
      }
      let url = other.slots[old].lastDiscovered ?? slots[index].source.firstURL
      let atOnce = route(url) != other.route(url) || !discoversAlike(index, other.routes)
      slots[index].provider = other.slots[old].provider
      slots[index].provider.moveOn(settings, atOnce: atOnce, now: now)
      slots[index].discovered = atOnce ? nil : other.slots[old].discovered
      slots[index].lastDiscovered = other.slots[old].lastDiscovered
      slots[index].reportedIssuer = other.slots[old].reportedIssuer
      slots[index].text = other.slots[old].text
      board.inherit(other.board, old, as: index)
      publish(index, isNew: true, landed: nil, error: board.snapshot[index].lastError)
    }
  }

  /// Whether other routes lead to all providers as its own do.
  func reachesProviders(asBy other: KeyRoutes) -> Bool {
    slots.indices.allSatisfy { index in
      let first = slots[index].source.firstURL
      return discoversAlike(index, other)
        && [slots[index].lastDiscovered ?? first, first].allSatisfy {
          route($0) == (try? other.request($0, timeoutMilliseconds: 0, entityTag: nil))
        }
    }
  }

  /// Whether discovery may lead to the same places by other routes.
  private func discoversAlike(_ index: Int, _ other: KeyRoutes) -> Bool {
    guard case .issuer = slots[index].source.place else { return true }
    return routes.allowsHTTPFromDiscovery == other.allowsHTTPFromDiscovery
  }

  /// Nil: there is no way.
  private func route(_ url: String) -> FetchRequest? {
    try? routes.request(url, timeoutMilliseconds: 0, entityTag: nil)
  }

  /// Whether something is known of the provider already.
  func isInherited(_ index: Int) -> Bool { slots[index].provider.state != .waiting }

  /// Takes keys of an earlier life.
  mutating func restore(_ saved: SavedKeys, _ index: Int, wall: UInt64) {
    do throws(JWKSetError) {
      let set = try JWKSet.parse(saved.text.span, settings: sets, source: .remote)
      let isTaken = slots[index].provider.restore(
        set, entityTag: saved.entityTag, confirmedAt: saved.confirmedAt, wall: wall)
      if isTaken {
        slots[index].text = saved.text
        publish(index, isNew: true, landed: nil)
        tell(.restored, index, "\(set.keys.count) keys from disk")
      } else {
        tell(.skipped, index, "the keys on disk are too old")
      }
    } catch {
      tell(.skipped, index, "the keys on disk: \(error)")
    }
  }

  /// What is due now.
  mutating func turn(now: UInt64, wall: UInt64) -> [Order] {
    var orders: [Order] = []
    for index in board.takeRequests() where slots.indices.contains(index) {
      if case .fetch(let tag) = slots[index].provider.demand(), let order = order(index, tag, now: now) {
        orders.append(order)
      }
    }
    for index in slots.indices {
      let (action, change) = slots[index].provider.tick(now: now, wall: wall)
      if change == .published {
        publish(index, isNew: true, landed: nil)
        tell(.withdrawn, index, "the keys are too old: no fetch has gone well for too long")
      }
      if case .fetch(let tag) = action, let order = order(index, tag, now: now) { orders.append(order) }
    }
    return orders
  }

  /// When something is due next: monotonic nanoseconds.
  func nextTurn(now: UInt64) -> UInt64 {
    slots.filter { !$0.provider.isFetching }.map(\.provider.nextFetch).min() ?? now &+ 60_000_000_000
  }

  private mutating func order(_ index: Int, _ entityTag: String?, now: UInt64) -> Order? {
    slots[index].covers = board.asked(index)
    let source = slots[index].source
    var url = source.firstURL
    if case .issuer = source.place {
      slots[index].isDiscovering = slots[index].discovered == nil
      url = slots[index].discovered ?? url
    }
    return order(index, url, slots[index].isDiscovering ? nil : entityTag, now: now)
  }

  /// - Returns: nil, and the fetch has failed, when there is no way to the address.
  private mutating func order(_ index: Int, _ url: String, _ entityTag: String?, now: UInt64) -> Order? {
    slots[index].address = url
    do throws(MeshHosts.Refusal) {
      let request = try routes.request(
        url, timeoutMilliseconds: slots[index].source.timeoutMilliseconds, entityTag: entityTag)
      return Order(provider: index, request: request)
    } catch {
      fail(index, "route", error.diagnostic.description, now: now)
      return nil
    }
  }

  /// A fetch has ended.
  /// - Returns: what must be fetched at once: the set that discovery has found, or what was asked for meanwhile.
  mutating func landed(
    _ index: Int, _ result: Result<FetchAnswer, FetchError>, now: UInt64, wall: UInt64
  ) -> Order? {
    switch result {
    case .failure(let error): fail(index, error.label, "\(error)", now: now)
    case .success(let answer) where slots[index].isDiscovering:
      do throws(DiscoveryDocument.Fault) {
        let url = try discover(index, answer.body)
        return order(index, url, slots[index].provider.entityTag, now: now)
      } catch {
        fail(index, "discovery", Self.named(answer.status) + error.description, now: now)
      }
    case .success(let answer) where answer.status == 304: unchanged(index, answer, now: now, wall: wall)
    case .success(let answer): take(index, answer, now: now, wall: wall)
    }
    // What was asked for while this fetch ran wants one that began after.
    if board.asked(index) > slots[index].covers, case .fetch(let tag) = slots[index].provider.demand() {
      return order(index, tag, now: now)
    }
    return nil
  }

  private mutating func take(_ index: Int, _ answer: FetchAnswer, now: UInt64, wall: UInt64) {
    do throws(JWKSetError) {
      let set = try JWKSet.parse(answer.body.span, settings: sets, source: .remote)
      let change = slots[index].provider.fetched(
        set, entityTag: answer.entityTag, freshSeconds: answer.freshness.seconds, now: now, wall: wall)
      let isNew = change == .published
      publish(index, isNew: isNew, landed: slots[index].covers, result: isNew ? "changed" : "unchanged")
      slots[index].text = answer.body
      save(index)
      if isNew {
        tell(.fetched, index, "\(set.keys.count) keys")
        for key in set.skipped {
          if key.isForEncryption {
            tell(.note, index, "\(key.name) is for encryption and is not used")
          } else {
            tell(.skipped, index, key.description)
          }
        }
        for text in set.warnings { tell(.skipped, index, text) }
      }
    } catch {
      fail(index, "no_key_set", Self.named(answer.status) + "\(error)", now: now)
    }
  }

  /// A status other than 200 is a hint why a body cannot be read: 206 means that a part is missing.
  private static func named(_ status: Int) -> String { status == 200 ? "" : "status \(status): " }

  private mutating func unchanged(_ index: Int, _ answer: FetchAnswer, now: UInt64, wall: UInt64) {
    slots[index].provider.unchanged(freshSeconds: answer.freshness.seconds, now: now, wall: wall)
    publish(index, isNew: false, landed: slots[index].covers, result: "unchanged")
    save(index)
  }

  private mutating func save(_ index: Int) {
    guard let confirmedAt = slots[index].provider.confirmedAt, !slots[index].text.isEmpty else { return }
    saves.append(
      SavedKeys(
        url: slots[index].source.firstURL, entityTag: slots[index].provider.entityTag,
        confirmedAt: confirmedAt,
        text: slots[index].text))
  }

  private mutating func fail(_ index: Int, _ label: String, _ text: String, now: UInt64) {
    slots[index].provider.failed(now: now)
    // Where the set is may have changed: ask again.
    slots[index].discovered = nil
    publish(index, isNew: false, landed: slots[index].covers, result: label, error: text)
    tell(.failed, index, text)
  }

  private func publish(
    _ index: Int, isNew: Bool, landed: UInt64?, result: String? = nil, error: String? = nil
  ) {
    let provider = slots[index].provider
    board.publish(index, landed: landed) { entry in
      entry.state = provider.state
      entry.confirmedAt = provider.confirmedAt
      entry.nextFetch = provider.nextFetch
      if let result { entry.fetches[result, default: 0] += 1 }
      entry.lastError = error ?? (provider.failures == 0 ? nil : entry.lastError)
      guard isNew else { return }
      entry.keys = provider.keys
      entry.generation += 1
    }
  }

  /// Takes over where a discovery document says that the keys are.
  /// - Throws: why they are not fetched from there.
  private mutating func discover(_ index: Int, _ text: [UInt8]) throws(DiscoveryDocument.Fault) -> String {
    let document = try DiscoveryDocument(reading: text)
    let source = slots[index].source
    let url = document.keysAddress
    slots[index].lastDiscovered = url
    guard case .issuer(let issuer) = source.place else { return url }
    let mismatch = document.mismatch(withIssuer: issuer, at: source.firstURL)
    let other = mismatch == nil ? nil : document.issuer
    if let mismatch, other != slots[index].reportedIssuer { tell(.otherIssuer, index, mismatch) }
    slots[index].reportedIssuer = other
    if routes.loses(tlsOf: source.firstURL, for: url) {
      throw .withoutTLS(issuer: issuer, document: source.firstURL, keys: url)
    }
    slots[index].discovered = url
    slots[index].isDiscovering = false
    return url
  }
}
