import Bytes
import Check
import Testing

@Suite("Reading a check")
struct CheckReadingTests {
  /// A check with these header lines, over the octets it is given.
  func check(_ lines: [(String, String)], _ octets: inout [UInt8]) -> Check {
    var check = Check()
    for (name, value) in lines {
      let start = octets.count
      octets += Array(name.utf8) + Array(value.utf8)
      check.headers.append(
        .init(
          name: ByteRange(start: start, count: name.utf8.count),
          value: ByteRange(start: start + name.utf8.count, count: value.utf8.count)))
    }
    return check
  }

  func find(_ check: borrowing Check, _ name: String, from start: Int = 0, _ octets: [UInt8]) -> Int? {
    check.headerIndex(of: Array(name.utf8).span, from: start, in: octets.span)
  }

  @Test func `A header is found by its name in any letter case`() {
    var octets: [UInt8] = []
    let check = check([("a", "1"), ("X-Name", "2"), ("x-name", "3")], &octets)
    #expect(find(check, "x-name", octets) == 1)
    #expect(find(check, "x-nam", octets) == nil)
    #expect(find(check, "x-names", octets) == nil)
    #expect(find(check, "", octets) == nil)
  }

  @Test func `The search goes on behind a line that was found`() {
    var octets: [UInt8] = []
    let check = check([("b", "1"), ("a", "2"), ("b", "3"), ("b", "4")], &octets)
    var found: [Int] = []
    var next = find(check, "b", octets)
    while let index = next {
      found.append(index)
      next = find(check, "b", from: index + 1, octets)
    }
    #expect(found == [0, 2, 3])
    #expect(find(check, "b", from: 4, octets) == nil)
  }

  @Test func `Reset leaves nothing of the last question`() {
    var octets: [UInt8] = []
    var check = check([("a", "1")], &octets)
    check.hasHTTP = true
    check.headerEncoding = .raw
    check.serverName = .empty
    check.method = ByteRange(start: 0, count: 1)
    check.source.principal = ByteRange(start: 0, count: 1)
    check.destination.port = 8
    check.contextExtensions = [check.headers[0]]
    check.filterMetadata = [check.headers[0]]
    check.reset()
    let flags = [check.hasHTTP, check.headerEncoding == .raw, check.serverName != nil]
    #expect(!flags.contains(true))
    let counts = [check.headers.count, check.contextExtensions.count, check.filterMetadata.count]
    #expect(counts == [0, 0, 0])
    let ranges = [check.method, check.source.principal]
    #expect(ranges.allSatisfy { $0.isEmpty })
    let port = check.destination.port
    #expect(port == 0)
  }
}
