import Foundation

/// IP addresses and blocks, read by the C library.
enum Addresses {
  /// Four octets, or sixteen; nil for what is no bare address.
  static func octets(_ text: String) -> [UInt8]? {
    var octets = [UInt8](repeating: 0, count: 16)
    if unsafe inet_pton(AF_INET6, text, &octets) == 1 { return octets }
    octets = [UInt8](repeating: 0, count: 4)
    return unsafe inet_pton(AF_INET, text, &octets) == 1 ? octets : nil
  }

  /// Whether an address lies in a block, or is the address that stands in its place. Families stay apart.
  static func contains(_ block: String, _ address: String) -> Bool {
    let parts = block.split(separator: "/").map(String.init)
    guard let network = octets(parts[0]), let octets = octets(address), network.count == octets.count else {
      return false
    }
    let length = parts.count == 2 ? Int(parts[1]) ?? 0 : octets.count * 8
    for bit in 0..<length {
      let mask: UInt8 = 0x80 >> UInt8(bit % 8)
      if network[bit / 8] & mask != octets[bit / 8] & mask { return false }
    }
    return true
  }
}
