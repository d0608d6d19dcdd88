public import PolicyOracle

// PolicyDifferential: the same random questions to the oracle and to the real thing. A run is made of sets: one
// mesh and many requests to it. Each set has a seed of its own, made from the run's seed and the set's number,
// so that any set can be looked at alone.

/// One run, or the part of it that one thread does.
public struct PolicyDifferential: Sendable {
  /// Requests to each mesh.
  public static let requestsPerSet = 50
  /// What all tokens are made around.
  static let now = 1_800_000_000

  public var seed: UInt64
  /// The first set's number, and the distance to the next: threads share a run by turns.
  public var first = 0
  public var stride = 1
  public var triples: Int

  public init(seed: UInt64, triples: Int) {
    self.seed = seed
    self.triples = triples
  }

  public struct Result: Sendable {
    /// Policy sets with requests and claims that were compared.
    public var triples = 0
    public var sets = 0
    public var coverage = Coverage()
    /// The first difference, reduced; nil when there is none.
    public var difference: String?

    public init() {}

    public mutating func add(_ other: Result) {
      triples += other.triples
      sets += other.sets
      coverage.add(other.coverage)
      difference = difference ?? other.difference
    }
  }

  /// Runs until the end or the first difference.
  /// - Throws: when a mesh that was made to be valid is refused.
  public func run() throws -> Result {
    let mint = try Mint()
    let recorder = CoverageRecorder()
    var result = Result()
    var set = first
    while result.triples < triples, result.difference == nil {
      try compare(set, mint, recorder, &result)
      set += stride
    }
    result.coverage = recorder.coverage
    return result
  }

  /// The run's work divided among tasks.
  public func run(tasks: Int) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
      for task in 0..<tasks {
        var part = self
        part.first = first + task
        part.stride = tasks
        part.triples = triples / tasks + (task < triples % tasks ? 1 : 0)
        group.addTask { [part] in try part.run() }
      }
      var total = Result()
      for try await result in group { total.add(result) }
      return total
    }
  }

  private func compare(
    _ set: Int, _ mint: Mint, _ recorder: CoverageRecorder, _ result: inout Result
  ) throws {
    // Odd, so that no two sets share a seed.
    var generator = Generator(seed: seed &+ UInt64(set) &* 0x9E37_79B9_7F4A_7C15)
    let mesh = generator.mesh()
    var gate: Gate
    do {
      gate = try Gate(mesh)
    } catch {
      throw RefusedMesh(seed: seed, set: set, reason: "\(error)", yaml: mesh.yaml)
    }
    result.sets += 1
    for number in 0..<min(Self.requestsPerSet, triples - result.triples) {
      let request = try generator.request(
        to: mesh, number: set * Self.requestsPerSet + number, now: Self.now, mint: mint.text)
      let expected = Oracle.answer(to: request, in: mesh, now: Self.now, recorder: recorder)
      let found = gate.answer(to: request, now: Self.now)
      result.triples += 1
      if found != expected {
        let case_ = Case(mesh: mesh, request: request).reduced()
        result.difference = "seed \(seed), set \(set), request \(number)\n\(case_.description)"
        return
      }
    }
  }
}

/// The generator or the loader is wrong: one makes what the other does not take.
public struct RefusedMesh: Error, CustomStringConvertible {
  var seed: UInt64
  var set: Int
  var reason: String
  var yaml: String
  public var description: String { "seed \(seed), set \(set): policies refused\n\(reason)\n\(yaml)" }
}
