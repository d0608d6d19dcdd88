/// The last minute as a picture: allowed and denied checks per second. An SVG element that needs no script and no style
/// of its own (its colours are in the page's style, for both colour schemes), with a title and a description for those
/// who do not see it.
struct RateChart {
  private let history: RateHistory

  /// - Parameter history: of counters whose first one counts allowed checks, and whose others count denied ones.
  init(_ history: RateHistory) { self.history = history }

  // The picture in units of its own; the page scales it. The plot leaves room for labels on the left and below.
  private static let (width, height) = (640.0, 190.0)
  private static let (left, right, top, bottom) = (58.0, 628.0, 26.0, 158.0)

  /// One line of the chart.
  private struct Series {
    var name: String
    /// Per second, by interval.
    var rates: [Double]
  }

  var svg: String {
    let intervals = history.lastMinute
    let series = [
      Series(name: "allowed", rates: intervals.map { $0.rates.first ?? 0 }),
      Series(name: "denied", rates: intervals.map { $0.rates.dropFirst().reduce(0, +) }),
    ]
    let most = Self.ceiling(of: series.flatMap(\.rates).max() ?? 0)
    let lines = series.map { line($0, intervals, most) }.joined(separator: "\n")
    return """
      <svg class="chart" viewBox="0 0 \(Self.text(Self.width)) \(Self.text(Self.height))" role="img" \
      aria-labelledby="chart-title chart-description" xmlns="http://www.w3.org/2000/svg">
      <title id="chart-title">Checks per second in the last minute</title>
      <desc id="chart-description">\(OverviewPage.escaped(description(series)))</desc>
      \(axes(most))
      \(lines)
      \(legend)
      </svg>
      """
  }

  private func description(_ series: [Series]) -> String {
    if history.lastMinute.isEmpty { return "No samples yet." }
    return series.map { one in
      let (last, most) = (one.rates.last ?? 0, one.rates.max() ?? 0)
      return "\(one.name): now \(Self.rate(last)) per second, at most \(Self.rate(most))."
    }.joined(separator: " ")
  }

  /// The grid, its labels, and what is measured.
  private func axes(_ most: Double) -> String {
    var parts: [String] = []
    for step in 0...2 {
      let value = most * Double(step) / 2
      let y = Self.y(value, most)
      parts.append(
        "<line class=\"grid\" x1=\"\(Self.text(Self.left))\" y1=\"\(y)\" x2=\"\(Self.text(Self.right))\" y2=\"\(y)\"/>"
      )
      parts.append(
        Self.label(Self.rate(value), x: Self.left - 8, y: Self.y(value, most, below: 4), anchor: "end"))
    }
    for (seconds, anchor) in [
      (-60.0, "start"), (-45, "middle"), (-30, "middle"), (-15, "middle"), (0, "end"),
    ] {
      let text = seconds == 0 ? "now" : "\(Self.text(-seconds)) s ago"
      parts.append(Self.label(text, x: Self.x(seconds), y: Self.bottom + 20, anchor: anchor))
    }
    parts.append(Self.label("checks per second", x: 4, y: Self.top - 12, anchor: "start"))
    return parts.joined(separator: "\n")
  }

  /// The rates as steps: each holds for its interval.
  private func line(_ series: Series, _ intervals: [RateHistory.Interval], _ most: Double) -> String {
    if intervals.isEmpty { return "" }
    var points: [String] = []
    for (interval, rate) in zip(intervals, series.rates) {
      let y = Self.y(rate, most)
      points.append("\(Self.text(Self.x(interval.start))),\(y) \(Self.text(Self.x(interval.end))),\(y)")
    }
    return "<polyline class=\"\(series.name)\" points=\"\(points.joined(separator: " "))\"/>"
  }

  private var legend: String {
    var parts: [String] = []
    for (name, x) in [("allowed", 470.0), ("denied", 560.0)] {
      let y = Self.text(Self.top - 16)
      parts.append(
        "<line class=\"\(name)\" x1=\"\(Self.text(x))\" y1=\"\(y)\" x2=\"\(Self.text(x + 18))\" y2=\"\(y)\"/>"
      )
      parts.append(Self.label(name, x: x + 23, y: Self.top - 12, anchor: "start"))
    }
    return parts.joined(separator: "\n")
  }

  private static func label(_ text: String, x: Double, y: Double, anchor: String) -> String {
    "<text x=\"\(Self.text(x))\" y=\"\(Self.text(y))\" text-anchor=\"\(anchor)\">"
      + "\(OverviewPage.escaped(text))</text>"
  }

  private static func x(_ seconds: Double) -> Double {
    right + (right - left) * max(-60, min(0, seconds)) / 60
  }

  private static func y(_ rate: Double, _ most: Double) -> String { text(y(rate, most, below: 0)) }

  private static func y(_ rate: Double, _ most: Double, below: Double) -> Double {
    bottom - (bottom - top) * min(1, rate / most) + below
  }

  /// The smallest of 1, 2, 4, 5, 10, 20, … that is not below a rate: the scale's end, whose half is a short number too.
  static func ceiling(of rate: Double) -> Double {
    var power = 1.0
    while power < 1e15 {
      for factor in [1.0, 2, 4, 5] where rate <= factor * power { return factor * power }
      power *= 10
    }
    return power
  }

  /// A rate as people read it: one decimal below 100, none above, and never `0` for what is more than nothing.
  static func rate(_ value: Double) -> String {
    if value > 0, value < 0.05 { return "<0.1" }
    return value < 99.95 ? text(value) : "\(UInt64(min(value, 1e15).rounded()))"
  }

  /// One decimal, which is left out where it is 0.
  static func text(_ value: Double) -> String {
    let tenths = Int64((value * 10).rounded())
    let magnitude = tenths.magnitude
    let digits = magnitude % 10 == 0 ? "\(magnitude / 10)" : "\(magnitude / 10).\(magnitude % 10)"
    return tenths < 0 ? "-\(digits)" : digits
  }
}
