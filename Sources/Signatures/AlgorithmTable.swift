/// One value for each algorithm, inline: no allocation, no reference count but those of the values, and no index
/// that could be out of range.
///
/// Each algorithm has a stored property, and every switch is exhaustive: an algorithm that is added to `Algorithm`
/// does not compile until the table has a place for it. A list indexed by `rawValue` would compile, and trap at
/// the first token. Cost of an access: a jump.
@frozen
public struct AlgorithmTable<Value> {
  @usableFromInline var es256: Value, es384: Value, es512: Value
  @usableFromInline var hs256: Value, hs384: Value, hs512: Value
  @usableFromInline var rs256: Value, rs384: Value, rs512: Value
  @usableFromInline var ps256: Value, ps384: Value, ps512: Value
  @usableFromInline var edDSA: Value

  /// The values that `value` returns, which is called once for each algorithm, in the order of
  /// `Algorithm.allCases`.
  @inlinable
  public init<Failure>(_ value: (Algorithm) throws(Failure) -> Value) throws(Failure) {
    es256 = try value(.es256)
    es384 = try value(.es384)
    es512 = try value(.es512)
    hs256 = try value(.hs256)
    hs384 = try value(.hs384)
    hs512 = try value(.hs512)
    rs256 = try value(.rs256)
    rs384 = try value(.rs384)
    rs512 = try value(.rs512)
    ps256 = try value(.ps256)
    ps384 = try value(.ps384)
    ps512 = try value(.ps512)
    edDSA = try value(.edDSA)
  }

  /// The same value for each algorithm.
  @inlinable
  public static func repeating(_ value: Value) -> AlgorithmTable { AlgorithmTable { _ in value } }

  /// The algorithm's value, changed in place.
  @inlinable
  public subscript(algorithm: Algorithm) -> Value {
    get {
      switch algorithm {
      case .es256: es256
      case .es384: es384
      case .es512: es512
      case .hs256: hs256
      case .hs384: hs384
      case .hs512: hs512
      case .rs256: rs256
      case .rs384: rs384
      case .rs512: rs512
      case .ps256: ps256
      case .ps384: ps384
      case .ps512: ps512
      case .edDSA: edDSA
      }
    }
    _modify {
      switch algorithm {
      case .es256: yield &es256
      case .es384: yield &es384
      case .es512: yield &es512
      case .hs256: yield &hs256
      case .hs384: yield &hs384
      case .hs512: yield &hs512
      case .rs256: yield &rs256
      case .rs384: yield &rs384
      case .rs512: yield &rs512
      case .ps256: yield &ps256
      case .ps384: yield &ps384
      case .ps512: yield &ps512
      case .edDSA: yield &edDSA
      }
    }
  }
}

extension AlgorithmTable: Sendable where Value: Sendable {}
