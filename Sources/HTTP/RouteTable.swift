import Bytes

/// Which method a path names. A copy per connection, so that no worker touches another's reference counts;
/// services have a handful of methods, so a walk that compares lengths first beats a hash.
struct RouteTable: ~Copyable {
  // Internal, not private: a private type inside a noncopyable struct crashes the compiler (6.3.1).
  struct Entry {
    let path: ByteRange
    let isStreaming: Bool
    let overLimit: GRPCRoute.OverLimit
  }

  private var octets: ByteBuffer
  private var entries: OwnedArray<Entry>

  init(_ routes: [GRPCRoute]) {
    octets = ByteBuffer(capacity: 256)
    entries = OwnedArray(capacity: max(1, routes.count))
    for route in routes {
      let start = octets.count
      octets.append(route.path)
      entries.append(
        Entry(
          path: ByteRange(start..<octets.count), isStreaming: route.kind == .serverStreaming,
          overLimit: route.overLimit))
    }
  }

  /// The method's index, or nil. Only the exact path counts: no case folding, no trailing slash, no query.
  func find(_ path: Span<UInt8>) -> UInt8? {
    for index in entries.indices where Int(entries[index].path.count) == path.count {
      if octets.span[entries[index].path].equals(path) { return UInt8(truncatingIfNeeded: index) }
    }
    return nil
  }

  func overLimit(_ method: UInt8) -> GRPCRoute.OverLimit { entries[Int(method)].overLimit }

  func isStreaming(_ method: UInt8) -> Bool { entries[Int(method)].isStreaming }
}
