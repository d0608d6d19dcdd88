public import Bytes

/// Which addresses are never connected to, asked after names are resolved (security checklist 2.2): a URL in a
/// policy must not be able to read a cloud's instance metadata.
public struct AddressGuard: Sendable, Hashable {
  /// Forbidden unless `allowed`.
  public var blocked: [IPPrefix]
  /// Wins over `blocked`.
  public var allowed: [IPPrefix]

  public init(blocking more: [IPPrefix] = [], allowing allowed: [IPPrefix] = []) {
    blocked = Self.metadata + more
    self.allowed = allowed
  }

  /// Link-local addresses, among them the metadata service of most clouds (169.254.169.254, fe80::a9fe:a9fe),
  /// and those that lie elsewhere: Amazon's over IPv6, Alibaba's, Azure's wire server, Oracle's.
  private static let metadata = [
    "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32",
    "192.0.0.192/32",
  ].compactMap(IPPrefix.init)

  /// Whether the address may be connected to. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) counts
  /// as itself.
  public func permits(_ address: IPAddress) -> Bool {
    let forms = [address] + Self.embedded(in: address)
    if forms.contains(where: { form in allowed.contains { $0.contains(form) } }) { return true }
    return !forms.contains { form in blocked.contains { $0.contains(form) } }
  }

  private static func embedded(in address: IPAddress) -> [IPAddress] {
    guard address.family == .v6 else { return [] }
    let low = IPAddress(family: .v4, bits: address.bits & 0xFFFF_FFFF)
    let high = address.bits >> 32
    // ::ffff:a.b.c.d, ::a.b.c.d, 64:ff9b::a.b.c.d
    if high == 0xFFFF || (high == 0 && address.bits > 1) || high == 0x0064_FF9B << 64 { return [low] }
    if address.bits >> 112 == 0x2002 {
      return [IPAddress(family: .v4, bits: (address.bits >> 80) & 0xFFFF_FFFF)]
    }
    return []
  }
}
