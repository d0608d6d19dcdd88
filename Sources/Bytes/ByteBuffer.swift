/// Growable octets with one owner. It keeps its storage when emptied, so a buffer that a worker reuses for
/// every check stops allocating once it has seen the largest one. Growth doubles; it never shrinks by itself.
@safe
public struct ByteBuffer: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<UInt8>
  @usableFromInline var capacity: Int
  /// How many octets it holds.
  public private(set) var count: Int

  /// - Parameter capacity: octets to hold without growing.
  public init(capacity: Int = 256) {
    precondition(capacity > 0)
    unsafe base = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    self.capacity = capacity
    count = 0
  }

  deinit { unsafe base.deallocate() }

  public var isEmpty: Bool { count == 0 }

  /// A borrowed view of the octets.
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let view = unsafe Span(_unsafeStart: UnsafePointer(base), count: count)
      return unsafe _overrideLifetime(view, borrowing: self)
    }
  }

  /// A borrowed view of the octets that may be changed in place.
  public var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      let view = unsafe MutableSpan(_unsafeStart: base, count: count)
      return unsafe _overrideLifetime(view, mutating: &self)
    }
  }

  /// Makes room for `additional` more octets.
  public mutating func reserve(_ additional: Int) {
    let needed = count + additional
    if needed <= capacity { return }
    let grown = max(needed, capacity * 2)
    let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: grown)
    unsafe fresh.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = fresh
    capacity = grown
  }

  public mutating func append(_ octet: UInt8) {
    if count == capacity { reserve(1) }
    unsafe base[count] = octet
    count += 1
  }

  public mutating func append(_ octets: Span<UInt8>) {
    if octets.isEmpty { return }
    reserve(octets.count)
    unsafe octets.withUnsafeBufferPointer { source in
      guard let start = source.baseAddress else { return }
      unsafe (base + count).update(from: start, count: source.count)
    }
    count += octets.count
  }

  public mutating func append(_ octets: [UInt8]) { append(octets.span) }

  /// Appends the bytes with ASCII letters in lower case.
  public mutating func append(lowercasing bytes: Span<UInt8>) {
    var index = 0
    while index < bytes.count {
      append(bytes[index].asciiLowercased)
      index += 1
    }
  }

  /// Appends text known at compile time, without making a `String`.
  public mutating func append(_ text: StaticString) {
    reserve(text.utf8CodeUnitCount)
    unsafe (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    count += text.utf8CodeUnitCount
  }

  /// Appends octets that this buffer already holds.
  /// - Precondition: the range lies within the buffer.
  public mutating func appendCopy(of range: ByteRange) {
    precondition(range.end <= count)
    reserve(Int(range.count))
    unsafe (base + count).update(from: base + Int(range.start), count: Int(range.count))
    count += Int(range.count)
  }

  /// Lets `body` write up to `most` octets behind the present ones; it returns how many it wrote.
  /// - Precondition: what it returns is within `0...most`.
  public mutating func appendUnsafely<E: Error>(
    atMost most: Int, _ body: (UnsafeMutableBufferPointer<UInt8>) throws(E) -> Int
  ) throws(E) {
    reserve(most)
    let written = try unsafe body(UnsafeMutableBufferPointer(start: base + count, count: most))
    precondition(written >= 0 && written <= most)
    count += written
  }

  /// Forgets everything from `count` on; the storage stays.
  /// - Precondition: `count` is not above the present count.
  public mutating func truncate(to count: Int) {
    precondition(count >= 0 && count <= self.count)
    self.count = count
  }

  /// Forgets all octets; the storage stays.
  public mutating func removeAll() { count = 0 }

  /// Forgets the first `amount` octets and moves the rest to the front. Cost: the octets that stay.
  public mutating func removeFirst(_ amount: Int) {
    precondition(amount >= 0 && amount <= count)
    unsafe base.update(from: base + amount, count: count - amount)
    count -= amount
  }

  /// Gives the storage back when it has grown beyond `limit`, so that one huge message does not stay
  /// resident.
  public mutating func shrink(ifAbove limit: Int) {
    if capacity <= limit || count > limit { return }
    let fresh = UnsafeMutablePointer<UInt8>.allocate(capacity: limit)
    unsafe fresh.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = fresh
    capacity = limit
  }

  /// Overwrites the octet at `index`.
  public subscript(index: Int) -> UInt8 {
    get {
      precondition(index >= 0 && index < count)
      return unsafe base[index]
    }
    set {
      precondition(index >= 0 && index < count)
      unsafe base[index] = newValue
    }
  }

  /// A copy of the octets. Allocates: not for the request path.
  public func copy() -> [UInt8] {
    unsafe [UInt8](UnsafeBufferPointer(start: base, count: count))
  }
}

extension ByteBuffer: @unchecked Sendable {}
