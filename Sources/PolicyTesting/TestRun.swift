public import Istio
import Synchronization
import System

/// What became of one test.
public struct TestResult: Sendable {
  public var file: String
  public var name: String
  public var position: SourcePosition
  /// What was not as expected; empty when the test passed.
  public var differences: [Difference] = []
  /// Why the request came to what it came to, in words.
  public var words: [String] = []
  public var nanoseconds: UInt64 = 0
  var reached: [String] = []

  public var passed: Bool { differences.isEmpty }
}

/// Tests that were run: results in the order of the files, and the rules they reached.
public struct TestRun: Sendable {
  public private(set) var results: [TestResult] = []
  /// Each rule of the policies once, with whether some test reached it.
  public private(set) var coverage: [(rule: CoveredRule, isReached: Bool)] = []

  public var failures: Int { results.count { !$0.passed } }
  public var unreached: [CoveredRule] { coverage.filter { !$0.isReached }.map(\.rule) }

  /// Runs the tests whose name, or whose file's name, contains `filter`. The order of results does not
  /// depend on `threads`; 0: one for each core.
  public init(_ suites: [TestSuite], filter: String = "", threads: Int = 0) {
    let board = Board()
    let count = threads > 0 ? threads : Cores.usable()
    func work(_ share: Int) { Self.run(suites, filter: filter, share: share, of: count, board) }
    var others: [Int: Bool] = [:]
    var started = TestThreads()
    for share in 1..<max(2, count) where count > 1 {
      others[share] = started.start {
        Self.run(suites, filter: filter, share: share, of: count, board)
      }
    }
    work(0)
    started.join()
    // A share whose thread did not start is done here.
    for (share, isStarted) in others where !isStarted { work(share) }
    results = board.sorted()
    collectCoverage(suites)
  }

  private static func run(_ suites: [TestSuite], filter: String, share: Int, of count: Int, _ board: Board) {
    for (number, suite) in suites.enumerated() {
      var judge = TestJudge(suite)
      for (index, test) in suite.file.tests.enumerated() where index % count == share {
        guard filter.isEmpty || test.name.contains(filter) || suite.file.name.contains(filter) else {
          continue
        }
        board.add(run(test, of: suite, &judge), at: (number, index))
      }
    }
  }

  private static func run(_ test: PolicyTest, of suite: TestSuite, _ judge: inout TestJudge) -> TestResult {
    let start = Clock.system.monotonicNanoseconds()
    var result = TestResult(file: suite.file.name, name: test.name, position: test.position)
    do {
      let outcome = try judge.outcome(of: test)
      result.differences = outcome.differences(from: test.expect)
      result.words = outcome.words
      result.reached = outcome.reached
    } catch {
      result.differences = [Difference(what: "request", expected: "one that can be sent", actual: "\(error)")]
    }
    result.nanoseconds = Clock.system.monotonicNanoseconds() &- start
    return result
  }

  private mutating func collectCoverage(_ suites: [TestSuite]) {
    var reached: [String: Set<String>] = [:]
    for result in results { reached[result.file, default: []].formUnion(result.reached) }
    var indexes: [CoveredRule: Int] = [:]
    for suite in suites {
      for rule in suite.rules {
        let isReached = reached[suite.file.name]?.contains(rule.name) ?? false
        if let index = indexes[rule] {
          coverage[index].isReached = coverage[index].isReached || isReached
        } else {
          indexes[rule] = coverage.count
          coverage.append((rule, isReached))
        }
      }
    }
  }
}

/// Where threads put their results.
private final class Board: Sendable {
  private let results = Mutex<[(suite: Int, test: Int, result: TestResult)]>([])

  @inline(never) init() {}

  func add(_ result: TestResult, at place: (suite: Int, test: Int)) {
    results.withLock { $0.append((place.suite, place.test, result)) }
  }

  func sorted() -> [TestResult] {
    results.withLock { $0 }.sorted { ($0.suite, $0.test) < ($1.suite, $1.test) }.map(\.result)
  }
}

/// Threads that are waited for together.
private struct TestThreads: ~Copyable {
  private var threads: [Joined] = []

  /// False when the system gave no thread.
  mutating func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    guard let thread = try? Thread.start(name: "policy-tests", stackBytes: 8 << 20, body) else {
      return false
    }
    threads.append(Joined(thread))
    return true
  }

  mutating func join() { for thread in threads { thread.join() } }

  private final class Joined {
    private var thread: Thread?
    init(_ thread: consuming Thread) { self.thread = consume thread }
    func join() { thread.take()?.join() }
  }
}
