public import Bytes

/// What an answer changes in the request that it lets through, and what policies must therefore see changed:
/// Envoy evaluates its RBAC filter after its JWT filter has removed tokens and set headers. It owns its
/// octets. One value is reused for every check of a worker.
public struct RequestChanges: ~Copyable, Sendable {
  /// What all ranges below refer to.
  public private(set) var octets: ByteBuffer
  /// Header names in lower case; never a name that is also set.
  public private(set) var removedHeaders: [ByteRange] = []
  /// Headers that replace whatever the client sent. At most one a name.
  public private(set) var setHeaders: [Check.Pair] = []
  /// Query parameters by decoded name.
  public private(set) var removedParameters: [ByteRange] = []

  public init() { octets = ByteBuffer(capacity: 1024) }

  public var isEmpty: Bool { removedHeaders.isEmpty && setHeaders.isEmpty && removedParameters.isEmpty }

  /// Makes it empty for the next check; storage stays.
  public mutating func reset() {
    octets.removeAll()
    removedHeaders.clear()
    setHeaders.clear()
    removedParameters.clear()
  }

  /// Removes a header unless this answer sets it or removes it already.
  /// - Parameter name: in lower case.
  public mutating func removeHeader(_ name: Span<UInt8>) {
    if setsHeader(name) || removesHeader(name) { return }
    removedHeaders.append(keep(name))
  }

  /// Sets a header to a part of `buffer`. A second value for the same name replaces the first.
  /// - Parameter name: in lower case.
  public mutating func setHeader(_ name: Span<UInt8>, to range: ByteRange, of buffer: borrowing ByteBuffer) {
    setHeader(name) { $0.append(buffer.span[range]) }
  }

  /// Sets a header to the octets that `write` appends.
  /// - Parameter name: in lower case.
  public mutating func setHeader(_ name: Span<UInt8>, _ write: (inout ByteBuffer) -> Void) {
    let nameRange = keep(name)
    let start = octets.count
    write(&octets)
    let value = ByteRange(start..<octets.count)
    for index in removedHeaders.indices.reversed() where octets.span[removedHeaders[index]].equals(name) {
      removedHeaders.remove(at: index)
    }
    for index in setHeaders.indices where octets.span[setHeaders[index].name].equals(name) {
      setHeaders[index].value = value
      return
    }
    setHeaders.append(Check.Pair(name: nameRange, value: value))
  }

  /// Removes a header whoever set it: the client's lines, and what this answer has set so far.
  /// - Parameter name: in lower case.
  public mutating func takeBackHeader(_ name: Span<UInt8>) {
    for index in setHeaders.indices.reversed() where octets.span[setHeaders[index].name].equals(name) {
      setHeaders.remove(at: index)
    }
    removeHeader(name)
  }

  /// Removes all query parameters called `name`.
  public mutating func removeParameter(_ name: Span<UInt8>) {
    if removesParameter(name) { return }
    removedParameters.append(keep(name))
  }

  /// Whether the query parameters called `name` are gone.
  public func removesParameter(_ name: Span<UInt8>) -> Bool {
    for range in removedParameters where octets.span[range].equals(name) { return true }
    return false
  }

  /// Whether the client's lines of this header are gone, removed or replaced.
  public func hidesHeader(_ name: Span<UInt8>) -> Bool { setsHeader(name) || removesHeader(name) }

  /// The value that this answer sets, as a range over `octets`.
  public func valueSet(for name: Span<UInt8>) -> ByteRange? {
    for pair in setHeaders where octets.span[pair.name].equalsIgnoringCase(name) { return pair.value }
    return nil
  }

  private func setsHeader(_ name: Span<UInt8>) -> Bool { valueSet(for: name) != nil }

  private func removesHeader(_ name: Span<UInt8>) -> Bool {
    for range in removedHeaders where octets.span[range].equalsIgnoringCase(name) { return true }
    return false
  }

  private mutating func keep(_ text: Span<UInt8>) -> ByteRange {
    let start = octets.count
    octets.append(text)
    return ByteRange(start..<octets.count)
  }
}
