import Bytes
import Testing

// `#expect` takes its expression apart and cannot hold noncopyable values; these evaluate first.

/// Records an issue unless `condition` holds.
func expect(_ condition: Bool, _ comment: String = "", at location: SourceLocation = #_sourceLocation) {
  #expect(condition, "\(comment)", sourceLocation: location)
}

/// Records an issue, with both values, unless they are equal.
func expect<T: Equatable>(
  _ value: T, equals expected: T, _ comment: String = "", at location: SourceLocation = #_sourceLocation
) {
  #expect(value == expected, "\(comment)", sourceLocation: location)
}

/// The value, or the end of the test.
func require<T>(_ value: T?, at location: SourceLocation = #_sourceLocation) throws -> T {
  try #require(value, sourceLocation: location)
}

extension ByteBuffer {
  var text: String { String(decoding: copy(), as: UTF8.self) }
}
