import Bytes
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Metrics

private func text(_ registry: MetricsRegistry, and samples: [MetricSample] = []) -> String {
  var buffer = ByteBuffer()
  registry.render(into: &buffer, and: samples)
  return String(decoding: buffer.copy(), as: UTF8.self)
}

@Suite struct `Metrics` {
  @Test func `in OpenMetrics name a counter's family without its suffix, and mark the end`() {
    var layout = MetricsLayout()
    let checks = layout.counter("checks_total", help: "Checks.", labels: [("a", "b")])
    let open = layout.gauge("connections", help: "Open.")
    let registry = MetricsRegistry(layout)
    let cells = registry.makeCells()
    cells.add(checks, 2)
    cells.set(open, 1)
    var buffer = ByteBuffer()
    let sample = MetricSample("reads_total", help: "Reads.", kind: .counter, value: 3)
    registry.render(into: &buffer, and: [sample], format: .openMetrics)
    #expect(
      String(decoding: buffer.copy(), as: UTF8.self) == """
        # HELP checks Checks.
        # TYPE checks counter
        checks_total{a="b"} 2
        # HELP connections Open.
        # TYPE connections gauge
        connections 1
        # HELP reads Reads.
        # TYPE reads counter
        reads_total 3
        # EOF

        """)
  }

  @Test(arguments: [
    ("", ExpositionFormat.text), ("*/*", .text), ("text/plain", .text),
    ("application/openmetrics-text", .openMetrics),
    ("application/openmetrics-text; version=1.0.0; charset=utf-8,text/plain;q=0.5", .openMetrics),
    ("application/openmetrics-text;q=0.5, text/plain;q=0.9", .text),
    (
      "Application/OpenMetrics-Text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      .openMetrics
    ),
    ("application/openmetrics-text;q=0", .text), ("application/openmetrics-textual", .text),
  ])
  func `come in the format that a client prefers`(_ accept: String, _ format: ExpositionFormat) {
    #expect(ExpositionFormat(accept: accept) == format)
  }

  @Test func `of a table are the sums of its rows, those of threads that have gone too`() {
    let table = HitTable(count: 3)
    #expect(table.totals == [0, 0, 0])
    do {
      let row = table.makeRow()
      row.add(0)
      row.add(2)
    }
    let other = table.makeRow()
    for _ in 0..<5 { other.add(2) }
    #expect(table.totals == [1, 0, 6])
    #expect(HitTable(count: 0).totals == [])
  }

  @Test func `take many observations of one value at once`() {
    var layout = MetricsLayout()
    let time = layout.histogram("t", help: "T.", bounds: [10, 20])
    let registry = MetricsRegistry(layout)
    let cells = registry.makeCells()
    cells.observe(time, 15, times: 4)
    cells.observe(time, 30)
    let page = text(registry)
    #expect(
      page.contains(
        "t_bucket{le=\"10\"} 0\nt_bucket{le=\"20\"} 4\nt_bucket{le=\"+Inf\"} 5\nt_sum 90\nt_count 5\n"))
  }

  @Test func `are written as the exposition format says`() throws {
    var layout = MetricsLayout()
    let allowed = layout.counter("checks_total", help: "Checks by result.", labels: [("result", "allow")])
    let denied = layout.counter("checks_total", help: "Checks by result.", labels: [("result", "deny")])
    let open = layout.gauge("connections", help: "Open connections.")
    let seconds = layout.counter("busy_seconds_total", help: "Busy.", scale: .nanosecondsAsSeconds)
    let registry = MetricsRegistry(layout)
    let cells = registry.makeCells()
    cells.add(allowed)
    cells.add(allowed, 41)
    cells.add(denied, .max)
    cells.add(open, -3)
    cells.add(seconds, 1_500_000_000)
    #expect(
      text(registry) == """
        # HELP checks_total Checks by result.
        # TYPE checks_total counter
        checks_total{result="allow"} 42
        checks_total{result="deny"} 18446744073709551615
        # HELP connections Open connections.
        # TYPE connections gauge
        connections -3
        # HELP busy_seconds_total Busy.
        # TYPE busy_seconds_total counter
        busy_seconds_total 1.5

        """)
  }

  @Test func `of several threads are summed, also of threads that have gone`() throws {
    var layout = MetricsLayout()
    let count = layout.counter("c_total", help: "c")
    let level = layout.gauge("g", help: "g")
    let registry = MetricsRegistry(layout)
    let one = registry.makeCells()
    do {
      let two = registry.makeCells()
      two.add(count, 5)
      two.set(level, -2)
      #expect(two.value(count) == 5)
      #expect(two.value(level) == -2)
    }
    one.add(count, 2)
    one.add(level, 10)
    one.add(level, -1)
    #expect(registry.value(count) == 7)
    #expect(registry.value(level) == 7)
    #expect(one.value(count) == 2)
  }

  @Test func `start at zero, and without cells too`() throws {
    var layout = MetricsLayout()
    _ = layout.counter("c_total", help: "c", labels: [("a", "b")])
    _ = layout.histogram("h", help: "h", bounds: [1])
    #expect(try ExpositionReader(text(MetricsRegistry(layout))).value("h_count") == 0)
    let registry = MetricsRegistry(layout)
    _ = registry.makeCells()
    #expect(try ExpositionReader(text(registry)).value("c_total", ["a": "b"]) == 0)
    #expect(text(MetricsRegistry(MetricsLayout())) == "")
  }

  @Test func `asked for again are the same series`() {
    var layout = MetricsLayout()
    let first = layout.counter("c_total", help: "c", labels: [("a", "1")])
    #expect(layout.counter("c_total", help: "c", labels: [("a", "1")]) == first)
    #expect(layout.counter("c_total", help: "c", labels: [("a", "2")]) != first)
  }

  @Test func `keep each thread's cells on lines of its own`() throws {
    var layout = MetricsLayout()
    _ = layout.counter("c_total", help: "c")
    for _ in 0..<20 {
      let block = CellBlock(layout)
      #expect(unsafe UInt(bitPattern: block.base) % 128 == 0)
    }
  }
}

@Suite struct `A histogram` {
  @Test func `cumulates its buckets with inclusive bounds`() throws {
    var layout = MetricsLayout()
    let bounds: [UInt64] = [1_000, 10_000, 2_500_000_000]
    let latency = layout.histogram(
      "latency_seconds", help: "l", labels: [("path", "check")], scale: .nanosecondsAsSeconds, bounds: bounds)
    let registry = MetricsRegistry(layout)
    let cells = registry.makeCells()
    for value: UInt64 in [0, 1_000, 1_001, 10_000, 10_001, 2_500_000_001] { cells.observe(latency, value) }
    let read = try ExpositionReader(text(registry))
    #expect(read.value("latency_seconds_bucket", ["path": "check", "le": "0.000001"]) == 2)
    #expect(read.value("latency_seconds_bucket", ["path": "check", "le": "0.00001"]) == 4)
    #expect(read.value("latency_seconds_bucket", ["path": "check", "le": "2.5"]) == 5)
    #expect(read.value("latency_seconds_bucket", ["path": "check", "le": "+Inf"]) == 6)
    #expect(read.value("latency_seconds_count", ["path": "check"]) == 6)
    #expect(read.value("latency_seconds_sum", ["path": "check"]) == 2.500022003)
    #expect(registry.count(latency) == 6)
  }

  @Test func `of several series and families keeps them apart`() throws {
    var layout = MetricsLayout()
    let first = layout.histogram("a", help: "a", labels: [("k", "1")], bounds: [10, 20])
    let second = layout.histogram("a", help: "a", labels: [("k", "2")], bounds: [10, 20])
    let other = layout.histogram("b", help: "b", bounds: [1])
    let last = layout.counter("last_total", help: "l")
    let registry = MetricsRegistry(layout)
    let cells = registry.makeCells()
    cells.observe(first, 5)
    cells.observe(second, 15)
    cells.observe(second, 25)
    cells.observe(other, 1)
    let read = try ExpositionReader(text(registry))
    #expect(read.value("a_bucket", ["k": "1", "le": "10"]) == 1)
    #expect(read.value("a_bucket", ["k": "2", "le": "10"]) == 0)
    #expect(read.value("a_bucket", ["k": "2", "le": "20"]) == 1)
    #expect(read.value("a_sum", ["k": "2"]) == 40)
    #expect(read.value("b_bucket", ["le": "1"]) == 1)
    #expect(registry.value(last) == 0)
  }

  @Test func `with bounds that do not rise, none, or a label le is refused`() async {
    await #expect(processExitsWith: .failure) {
      var layout = MetricsLayout()
      _ = layout.histogram("h", help: "h", bounds: [1, 1])
    }
    await #expect(processExitsWith: .failure) {
      var layout = MetricsLayout()
      _ = layout.histogram("h", help: "h", bounds: [])
    }
    await #expect(processExitsWith: .failure) {
      var layout = MetricsLayout()
      _ = layout.histogram("h", help: "h", labels: [("le", "1")], bounds: [1])
    }
  }
}

@Suite struct `A metric's name` {
  @Test(arguments: ["a", "_", ":x", "a9:_", "countersign_checks_total"])
  func `of letters, digits, underscores and colons is good`(_ name: String) { #expect(isMetricName(name)) }

  @Test(arguments: ["", "9a", "a-b", "a b", "ä", "a.b", "a{", "a\n"])
  func `of anything else is not`(_ name: String) { #expect(!isMetricName(name)) }

  @Test func `is stricter for labels`() {
    #expect(isLabelName("result"))
    #expect(!isLabelName("a:b"))
    #expect(!isLabelName("__name__"))
  }

  @Test func `cannot be two families`() async {
    await #expect(processExitsWith: .failure) {
      var layout = MetricsLayout()
      _ = layout.counter("c", help: "one")
      _ = layout.gauge("c", help: "one")
    }
    await #expect(processExitsWith: .failure) {
      var layout = MetricsLayout()
      _ = layout.counter("c", help: "one", labels: [("a", "1"), ("a", "2")])
    }
  }

  @Test func `of another layout reaches no foreign memory`() async {
    await #expect(processExitsWith: .failure) {
      var large = MetricsLayout()
      for index in 0..<100 { _ = large.counter("c\(index)", help: "c") }
      let last = large.counter("last", help: "l")
      MetricsRegistry(MetricsLayout()).makeCells().add(last)
    }
  }
}

@Suite struct `Text of the exposition` {
  @Test func `escapes label values and help`() throws {
    let nasty = "a\\b\"c\nd\r\ne\\n{},= ü 🙂"
    var layout = MetricsLayout()
    let counter = layout.counter("c_total", help: "a\\b\"c\nd\r\n", labels: [("k", nasty), ("l", "")])
    let registry = MetricsRegistry(layout)
    registry.makeCells().add(counter, 3)
    let read = try ExpositionReader(text(registry))
    #expect(read.value("c_total", ["k": nasty, "l": ""]) == 3)
    #expect(read.helps["c_total"] == "a\\b\"c\nd\r\n")
  }

  @Test func `reads back any label value`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    print("seed \(seed)")
    var random = SeededGenerator(seed: seed)
    let alphabet = Array("\\\"\n\r\t {},=#abcnü🙂\u{0}\u{2028}")
    for _ in 0..<2_000 {
      let count = Int.random(in: 0...12, using: &random)
      let value = String((0..<count).map { _ in alphabet.randomElement(using: &random)! })
      let measured = MetricSample("m", help: value, labels: [("k", value)], value: 1)
      let read = try ExpositionReader(text(MetricsRegistry(MetricsLayout()), and: [measured]))
      #expect(read.value("m", ["k": value]) == 1)
      #expect(read.helps["m"] == value)
    }
  }

  @Test(arguments: [
    (UInt64(0), "0"), (1, "0.000000001"), (999_999_999, "0.999999999"), (1_000_000_000, "1"),
    (1_020_000_000, "1.02"), (.max, "18446744073.709551615"),
  ])
  func `writes nanoseconds as exact seconds`(_ value: UInt64, _ expected: String) {
    #expect(decimalText(value, .nanosecondsAsSeconds) == expected)
  }

  @Test func `writes floating point so that it reads back`() {
    #expect(decimalText(Double.nan) == "NaN")
    #expect(decimalText(Double.infinity) == "+Inf")
    #expect(decimalText(-Double.infinity) == "-Inf")
    #expect(decimalText(1_700_000_000.0) == "1700000000")
    for value in [0.1, -2.5, 1e300, Double.leastNonzeroMagnitude, 9_007_199_254_740_992, -0.0] {
      #expect(Double(decimalText(value)) == value)
    }
  }

  @Test func `puts samples of one name under one head`() throws {
    let list = [
      MetricSample("m", help: "h", labels: [("a", "1")], value: 1),
      MetricSample("m", help: "h", labels: [("a", "2")], value: 0.5),
      MetricSample("n_total", help: "h", kind: .counter, value: 2),
    ]
    let read = try ExpositionReader(text(MetricsRegistry(MetricsLayout()), and: list))
    #expect(read.value("m", ["a": "2"]) == 0.5)
    #expect(read.types == ["m": "gauge", "n_total": "counter"])
  }

  @Test func `has the process metrics of every client library, without those unknown`() throws {
    let all = MetricSample.process(
      cpuSeconds: 1.25, residentBytes: 1 << 20, virtualBytes: 1 << 30, startTimeSeconds: 1_700_000_000.5,
      openDescriptors: 7, maximumDescriptors: 1_024)
    let read = try ExpositionReader(text(MetricsRegistry(MetricsLayout()), and: all))
    #expect(read.value("process_cpu_seconds_total") == 1.25)
    #expect(read.types["process_cpu_seconds_total"] == "counter")
    #expect(read.value("process_resident_memory_bytes") == 1_048_576)
    #expect(read.value("process_virtual_memory_bytes") == 1_073_741_824)
    #expect(read.value("process_start_time_seconds") == 1_700_000_000.5)
    #expect(read.value("process_open_fds") == 7)
    #expect(read.value("process_max_fds") == 1_024)
    let none = MetricSample.process(
      cpuSeconds: nil, residentBytes: nil, virtualBytes: nil, startTimeSeconds: nil, openDescriptors: nil,
      maximumDescriptors: nil)
    #expect(none.isEmpty)
  }
}

@Suite struct `Cells` {
  final class Progress: Sendable {
    let running = Atomic<Int>(0)
  }

  @Test func `written by threads lose nothing, and readers see numbers that only grow`() throws {
    var layout = MetricsLayout()
    let count = layout.counter("c_total", help: "c")
    let histogram = layout.histogram("h", help: "h", bounds: [10, 100, 1_000])
    let registry = MetricsRegistry(layout)
    let rounds: UInt64 = 200_000
    let progress = Progress()
    progress.running.store(2, ordering: .releasing)
    let threads = (0..<2).map { _ in
      Foundation.Thread {
        let cells = registry.makeCells()
        for index in 0..<rounds {
          cells.add(count)
          cells.observe(histogram, index % 2_000)
        }
        progress.running.subtract(1, ordering: .acquiringAndReleasing)
      }
    }
    for thread in threads { thread.start() }
    var last = 0.0
    while progress.running.load(ordering: .acquiring) > 0 {
      let read = try ExpositionReader(text(registry))
      let now = read.value("c_total") ?? -1
      #expect(now >= last)
      last = now
      let buckets = ["10", "100", "1000", "+Inf"].compactMap { read.value("h_bucket", ["le": $0]) }
      #expect(buckets.count == 4 && buckets == buckets.sorted())
      #expect(read.value("h_count") == buckets.last)
    }
    #expect(registry.value(count) == 2 * rounds)
    #expect(registry.count(histogram) == 2 * rounds)
    #expect(
      try ExpositionReader(text(registry)).value("h_sum") == Double(2 * rounds / 2_000 * (1_999 * 1_000)))
  }

  @Test func `are written without allocating, and what allocates is seen`() throws {
    var layout = MetricsLayout()
    let count = layout.counter("c_total", help: "c")
    let level = layout.gauge("g", help: "g")
    let histogram = layout.histogram("h", help: "h", bounds: [10, 100, 1_000])
    let cells = MetricsRegistry(layout).makeCells()
    let metered = ThreadAllocationMeter()
    #expect((metered == nil) == false)
    guard let meter = metered else { return }
    let before = meter.allocatedBytes
    var index: UInt64 = 0
    while index < 10_000 {
      cells.add(count)
      cells.add(level, 1)
      cells.observe(histogram, index)
      index += 1
    }
    let between = meter.allocatedBytes
    #expect(between == before)
    var seen: [[UInt8]] = []
    for _ in 0..<10 { seen.append([UInt8](repeating: 1, count: 1_000)) }
    #expect(meter.allocatedBytes >= between + 10_000)
    #expect(seen.count == 10)
  }

  @Test func `live in memory that jemalloc accounts for`() throws {
    let before = try #require(AllocatorStatistics.now())
    let held = [UInt8](repeating: 1, count: 64 << 20)
    let after = try #require(AllocatorStatistics.now())
    #expect(after.allocatedBytes >= before.allocatedBytes + (32 << 20))
    #expect(after.residentBytes >= after.activeBytes && after.activeBytes >= after.allocatedBytes)
    #expect(held.last == 1)
    let read = try ExpositionReader(
      text(MetricsRegistry(MetricsLayout()), and: MetricSample.allocator(after)))
    #expect(read.value("jemalloc_allocated_bytes") == Double(after.allocatedBytes))
    #expect(read.samples.count == 6)
  }
}
