/// How a plain scalar gets its type: the core schema of YAML 1.2 (section 10.3.2). `on`, `yes`, dates and
/// `12:30` are text; `0777` is the number 777.
enum CoreSchema {
  static let tagPrefix = "tag:yaml.org,2002:"

  static func resolve(plain text: String) -> YAMLNode.Content {
    switch text {
    case "", "~", "null", "Null", "NULL": .null
    case "true", "True", "TRUE": .boolean(true)
    case "false", "False", "FALSE": .boolean(false)
    default: isInteger(text) || isNumber(text) ? .number(text) : .text(text)
    }
  }

  /// The content under a tag of the core schema; nil when the tag is not for scalars or the text does not fit
  /// it.
  static func resolve(_ text: String, tag: Substring) -> YAMLNode.Content? {
    if tag == "str" { return .text(text) }
    let content = resolve(plain: text)
    switch (tag, content) {
    case ("null", .null), ("bool", .boolean), ("float", .number): return content
    case ("int", .number): return isInteger(text) ? content : nil
    default: return nil
    }
  }

  /// `[-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+`
  static func isInteger(_ text: String) -> Bool {
    let based = text.utf8.dropFirst(2)
    if text.hasPrefix("0o") { return !based.isEmpty && based.allSatisfy { 0x30...0x37 ~= $0 } }
    if text.hasPrefix("0x") { return !based.isEmpty && based.allSatisfy(isHexadecimal) }
    let digits = unsigned(text.utf8[...])
    return !digits.isEmpty && digits.allSatisfy(isDecimal)
  }

  /// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, or an infinity, or not-a-number.
  static func isNumber(_ text: String) -> Bool {
    if specialNumber(text) != nil { return true }
    var rest = unsigned(text.utf8[...])
    let whole = rest.prefix(while: isDecimal)
    rest = rest.dropFirst(whole.count)
    if rest.first == 0x2E {
      rest = rest.dropFirst()
      let fraction = rest.prefix(while: isDecimal)
      if whole.isEmpty && fraction.isEmpty { return false }
      rest = rest.dropFirst(fraction.count)
    } else if whole.isEmpty {
      return false
    }
    guard let mark = rest.first else { return true }
    guard mark == 0x65 || mark == 0x45 else { return false }
    let exponent = unsigned(rest.dropFirst())
    return !exponent.isEmpty && exponent.allSatisfy(isDecimal)
  }

  static func integer(_ literal: String) -> Int? {
    guard isInteger(literal) else { return nil }
    if literal.hasPrefix("0o") { return Int(literal.dropFirst(2), radix: 8) }
    if literal.hasPrefix("0x") { return Int(literal.dropFirst(2), radix: 16) }
    return Int(literal)
  }

  static func number(_ literal: String) -> Double? {
    if let special = specialNumber(literal) { return special }
    if let integer = integer(literal) { return Double(integer) }
    return Double(literal.hasSuffix(".") ? literal + "0" : literal)
  }

  private static func specialNumber(_ text: String) -> Double? {
    switch text {
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": .infinity
    case "-.inf", "-.Inf", "-.INF": -.infinity
    case ".nan", ".NaN", ".NAN": .nan
    default: nil
    }
  }

  private static func unsigned(_ text: Substring.UTF8View) -> Substring.UTF8View {
    text.first == 0x2B || text.first == 0x2D ? text.dropFirst() : text
  }

  private static func isDecimal(_ octet: UInt8) -> Bool { 0x30...0x39 ~= octet }

  private static func isHexadecimal(_ octet: UInt8) -> Bool {
    isDecimal(octet) || 0x41...0x46 ~= octet || 0x61...0x66 ~= octet
  }
}
