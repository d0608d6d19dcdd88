import Testing

// `#expect` takes its expression apart and cannot hold noncopyable values; these evaluate first.

/// Records an issue unless `condition` holds.
func expect(_ condition: Bool, _ comment: String = "", at location: SourceLocation = #_sourceLocation) {
  // Most hold, and the random tests ask by the hundred thousand.
  if condition { return }
  #expect(condition, "\(comment)", sourceLocation: location)
}

/// Records an issue, with both values, unless they are equal.
func expect<T: Equatable>(
  _ value: T, equals expected: T, _ comment: String = "", at location: SourceLocation = #_sourceLocation
) {
  if value == expected { return }
  #expect(value == expected, "\(comment)", sourceLocation: location)
}

/// The value, or the end of the test.
func require<T>(_ value: T?, at location: SourceLocation = #_sourceLocation) throws -> T {
  try #require(value, sourceLocation: location)
}
