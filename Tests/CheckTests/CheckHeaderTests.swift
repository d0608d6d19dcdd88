import Bytes
import Check
import Testing

struct CheckHeaderTests {
  /// A check over "abcabc" whose header lines are named by single letters.
  private func lines(_ names: [Int]) -> Check {
    var check = Check()
    for start in names {
      check.headers.append(Check.Pair(name: ByteRange(start: start, count: 1), value: .empty))
    }
    return check
  }

  private func indices(of name: String, in check: borrowing Check) -> [Int] {
    let message = Array("aBcAbx".utf8)
    let name = Array(name.utf8)
    var found: [Int] = []
    var start = 0
    while let index = check.headerIndex(of: name.span, from: start, in: message.span) {
      found.append(index)
      start = index + 1
    }
    return found
  }

  @Test func `every line of a name is found, in order, in either case`() {
    let check = lines([0, 1, 2, 3, 4])
    #expect(indices(of: "a", in: check) == [0, 3])
    #expect(indices(of: "b", in: check) == [1, 4])
    #expect(indices(of: "c", in: check) == [2])
  }

  @Test func `a name that is not there, or only a part of one, is not found`() {
    let check = lines([0, 1, 2])
    #expect(indices(of: "z", in: check).isEmpty)
    #expect(indices(of: "", in: check).isEmpty)
    #expect(indices(of: "ab", in: check).isEmpty)
  }

  @Test func `a check is emptied for the next question`() {
    var check = lines([0, 1])
    check.hasHTTP = true
    check.serverName = ByteRange(start: 1, count: 1)
    check.headerEncoding = .raw
    check.source.port = 7
    check.reset()
    let (count, hasHTTP, serverName, port) = (
      check.headers.count, check.hasHTTP, check.serverName, check.source.port
    )
    #expect(count == 0 && !hasHTTP && serverName == nil && port == 0)
    let isJoined = check.headerEncoding == .joined
    #expect(isJoined)
  }
}
