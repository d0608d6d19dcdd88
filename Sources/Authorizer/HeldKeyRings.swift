import Bytes
import JWT
import KeySets

/// The key rings of a snapshot that goes, for the next one to take: a set with the same keys, or of the same
/// provider, keeps its verifiers, so that a reload does not make a thousand of them anew.
struct HeldKeyRings: ~Copyable {
  private var rings: OwnedArray<KeyRing?>
  private var inline: [[JSONWebKey]: Int] = [:]
  private var remote: [KeySource.Place: Int] = [:]

  /// None.
  init() { rings = OwnedArray(capacity: 1) }

  /// - Parameter keyRings: beside `snapshot.keySets`; empty afterwards.
  init(taking keyRings: inout OwnedArray<KeyRing>, of snapshot: PolicySnapshot) {
    rings = OwnedArray(capacity: max(1, keyRings.count))
    // From the last to the first.
    while let ring = keyRings.popLast() {
      switch snapshot.keySets[keyRings.count] {
      case .inline(let set): inline[set.keys] = rings.count
      case .remote(let provider): remote[snapshot.keySources[provider].place] = rings.count
      }
      rings.append(ring)
    }
  }

  /// The ring of a set with the same keys in the same order, which nobody else gets then.
  mutating func take(_ set: JWKSet) -> KeyRing? {
    guard let index = inline.removeValue(forKey: set.keys) else { return nil }
    return rings[index].take()
  }

  /// The ring of a provider's set, whatever keys it has.
  mutating func take(_ place: KeySource.Place) -> KeyRing? {
    guard let index = remote.removeValue(forKey: place) else { return nil }
    return rings[index].take()
  }
}
