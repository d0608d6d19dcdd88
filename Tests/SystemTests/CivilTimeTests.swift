import Foundation
import System
import Testing

@Suite struct CivilTimeTests {
  @Test func `moments are written as RFC 3339 writes them`() {
    #expect(CivilTime.rfc3339(nanoseconds: 1_795_792_496_007_999_999) == "2026-11-27T15:14:56.007Z")
    #expect(CivilTime.rfc3339(nanoseconds: 0) == "1970-01-01T00:00:00.000Z")
    #expect(CivilTime.rfc3339(nanoseconds: -5) == "1970-01-01T00:00:00.000Z")
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime]
    var second: Int64 = 951_782_000
    while second < 9_000_000_000 {
      let expected = formatter.string(from: Date(timeIntervalSince1970: Double(second))).dropLast()
      #expect(CivilTime.rfc3339(nanoseconds: second * 1_000_000_000) == "\(expected).000Z")
      second += 86_400 * 31 + 12_345
    }
  }
}
