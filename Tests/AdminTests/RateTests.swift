import Foundation
import FoundationXML
import Synchronization
import TestSupport
import Testing

@testable import Admin
@testable import System

private let second: UInt64 = 1_000_000_000

/// Counters that a test moves.
private final class Counts: Sendable {
  private let values: Mutex<[UInt64]>
  init(_ values: [UInt64]) { self.values = Mutex(values) }
  func add(_ amounts: [UInt64]) {
    values.withLock { values in for index in values.indices { values[index] += amounts[index] } }
  }
  var all: [UInt64] { values.withLock { $0 } }
}

@Suite struct RateSamplerTests {
  private let clock = ManualClock(monotonicNanoseconds: 5 * second)
  private let counts = Counts([100, 7])

  private func sampler() -> RateSampler {
    let counts = counts
    return RateSampler(clock: .manual(clock)) { counts.all }
  }

  @Test func `one sample a second is taken, however often it is asked`() {
    let sampler = sampler()
    #expect(sampler.sampleIfDue() == 6 * second)
    for _ in 0..<4 {
      clock.advance(nanoseconds: second / 4 - 1)
      #expect(sampler.sampleIfDue() == 6 * second)
    }
    #expect(sampler.history.samples.count == 1)
    clock.advance(nanoseconds: 4)
    #expect(sampler.sampleIfDue() == 7 * second)
    #expect(sampler.history.samples.map(\.time) == [5 * second, 6 * second])
  }

  @Test func `a late call keeps the grid, and its rate is over the time that passed`() throws {
    let sampler = sampler()
    sampler.sampleIfDue()
    counts.add([35, 0])
    clock.advance(nanoseconds: 3 * second + second / 2)
    #expect(sampler.sampleIfDue() == 9 * second)
    #expect(sampler.history.samples.count == 2)
    #expect(sampler.history.rates(seconds: 10) == [10, 0])
    counts.add([0, 1])
    clock.advance(nanoseconds: second / 2)
    #expect(sampler.sampleIfDue() == 10 * second)
    #expect(sampler.history.lastMinute.map(\.rates) == [[10, 0], [0, 2]])
    #expect(sampler.history.lastMinute.map(\.start) == [-4, -0.5])
  }

  @Test func `rates are over the last seconds, and a minute is kept`() throws {
    let sampler = sampler()
    #expect(sampler.history.rates(seconds: 10) == nil && sampler.history.span(seconds: 10) == nil)
    sampler.sampleIfDue()
    #expect(sampler.history.rates(seconds: 10) == nil)
    // 200 seconds: 8 a second, and 20 a second in the last five of them.
    for number in 1...200 {
      counts.add([number > 195 ? 20 : 8, 1])
      clock.advance(seconds: 1)
      sampler.sampleIfDue()
    }
    let history = sampler.history
    #expect(history.samples.count == RateHistory.maximumSamples)
    #expect(history.rates(seconds: 5) == [20, 1] && history.rates(seconds: 10) == [14, 1])
    #expect(history.rates(seconds: 60) == [9, 1] && history.rates(seconds: 600) == [9, 1])
    #expect(history.span(seconds: 10) == 10 && history.span(seconds: 600) == 60)
    #expect(history.lastMinute.count == 60)
    #expect(history.lastMinute.first?.start == -60 && history.lastMinute.last?.end == 0)
  }

  @Test func `samples that are taken a little late still count as whole seconds`() {
    var history = RateHistory()
    for number in 0..<61 as Range<UInt64> {
      let delay = number == 50 ? 3_000_000 : 0 as UInt64
      history.add(.init(time: number * second + delay, counts: [number]))
    }
    #expect(abs((history.span(seconds: 10) ?? 0) - 10) < 0.01)
    #expect(history.lastMinute.count == 60)
    var slow = RateHistory()
    for number in 0..<61 as Range<UInt64> { slow.add(.init(time: number * 2 * second, counts: [number])) }
    #expect(slow.lastMinute.count == 30 && slow.lastMinute.first?.rates == [0.5])
  }

  @Test func `the server takes samples before it makes a page`() throws {
    let sampler = sampler()
    let server = try AdminServer(
      ListenAddress("127.0.0.1:0"), clock: .manual(clock), sampler: sampler
    ) { _ in AdminResponse(text: "\(sampler.history.samples.count)\n") }
    #expect(try ask(server.address, "/")?.body == "1\n")
    clock.advance(seconds: 1)
    #expect(try ask(server.address, "/")?.body == "2\n")
    #expect(try ask(server.address, "/")?.body == "2\n")
    server.stop()
  }
}

@Suite struct RateChartTests {
  private func history(_ counts: [[UInt64]]) -> RateHistory {
    var history = RateHistory()
    for (index, values) in counts.enumerated() {
      history.add(.init(time: UInt64(index) * second, counts: values))
    }
    return history
  }

  /// The elements of a chart, in the order in which they begin.
  private final class Picture: NSObject, XMLParserDelegate {
    private var found: [(name: String, attributes: [String: String], text: String)] = []
    /// Text belongs to the last element until that, or another one, ends.
    private var isOpen = false

    /// Throws if the text is not well-formed.
    init(_ svg: String) throws {
      super.init()
      let parser = XMLParser(data: Data(svg.utf8))
      parser.delegate = self
      try #require(parser.parse(), "\(String(describing: parser.parserError)) in \(svg)")
    }

    func texts(_ name: String) -> [String] { found.filter { $0.name == name }.map(\.text) }
    /// An attribute of each element of a name.
    func attributes(_ attribute: String, of name: String) -> [String?] {
      found.filter { $0.name == name }.map { $0.attributes[attribute] }
    }

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      found.append((name, attributes, ""))
      isOpen = true
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
      if isOpen { found[found.count - 1].text += text }
    }

    func parser(
      _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
      isOpen = false
    }
  }

  @Test func `it is well-formed, and holds a title, a description, axes and both lines`() throws {
    let picture = try Picture(RateChart(history([[0, 0, 0], [10, 1, 1], [30, 1, 1]])).svg)
    #expect(picture.attributes("role", of: "svg") == ["img"])
    #expect(picture.attributes("aria-labelledby", of: "svg") == ["chart-title chart-description"])
    #expect(picture.texts("title") == ["Checks per second in the last minute"])
    #expect(
      picture.texts("desc") == [
        "allowed: now 20 per second, at most 20. denied: now 0 per second, at most 2."
      ])
    #expect(
      picture.texts("text") == [
        "0", "10", "20", "60 s ago", "45 s ago", "30 s ago", "15 s ago", "now", "checks per second",
        "allowed",
        "denied",
      ])
    #expect(picture.attributes("class", of: "polyline") == ["allowed", "denied"])
    // 570 units are a minute, 132 are 20 checks per second; two steps of a second each.
    #expect(
      picture.attributes("points", of: "polyline") == [
        "609,92 618.5,92 618.5,26 628,26", "609,144.8 618.5,144.8 618.5,158 628,158",
      ])
  }

  @Test func `points never leave the plot, whatever was counted`() throws {
    var random = SeededGenerator(announcing: "points of the chart")
    for _ in 0..<50 {
      var (allowed, denied) = (UInt64(0), UInt64(0))
      let counts = (0..<Int.random(in: 0...100, using: &random)).map { _ -> [UInt64] in
        allowed += UInt64.random(in: 0...1 << UInt64.random(in: 0...40, using: &random), using: &random)
        denied += UInt64.random(in: 0...3, using: &random)
        return [allowed, denied]
      }
      let picture = try Picture(RateChart(history(counts)).svg)
      for points in picture.attributes("points", of: "polyline") {
        for point in try #require(points).split(separator: " ") {
          let pair = point.split(separator: ",").compactMap { Double($0) }
          #expect(
            pair.count == 2 && (58...628).contains(pair[0]) && (26...158).contains(pair[1]), "\(counts)")
        }
      }
    }
  }

  @Test func `an idle minute and no sample at all are pictures too`() throws {
    let idle = try Picture(RateChart(history([[5, 5], [5, 5]])).svg)
    #expect(idle.texts("polyline").count == 2)
    #expect(idle.texts("text").first == "0")
    let none = try Picture(RateChart(RateHistory()).svg)
    #expect(none.texts("polyline").isEmpty)
    #expect(none.texts("desc") == ["No samples yet."])
  }

  @Test(
    arguments: [
      (0, 1), (0.3, 1), (1, 1), (1.1, 2), (3, 4), (4.5, 5), (5.1, 10), (10, 10), (99, 100), (25_000, 40_000),
    ] as [(Double, Double)])
  func `the scale ends at a round number that is not below the rate`(rate: Double, end: Double) {
    #expect(RateChart.ceiling(of: rate) == end)
  }

  @Test func `rates are short`() {
    let shown = [0, 0.01, 0.05, 0.96, 9.94, 9.96, 99.94, 99.95, 12_345.6].map { RateChart.rate($0) }
    #expect(shown == ["0", "<0.1", "0.1", "1", "9.9", "10", "99.9", "100", "12346"])
    #expect(RateChart.text(-0.25) == "-0.3" && RateChart.text(-0.01) == "0")
  }
}
