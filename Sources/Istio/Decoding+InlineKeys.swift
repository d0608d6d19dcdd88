extension Decoding {
  /// Looks into an inline key set: one that cannot be read is an error.
  mutating func checkInlineKeys(_ jwks: Located<String>) {
  }
}
