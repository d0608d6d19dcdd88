import Bytes
import Check
import JSON

/// Dynamic metadata of the proxy's filters (semantics, section 2.5), and nested keys of it, which are an extension of
/// ours.
extension DecisionTable {
  func testFilterMetadata(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>, _ scratch: inout PolicyScratch
  ) -> Bool {
    let value = metadata(row, check, message)
    let matches =
      row.nameCount > 2
      ? testNested(row, value, message, &scratch.number) : testSingle(row, value, message)
    if matches == nil { scratch.metadataIsMalformed = true }
    return matches ?? false
  }

  /// The value at the end of a predicate's path. Only structures are walked into.
  func metadata(_ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>) -> FilterMetadata.Value {
    let octets = pool.span
    var name = Int(row.firstName)
    let end = name + Int(row.nameCount)
    let namespace = octets[names[name]]
    // Of map entries with one key, protobuf takes the last.
    var entry = check.filterMetadata.count - 1
    while entry >= 0, !message[check.filterMetadata[entry].name].equals(namespace) { entry -= 1 }
    if entry < 0 { return .absent }
    var value = FilterMetadata.Value.fields(check.filterMetadata[entry].value)
    name += 1
    while name < end {
      switch value {
      case .fields(let fields): value = FilterMetadata.value(of: octets[names[name]], in: fields, message)
      case .malformed: return .malformed
      case .absent, .text, .list, .number, .boolean, .null: return .absent
      }
      name += 1
    }
    return value
  }

  /// Several keys, by our rule: text, numbers and truth values by a pattern, as text; of a list any such element.
  /// - Returns: nil when the value is malformed.
  private func testNested(
    _ row: Predicate, _ value: FilterMetadata.Value, _ message: Span<UInt8>, _ number: inout ByteBuffer
  ) -> Bool? {
    switch value {
    case .malformed: return nil
    case .list(let list):
      return FilterMetadata.contains(list, message) { testScalar(row, $0, message, &number) }
    default: return testScalar(row, value, message, &number)
    }
  }

  private func testScalar(
    _ row: Predicate, _ value: FilterMetadata.Value, _ message: Span<UInt8>, _ number: inout ByteBuffer
  ) -> Bool {
    switch value {
    case .text(let text): return anyMatches(row, message[text])
    case .number, .boolean:
      number.removeAll()
      Self.appendText(of: value, to: &number)
      return !number.isEmpty && anyMatches(row, number.span)
    case .absent, .list, .fields, .null, .malformed: return false
    }
  }

  /// A number in the form of RFC 8785 (`3`, `1.5`, `1e+21`), a truth value as `true` or `false`. Appends nothing for
  /// a number that is not finite.
  static func appendText(of value: FilterMetadata.Value, to output: inout ByteBuffer) {
    switch value {
    case .number(let number): ShortestDouble.append(number, to: &output)
    case .boolean(let flag): output.append(flag ? "true" : "false")
    default: break
    }
  }
}
