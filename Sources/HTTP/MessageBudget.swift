/// How many octets of messages a thread's connections may hold together, announced and not yet handed over. Each
/// connection has a bound of its own; many connections need this one too.
///
/// Large messages may take half of it: the usual check, which is small, finds room however many large ones somebody
/// sends.
@safe
public final class MessageBudget {
  struct State {
    let limit: Int
    var used = 0
  }

  /// What counts as small. A check without a body is 1 to 8 KiB.
  static let smallOctets = 64 << 10

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
    let room = octets > MessageBudget.smallOctets ? limit / 2 : limit
    if octets > room - used { return false }
    used += octets
    return true
  }

  mutating func give(_ octets: Int) { used -= octets }
}
