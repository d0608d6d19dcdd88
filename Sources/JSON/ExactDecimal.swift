/// The exact decimal digits of a double: every double is a whole number over a power of two, hence also over
/// a power of ten. It lives on the stack, in words of nine digits: the longest double, the largest below
/// 2^-1022, takes 767 digits, so 86 words.
struct ExactDecimal {
  /// Nine digits each, the least significant first.
  private var words = InlineArray<88, UInt32>(repeating: 0)
  private var wordCount = 1
  /// How many of the digits stand behind the decimal point.
  let decimals: Int
  /// How many digits there are; at least 1, no leading zeros.
  private(set) var digitCount = 1

  /// The digits of `significand * 2^exponent`.
  /// - Precondition: they are a double's parts.
  init(significand: UInt64, exponent: Int) {
    decimals = max(0, -exponent)
    words[0] = UInt32(significand % 1_000_000_000)
    words[1] = UInt32(significand / 1_000_000_000 % 1_000_000_000)
    words[2] = UInt32(significand / 1_000_000_000_000_000_000)
    wordCount = words[2] != 0 ? 3 : words[1] != 0 ? 2 : 1
    // Over 2^k is times 5^k over 10^k.
    var left = abs(exponent)
    let step = exponent < 0 ? (power: 12, factor: 244_140_625 as UInt64) : (power: 29, factor: 536_870_912)
    while left >= step.power {
      multiply(by: step.factor)
      left -= step.power
    }
    for _ in 0..<left { multiply(by: exponent < 0 ? 5 : 2) }
    var top = words[wordCount - 1]
    digitCount = (wordCount - 1) * 9
    while top > 0 {
      digitCount += 1
      top /= 10
    }
    digitCount = max(digitCount, 1)
  }

  private mutating func multiply(by factor: UInt64) {
    var carry: UInt64 = 0
    for index in 0..<wordCount {
      let product = UInt64(words[index]) * factor + carry
      words[index] = UInt32(product % 1_000_000_000)
      carry = product / 1_000_000_000
    }
    if carry > 0 {
      words[wordCount] = UInt32(carry)
      wordCount += 1
    }
  }

  /// The digit at `position`, the most significant first; 0 behind the last.
  func digit(_ position: Int) -> UInt8 {
    let place = digitCount - 1 - position
    if place < 0 { return 0 }
    var word = words[place / 9]
    for _ in 0..<(place % 9) { word /= 10 }
    return UInt8(word % 10)
  }

  /// Whether a digit other than 0 follows the one at `position`.
  func hasDigits(after position: Int) -> Bool {
    var next = position + 1
    while next < digitCount {
      if digit(next) != 0 { return true }
      next += 1
    }
    return false
  }
}
