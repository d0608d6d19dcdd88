import JSON
import Load
import System

/// The report for people and for tools.
struct LoadOutput {
  private let report: LoadReport
  private let seconds: Double
  private let serverNanoseconds: UInt64?
  private let rotation: Rotation?

  init(_ report: LoadReport, seconds: Double, serverNanoseconds: UInt64?, _ rotation: Rotation?) {
    self.report = report
    self.seconds = seconds
    self.serverNanoseconds = serverNanoseconds
    self.rotation = rotation
  }

  private static let percentiles: [(String, Double)] = [
    ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9),
  ]

  func write(json: String?) throws {
    print("\(report.answered) checks in \(Self.decimal(seconds)) s, \(Self.decimal(rate)) a second")
    if let cpu = microsecondsEach { print("\(Self.decimal(cpu)) us of server CPU each") }
    for kind in LoadClass.allCases where report.report(kind).sent > 0 { print(line(kind)) }
    if let rotation {
      print(
        "generation \(rotation.current); \(rotation.lateAcceptances) checks with a removed key allowed after "
          + "its removal was fetched")
    }
    if let json { try Files.write(tree.text + "\n", to: json) }
  }

  private var rate: Double { seconds > 0 ? Double(report.answered) / seconds : 0 }

  private var microsecondsEach: Double? {
    guard let serverNanoseconds, report.answered > 0 else { return nil }
    return Double(serverNanoseconds) / 1_000 / Double(report.answered)
  }

  private func line(_ kind: LoadClass) -> String {
    let one = report.report(kind)
    var parts = ["\(kind.name): \(one.sent) sent, \(one.allowed) allowed"]
    for (status, count) in one.denied.sorted(by: { $0.key < $1.key }) {
      parts.append("\(count) denied \(status)")
    }
    for (status, count) in one.failed.sorted(by: { $0.key < $1.key }) {
      parts.append("\(count) failed (gRPC \(status))")
    }
    let times = Self.percentiles.map { "\($0.0) \(Self.decimal(Double(one.percentile($0.1)) / 1_000))" }
    return parts.joined(separator: ", ") + "; latency in us: " + times.joined(separator: ", ")
      + ", max \(Self.decimal(Double(one.longest) / 1_000))"
  }

  private var tree: JSONTree {
    var members: [(String, JSONTree)] = [
      ("seconds", .literal(Self.decimal(seconds))), ("checks", .number(Int(clamping: report.answered))),
      ("checksPerSecond", .literal(Self.decimal(rate))),
    ]
    if let cpu = microsecondsEach { members.append(("serverMicrosecondsEach", .literal(Self.decimal(cpu)))) }
    for kind in LoadClass.allCases where report.report(kind).sent > 0 {
      members.append((kind.name, Self.tree(report.report(kind))))
    }
    if let rotation {
      members.append(("generation", .number(rotation.current)))
      members.append(("lateAcceptances", .number(Int(clamping: rotation.lateAcceptances))))
    }
    return .object(members)
  }

  private static func tree(_ one: ClassReport) -> JSONTree {
    let times = percentiles.map { ($0.0, JSONTree.literal(decimal(Double(one.percentile($0.1)) / 1_000))) }
    return .object([
      ("sent", .number(Int(clamping: one.sent))), ("allowed", .number(Int(clamping: one.allowed))),
      (
        "denied", .object(one.denied.sorted { $0.key < $1.key }.map { ("\($0)", .number(Int(clamping: $1))) })
      ),
      (
        "failed", .object(one.failed.sorted { $0.key < $1.key }.map { ("\($0)", .number(Int(clamping: $1))) })
      ),
      ("microseconds", .object(times + [("max", .literal(decimal(Double(one.longest) / 1_000)))])),
    ])
  }

  /// One digit behind the point.
  private static func decimal(_ value: Double) -> String {
    let tenths = UInt64(max(0, (value * 10).rounded()))
    return "\(tenths / 10).\(tenths % 10)"
  }
}
