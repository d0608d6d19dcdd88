import Bytes
import Istio

/// Gathers the rows of a table: every octet string, name, list of matchers and predicate exists once.
struct TableBuilder {
  /// A predicate's content, by which equal ones are found.
  struct PredicateKey: Hashable {
    var attribute: Attribute
    var reading = Reading.narrow
    var place = HeaderPlace.ordinary
    var names: [[UInt8]] = []
    var matchers: [MatcherSpec]
  }

  /// A literal and the clause it comes from.
  struct Clause {
    var literal: Literal
    var description: Int
  }

  private(set) var pool: [UInt8] = []
  private(set) var names: [ByteRange] = []
  private(set) var matchers: [Matcher] = []
  private(set) var prefixes: [IPPrefix] = []
  private(set) var predicates: [Predicate] = []
  private(set) var literals: [Literal] = []
  private(set) var literalClauses: [UInt32] = []
  private(set) var entries: [Entry] = []
  private(set) var entryPlaces: [(source: Int?, operation: Int?)] = []
  private(set) var rules: [RuleRow] = []
  private(set) var clauses: [ClauseDescription] = []

  private var poolIndex: [[UInt8]: ByteRange] = [:]
  private var predicateIndex: [PredicateKey: Int] = [:]

  mutating func intern(_ octets: [UInt8]) -> ByteRange {
    if octets.isEmpty { return .empty }
    if let range = poolIndex[octets] { return range }
    let range = ByteRange(start: pool.count, count: octets.count)
    pool += octets
    poolIndex[octets] = range
    return range
  }

  mutating func intern(_ key: PredicateKey) -> Int {
    var key = key
    // Values are alternatives: neither their order nor a repetition means anything.
    key.matchers = Set(key.matchers).sorted {
      ($0.kind.rawValue, $0.number) != ($1.kind.rawValue, $1.number)
        ? ($0.kind.rawValue, $0.number) < ($1.kind.rawValue, $1.number)
        : ($0.text + [0] + $0.other).lexicographicallyPrecedes($1.text + [0] + $1.other)
    }
    if let known = predicateIndex[key] { return known }
    let row = Predicate(
      attribute: key.attribute, reading: key.reading, place: key.place, firstName: UInt32(names.count),
      nameCount: UInt32(key.names.count), firstMatcher: UInt32(matchers.count),
      matcherCount: UInt32(key.matchers.count))
    for name in key.names { names.append(intern(name)) }
    for spec in key.matchers {
      var matcher = Matcher(
        kind: spec.kind, issuerKind: spec.issuerKind, subjectKind: spec.subjectKind,
        isListElement: spec.isListElement, text: intern(spec.text), other: intern(spec.other),
        number: spec.number)
      if let prefix = spec.prefix {
        matcher.number = UInt32(prefixes.count)
        prefixes.append(prefix)
      }
      matchers.append(matcher)
    }
    predicates.append(row)
    predicateIndex[key] = predicates.count - 1
    return predicates.count - 1
  }

  mutating func add(_ clause: ClauseDescription) -> Int {
    clauses.append(clause)
    return clauses.count - 1
  }

  /// Adds one combination of a source, an operation and conditions: cheap predicates first.
  mutating func addEntry(_ parts: [Clause], source: Int?, operation: Int?) {
    let ordered = parts.enumerated().sorted {
      let costs = (cost(of: $0.element.literal), cost(of: $1.element.literal))
      return costs.0 != costs.1 ? costs.0 < costs.1 : $0.offset < $1.offset
    }.map(\.element)
    entries.append(Entry(firstLiteral: UInt32(literals.count), literalCount: UInt32(ordered.count)))
    entryPlaces.append((source, operation))
    literals += ordered.map(\.literal)
    literalClauses += ordered.map { UInt32($0.description) }
  }

  /// Closes a rule whose entries were added since `firstEntry`.
  mutating func addRule(from firstEntry: Int) {
    rules.append(RuleRow(firstEntry: UInt32(firstEntry), entryCount: UInt32(entries.count - firstEntry)))
  }

  /// The patterns of one literal of the entry of which one must match, if it has such a literal; the one with
  /// the fewest.
  func keys(ofEntry index: Int) -> [CandidateIndex.Key] {
    let entry = entries[index]
    var best: [CandidateIndex.Key] = []
    for literal in literals[Int(entry.firstLiteral)..<(Int(entry.firstLiteral) + Int(entry.literalCount))] {
      let row = predicates[literal.predicate]
      // Metadata that cannot be read denies the check: whoever looks at it must not be passed over.
      if row.attribute == .filterMetadata { return [] }
      if literal.isNegated { continue }
      let range = Int(row.firstMatcher)..<(Int(row.firstMatcher) + Int(row.matcherCount))
      let keys = matchers[range].compactMap {
        CandidateIndex.Key(row.attribute, $0.kind, Array(pool[$0.text.indices]))
      }
      if keys.count == range.count, best.isEmpty || keys.count < best.count { best = keys }
    }
    return best
  }

  private func cost(of literal: Literal) -> Int {
    let predicate = predicates[literal.predicate]
    return predicate.attribute.cost * max(1, Int(predicate.matcherCount))
  }
}
