public import Bytes

/// A CheckRequest in which some octets differ from check to check: a number in the path, one in the request ID, and
/// the token. Lengths stay, so that nothing is encoded again.
public struct CheckTemplate: Sendable {
  /// What stands where a token will be put: octets that occur nowhere else.
  public static let tokenMark: UInt8 = 0x7E
  /// What stands where eight digits of a running number are put.
  public static let numberMark = "########"

  private let octets: [UInt8]
  private let tokenAt: Int
  public let tokenLength: Int
  private let numbersAt: [Int]

  /// - Parameters:
  ///   - message: a CheckRequest with a run of `tokenMark` for the token, if any, and `numberMark` wherever the
  ///     number stands.
  public init(_ message: [UInt8]) {
    octets = message
    tokenAt = message.firstIndex(of: Self.tokenMark) ?? 0
    tokenLength = message.count { $0 == Self.tokenMark }
    let mark = Array(Self.numberMark.utf8)
    var found: [Int] = []
    var index = 0
    while index + mark.count <= message.count {
      if message[index..<(index + mark.count)].elementsEqual(mark) {
        found.append(index)
        index += mark.count
      } else {
        index += 1
      }
    }
    numbersAt = found
  }

  public var count: Int { octets.count }

  /// Makes `message` the check with this number and token.
  /// - Precondition: the token has `tokenLength` octets.
  public func write(number: UInt64, token: Span<UInt8>, into message: inout ByteBuffer) {
    precondition(token.count == tokenLength)
    message.removeAll()
    message.append(octets)
    var target = message.mutableSpan
    for index in 0..<tokenLength { target[tokenAt + index] = token[index] }
    for place in numbersAt {
      var rest = number
      for digit in stride(from: 7, through: 0, by: -1) {
        target[place + digit] = 0x30 + UInt8(rest % 10)
        rest /= 10
      }
    }
  }
}

/// Tokens of one length, side by side, and the check that carries one of them.
public struct TokenPool: Sendable {
  public let template: CheckTemplate
  private var octets: [UInt8] = []
  public private(set) var count = 0

  /// - Parameter message: makes the CheckRequest around a token; called once.
  /// - Returns: nil when the tokens are of several lengths. No token at all makes checks without one.
  public init?(_ tokens: [String], message: (_ token: String?) -> [UInt8]) {
    let length = tokens.first?.utf8.count ?? 0
    guard tokens.allSatisfy({ $0.utf8.count == length }) else { return nil }
    let mark = String(repeating: Character(UnicodeScalar(CheckTemplate.tokenMark)), count: length)
    template = CheckTemplate(message(tokens.isEmpty ? nil : mark))
    guard template.tokenLength == length else { return nil }
    octets.reserveCapacity(tokens.count * length)
    for token in tokens { octets += Array(token.utf8) }
    count = tokens.count
  }

  /// Makes `message` a check with one of the tokens.
  /// - Parameters:
  ///   - number: chooses the token, and stands in the path.
  ///   - spoiling: other than 0: the signature is spoilt, differently for each value.
  public func write(number: UInt64, spoiling: UInt64 = 0, into message: inout ByteBuffer) {
    let length = template.tokenLength
    if count == 0 { return template.write(number: number, token: octets.span, into: &message) }
    let start = Int(number % UInt64(count)) * length
    if spoiling == 0 {
      return template.write(
        number: number, token: octets.span.extracting(start..<(start + length)), into: &message)
    }
    var token = Array(octets[start..<(start + length)])
    // Ten characters in the signature's middle: 60 bits of base64url.
    let dot = token.lastIndex(of: 0x2E) ?? 0
    let middle = (dot + length) / 2
    for index in 0..<10 { token[middle - 5 + index] = Self.letter(spoiling >> (6 * UInt64(index))) }
    template.write(number: number, token: token.span, into: &message)
  }

  /// A character of the base64url alphabet.
  private static func letter(_ value: UInt64) -> UInt8 {
    let index = UInt8(value & 63)
    switch index {
    case 0..<26: return 0x41 + index
    case 26..<52: return 0x61 + index - 26
    case 52..<62: return 0x30 + index - 52
    default: return index == 62 ? 0x2D : 0x5F
    }
  }
}

/// Tokens whose key ID is made up for each check. Their signature is random: nobody has the key.
public struct ForgedTokens: Sendable {
  public let template: CheckTemplate
  private let token: [UInt8]
  private let keyIDAt: Int

  /// - Parameters:
  ///   - algorithm: `alg` of the header.
  ///   - payload: the claims, as JSON.
  ///   - signatureOctets: as long as one of that algorithm.
  public init(algorithm: String, payload: String, signatureOctets: Int, message: (String?) -> [UInt8]) {
    // Blanks put the key ID at a multiple of three octets, so that its base64url stands by itself.
    var head = "{\"alg\":\"\(algorithm)\",\"kid\":\""
    while head.utf8.count % 3 != 0 { head = "{ " + head.dropFirst() }
    var output = ByteBuffer()
    let header = Array((head + String(repeating: "0", count: 12) + "\"}").utf8)
    Base64.encodeURL(header.span, into: &output)
    output.append(0x2E)
    Base64.encodeURL(Array(payload.utf8).span, into: &output)
    output.append(0x2E)
    Base64.encodeURL([UInt8](repeating: 0x5A, count: signatureOctets).span, into: &output)
    token = output.copy()
    keyIDAt = head.utf8.count / 3 * 4
    let mark = String(repeating: Character(UnicodeScalar(CheckTemplate.tokenMark)), count: token.count)
    template = CheckTemplate(message(mark))
  }

  /// Makes `message` a check with another key ID for each value of `random`.
  public func write(number: UInt64, random: UInt64, into message: inout ByteBuffer) {
    var token = self.token
    var name = [UInt8](repeating: 0, count: 12)
    for index in 0..<12 { name[index] = 0x61 + UInt8((random >> (4 * UInt64(index))) & 15) }
    var encoded = ByteBuffer(capacity: 16)
    Base64.encodeURL(name.span, into: &encoded)
    for index in 0..<16 { token[keyIDAt + index] = encoded[index] }
    template.write(number: number, token: token.span, into: &message)
  }
}
