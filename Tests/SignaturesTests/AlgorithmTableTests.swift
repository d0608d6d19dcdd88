import Signatures
import Testing

struct AlgorithmTableTests {
  @Test func `A table has one place of its own for each algorithm and no other`() {
    #expect(MemoryLayout<AlgorithmTable<UInt64>>.size == 8 * Algorithm.allCases.count)
    var table = AlgorithmTable.repeating(-1)
    for (number, algorithm) in Algorithm.allCases.enumerated() {
      #expect(table[algorithm] == -1)
      table[algorithm] = number
    }
    #expect(Algorithm.allCases.map { table[$0] } == Array(Algorithm.allCases.indices))
    for algorithm in Algorithm.allCases { table[algorithm] += 100 }
    #expect(Algorithm.allCases.map { table[$0] } == Algorithm.allCases.indices.map { $0 + 100 })
  }

  @Test func `A table is made with the value of each algorithm, in their order`() {
    var asked: [Algorithm] = []
    let table = AlgorithmTable { algorithm in
      asked.append(algorithm)
      return "\(algorithm.name)"
    }
    #expect(asked == Algorithm.allCases)
    for algorithm in Algorithm.allCases { #expect(table[algorithm] == "\(algorithm.name)") }
  }

  @Test func `A failure to make one value is thrown on`() {
    #expect(throws: KeyError.libraryFailure) {
      try AlgorithmTable<Int> { algorithm throws(KeyError) in
        if algorithm == .hs384 { throw .libraryFailure }
        return 1
      }
    }
  }

  /// A value whose storage is shared would be copied at the first change behind a read and a write.
  @Test func `A value is changed in place`() {
    var table = AlgorithmTable<[Int]> { _ in [Int](repeating: 0, count: 4) }
    for algorithm in Algorithm.allCases {
      let before = unsafe table[algorithm].withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
      table[algorithm][2] = 7
      let after = unsafe table[algorithm].withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
      #expect(before == after && table[algorithm] == [0, 0, 7, 0])
    }
  }

  @Test func `A copy does not change with its original`() {
    var table = AlgorithmTable<UInt64>.repeating(0)
    let before = table
    table[.edDSA] += 1
    #expect(before[.edDSA] == 0 && table[.edDSA] == 1)
  }

  @Test func `The names of all algorithms are those of RFC 7518 and RFC 8037`() {
    #expect(
      Algorithm.names
        == "ES256 ES384 ES512 HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 EdDSA")
  }

  @Test(arguments: Algorithm.allCases)
  func `A signature is as long as its key says`(algorithm: Algorithm) throws {
    let key = try SigningKey.generate(for: algorithm)
    let message = Array("message".utf8)
    let signature = try key.sign(message.span, algorithm: algorithm)
    #expect(signature.count == key.verificationKey.signatureOctets(algorithm))
  }
}
