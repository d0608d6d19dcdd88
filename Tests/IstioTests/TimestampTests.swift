import Foundation
import Istio
import TestSupport
import Testing

@Suite("Times as Kubernetes writes them")
struct TimestampTests {
  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0, 0), ("2026-11-28T23:25:02Z", 1_795_908_302, 0),
      ("2000-02-29T12:00:00Z", 951_825_600, 0), ("2026-01-02T05:04:05+02:00", 1_767_323_045, 0),
      ("2026-01-02T03:04:05Z", 1_767_323_045, 0), ("2026-01-01T22:34:05-04:30", 1_767_323_045, 0),
      ("1969-12-31T23:59:59.25Z", -1, 250_000_000), ("0000-03-01T00:00:00Z", -62_162_035_200, 0),
      ("9999-12-31T23:59:59.999999999999Z", 253_402_300_799, 999_999_999),
      ("2026-01-02T03:04:05.000000001Z", 1_767_323_045, 1),
    ] as [(String, Int64, UInt32)])
  func `are read to the nanosecond, with any offset`(text: String, seconds: Int64, nanoseconds: UInt32) throws
  {
    let time = try #require(Timestamp(text))
    #expect(time.seconds == seconds)
    #expect(time.nanoseconds == nanoseconds)
  }

  @Test(arguments: [
    "", "2026-01-02", "2026-01-02 03:04:05Z", "2026-01-02t03:04:05Z", "2026-01-02T03:04:05z",
    "2026-01-02T03:04:05",
    "2026-02-29T03:04:05Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", "2026-01-02T03:04:60Z",
    "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05Z ",
    "26-01-02T03:04:05Z", "+026-01-02T03:04:05Z", "2026-01-02T03:04:05,5Z",
  ])
  func `other texts are not times`(text: String) { #expect(Timestamp(text) == nil) }

  @Test func `every day agrees with Foundation's calendar`() throws {
    var generator = SeededGenerator(announcing: "timestamps and Foundation's calendar")
    let formatter = ISO8601DateFormatter()
    for _ in 0..<2_000 {
      let seconds = Int64.random(in: -62_135_596_800...253_402_300_799, using: &generator)
      // Foundation's calendar is the Julian one before 1582.
      if seconds < -12_219_292_800 { continue }
      let text = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
      #expect(Timestamp(text)?.seconds == seconds, "\(text)")
    }
  }
}
