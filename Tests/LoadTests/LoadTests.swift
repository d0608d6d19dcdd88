import Bytes
import ExtAuthz
import Load
import Foundation
import Testing

/// What the load generator asks, and what it makes of answers.
@Suite struct LoadTests {
  @Test func `the classes come in their shares, and the same again for the same seed`() throws {
    let shares: [LoadClass: Double] = [.anonymous: 0.2, .bad: 0.1, .forgedKeyID: 0.3]
    func draw() throws -> [LoadClass] {
      var mix = try #require(LoadMix(shares: shares, seed: 7))
      return (0..<20_000).map { _ in mix.next() }
    }
    let drawn = try draw()
    #expect(try draw() == drawn)
    for (kind, share) in shares {
      let found = Double(drawn.count { $0 == kind }) / 20_000
      #expect(abs(found - share) < 0.02, "\(kind)")
    }
    #expect(drawn.contains(.honest) && !drawn.contains(.removed))
    #expect(LoadMix(shares: [.bad: 0.7, .anonymous: 0.7], seed: 1) == nil)
    #expect(LoadMix(shares: [.bad: -0.1], seed: 1) == nil)
    var all = try #require(LoadMix(shares: [.bad: 1], seed: 1))
    for _ in 0..<1_000 { #expect(all.next() == .bad) }
  }

  @Test func `checks are due at their rate whatever happened meanwhile`() {
    var pace = Pace(rate: 1_000, now: 5_000_000)
    #expect(pace.take(now: 4_999_999) == nil)
    #expect(pace.take(now: 5_000_000) == 5_000_000)
    #expect(pace.take(now: 5_900_000) == nil)
    // Late by three: each counts from when it was due.
    #expect(pace.take(now: 9_000_000) == 6_000_000)
    #expect(pace.take(now: 9_000_000) == 7_000_000)
    #expect(pace.take(now: 9_000_000) == 8_000_000)
    #expect(pace.take(now: 9_000_000) == 9_000_000)
    #expect(pace.take(now: 9_000_000) == nil)
    #expect(pace.sent == 5)
  }

  private static func message(_ token: String?) -> [UInt8] {
    message(token, number: CheckTemplate.numberMark)
  }

  private static func message(_ token: String?, number: String) -> [UInt8] {
    var request = ProxiedRequest()
    request.path = "/p/" + number
    if let token { request.headers = [("authorization", "Bearer \(token)")] }
    return request.checkRequest
  }

  private func text(_ message: borrowing ByteBuffer) -> String {
    String(decoding: message.copy(), as: UTF8.self)
  }

  @Test func `a pool's checks carry its tokens in turn, and the number`() throws {
    let pool = try #require(
      TokenPool(["aa.bb.0123456789cccccccccccc", "dd.ee.0123456789ffffffffffff"], message: Self.message))
    var message = ByteBuffer()
    for (number, token) in [(0, "aa.bb.0123456789cccccccccccc"), (1, "dd.ee.0123456789ffffffffffff")]
      as [(UInt64, String)]
    {
      pool.write(number: number + 12_345_678, into: &message)
      #expect(message.copy() == Self.message(token, number: "\(number + 12_345_678)"))
    }
    // Spoilt: another signature each time, and nothing else is changed.
    var seen: Set<String> = []
    for spoiling in 1..<100 as Range<UInt64> {
      pool.write(number: 0, spoiling: spoiling, into: &message)
      let found = text(message)
      #expect(found.contains("Bearer aa.bb.") && !found.contains("0123456789cccccccccccc"))
      seen.insert(found)
    }
    #expect(seen.count == 99)
    #expect(TokenPool(["a.b.c", "a.b.cc"], message: Self.message) == nil)
    let none = try #require(TokenPool([], message: Self.message))
    none.write(number: 5, into: &message)
    #expect(text(message).contains("/p/00000005") && !text(message).contains("authorization"))
  }

  @Test func `every forged token has a key ID of its own and is well formed`() throws {
    for algorithm in ["ES256", "EdDSA", "HS512"] {
      let forged = ForgedTokens(
        algorithm: algorithm, payload: "{\"iss\":\"me\"}", signatureOctets: 64, message: Self.message)
      var seen: Set<String> = []
      for number in 0..<50 as Range<UInt64> {
        var message = ByteBuffer()
        forged.write(number: number, random: number &* 0x9E37_79B9_7F4A_7C15, into: &message)
        let found = text(message)
        let start = try #require(found.range(of: "Bearer ")?.upperBound)
        let token = found[start...].prefix {
          $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))
        }
        let parts = token.split(separator: ".")
        #expect(parts.count == 3)
        var header = ByteBuffer()
        #expect(Base64.decodeURL(Array(parts[0].utf8).span, into: &header))
        let json = String(decoding: header.copy(), as: UTF8.self)
        #expect(json.contains("\"alg\":\"\(algorithm)\",\"kid\":\""))
        seen.insert(json)
      }
      #expect(seen.count == 50)
    }
  }

  @Test func `a report counts by class and end, and its percentiles are those of the latencies`() {
    var report = LoadReport()
    for value in 1...1_000 as ClosedRange<UInt64> {
      report.sent(.honest)
      report.ended(.honest, .allowed, after: value * 1_000)
    }
    report.sent(.bad)
    report.ended(.bad, .denied(401), after: 5_000)
    report.ended(.bad, .failed(-1), after: 0)
    let honest = report.report(.honest)
    #expect(honest.sent == 1_000 && honest.allowed == 1_000 && honest.answered == 1_000)
    #expect(abs(Int(honest.percentile(50)) - 500_000) < 2_000)
    #expect(abs(Int(honest.percentile(99)) - 990_000) < 2_000)
    #expect(abs(Int(honest.longest) - 1_000_000) < 2_000)
    #expect(report.report(.bad).denied == [401: 1] && report.report(.bad).failed == [-1: 1])
    #expect(report.failures == 1 && report.report(.anonymous).percentile(50) == 0)
  }

  @Test func `a rotation knows who signs, and when a removed key was believed too long`() {
    var rotation = Rotation(generations: 4)
    #expect(rotation.generation(for: .removed, number: 1) == nil)
    #expect(rotation.generation(for: .honest, number: 0) == 0)
    rotation.move(to: 2)
    #expect(rotation.generation(for: .removed, number: 1) == 0)
    #expect(rotation.generation(for: .honest, number: 1) == 2)
    #expect(rotation.generation(for: .honest, number: 8) == 1)
    rotation.move(to: 9)
    #expect(rotation.current == 2)
    let millisecond: UInt64 = 1_000_000
    // Before anybody has seen generation 2, nothing proves that the set without 0 was fetched.
    rotation.answered(.removed, generation: 0, isAllowed: true, sentAt: 0, now: millisecond)
    rotation.answered(.honest, generation: 2, isAllowed: true, sentAt: 0, now: 10 * millisecond)
    rotation.answered(
      .removed, generation: 0, isAllowed: true, sentAt: 19 * millisecond, now: 21 * millisecond)
    rotation.answered(
      .removed, generation: 0, isAllowed: false, sentAt: 30 * millisecond, now: 31 * millisecond)
    #expect(rotation.lateAcceptances == 0)
    rotation.answered(
      .removed, generation: 0, isAllowed: true, sentAt: 21 * millisecond, now: 22 * millisecond)
    #expect(rotation.lateAcceptances == 1)
  }
}
