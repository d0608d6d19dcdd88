/// A regular expression over whole texts, matched by trying everything. Octets count, not characters.
struct Expression {
  indirect enum Piece {
    case text(String)
    /// A run of octets of a kind.
    case run(of: @Sendable (UInt8) -> Bool, atLeast: Int)
    case optional([Piece])

    /// `.*` and `.+`: a dot is no line end.
    static let any = Piece.run(of: { $0 != 0x0A }, atLeast: 0)
    static let some = Piece.run(of: { $0 != 0x0A }, atLeast: 1)
    /// `[^/]*`
    static let segment = Piece.run(of: { $0 != 0x2F }, atLeast: 0)
    /// Anything at all, line ends included.
    static let rest = Piece.run(of: { _ in true }, atLeast: 0)
  }

  var pieces: [Piece]

  init(_ pieces: Piece...) { self.pieces = pieces }
  init(_ pieces: [Piece]) { self.pieces = pieces }

  func matches(_ text: String) -> Bool { Self.match(pieces[...], Array(text.utf8)[...]) }

  private static func match(_ pieces: ArraySlice<Piece>, _ text: ArraySlice<UInt8>) -> Bool {
    guard let piece = pieces.first else { return text.isEmpty }
    let after = pieces.dropFirst()
    switch piece {
    case .text(let literal):
      return text.starts(with: literal.utf8) && match(after, text.dropFirst(literal.utf8.count))
    case .run(let belongs, let least):
      var rest = text
      var taken = 0
      while true {
        if taken >= least && match(after, rest) { return true }
        guard let first = rest.first, belongs(first) else { return false }
        rest = rest.dropFirst()
        taken += 1
      }
    case .optional(let inner):
      return match(after, text) || match(inner + after, text)
    }
  }
}

extension Expression {
  /// A pattern with a wildcard at one end, checked in this order (semantics, section 2.4). A second `*` is
  /// itself.
  static func pattern(_ value: String) -> Expression {
    if value == "*" { return Expression(.some) }
    if value.hasPrefix("*") { return Expression(.rest, .text(String(value.dropFirst()))) }
    if value.hasSuffix("*") { return Expression(.text(String(value.dropLast())), .rest) }
    return Expression(.text(value))
  }

  /// Text in which every `*` stands for a piece.
  static func wildcards(_ value: String, as wildcard: Piece) -> [Piece] {
    var pieces: [Piece] = []
    for (index, part) in value.split(separator: "*", omittingEmptySubsequences: false).enumerated() {
      if index > 0 { pieces.append(wildcard) }
      pieces.append(.text(String(part)))
    }
    return pieces
  }
}

extension String {
  /// Without blanks and tabs at its ends.
  var trimmed: String {
    var text = self[...]
    while let first = text.first, first == " " || first == "\t" { text = text.dropFirst() }
    while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
    return String(text)
  }

  /// A-Z alone change.
  var asciiLowercased: String {
    String(decoding: utf8.map { 0x41...0x5A ~= $0 ? $0 + 32 : $0 }, as: UTF8.self)
  }

  func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
