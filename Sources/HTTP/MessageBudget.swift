/// How many octets of messages a thread's connections may hold together, announced and not yet handed over. Each
/// connection has a bound of its own; many connections need this one too.
///
/// Large messages may take half of it: the usual check, which is small, finds room however many large ones somebody
/// sends (`largeMessageBytes`).
@safe
public final class MessageBudget {
  struct State {
    let limit: Int
    var used = 0
  }

  /// A message above this size is large. A check without a body is usually 1 to 8 KiB. One with the 60 KiB of headers
  /// that Envoy accepts, its text repeated in the path, in metadata or in certificates, stays below 256 KiB. Only a
  /// body in the check makes it larger.
  public static let largeMessageBytes = 256 << 10

  let state: UnsafeMutablePointer<State>

  /// - Parameter octets: at most, of all messages.
  public init(octets: Int) {
    unsafe state = UnsafeMutablePointer<State>.allocate(capacity: 1)
    unsafe state.initialize(to: State(limit: octets))
  }

  deinit { unsafe state.deallocate() }

  /// Octets that are held now.
  public var used: Int { unsafe state.pointee.used }
}

extension MessageBudget.State {
  mutating func take(_ octets: Int) -> Bool {
    let room = octets > MessageBudget.largeMessageBytes ? limit / 2 : limit
    if octets > room - used { return false }
    used += octets
    return true
  }

  mutating func give(_ octets: Int) { used -= octets }
}
