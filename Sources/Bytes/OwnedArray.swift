/// A list with one owner, whose elements may be noncopyable: the standard `Array` takes only copyable ones.
/// Elements are made in place and live until the list goes.
@safe
public struct OwnedArray<Element: ~Copyable>: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<Element>
  /// How many elements are held without growing.
  public private(set) var capacity: Int
  public private(set) var count: Int

  /// - Parameter capacity: elements to hold without growing.
  public init(capacity: Int = 4) {
    precondition(capacity > 0)
    unsafe base = UnsafeMutablePointer<Element>.allocate(capacity: capacity)
    self.capacity = capacity
    count = 0
  }

  deinit {
    unsafe base.deinitialize(count: count)
    unsafe base.deallocate()
  }

  public var isEmpty: Bool { count == 0 }
  public var indices: Range<Int> { 0..<count }

  /// Takes an element. Doubles its storage when full.
  public mutating func append(_ element: consuming Element) {
    if count == capacity { grow() }
    unsafe (base + count).initialize(to: element)
    count += 1
  }

  @inline(never)
  private mutating func grow() {
    let fresh = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
    unsafe fresh.moveInitialize(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = fresh
    capacity *= 2
  }

  /// Gives all elements up; storage stays.
  public mutating func removeAll() {
    unsafe base.deinitialize(count: count)
    count = 0
  }

  /// Gives the last element away.
  public mutating func popLast() -> Element? {
    if count == 0 { return nil }
    count -= 1
    return unsafe (base + count).move()
  }

  /// The element at `index`, borrowed or changed in place.
  /// - Precondition: `index` is within `indices`.
  public subscript(index: Int) -> Element {
    @inlinable
    unsafeAddress {
      precondition(index >= 0 && index < count)
      return unsafe UnsafePointer(base + index)
    }
    @inlinable
    unsafeMutableAddress {
      precondition(index >= 0 && index < count)
      return unsafe base + index
    }
  }
}

extension OwnedArray: @unchecked Sendable where Element: Sendable & ~Copyable {}

extension Array {
  /// Makes it empty; storage stays. For lists that nearly always are empty already: they pay nothing, where the
  /// standard call costs as much as any other.
  @inlinable
  public mutating func clear() {
    if !isEmpty { removeAll(keepingCapacity: true) }
  }
}
