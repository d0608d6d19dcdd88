import Foundation
import TestSupport
import Testing

/// What lies in deploy/ is true: it names metrics that exist, and its own tools find nothing wrong with it.
@Suite struct DeployTests {
  private static let folder = Vectors.packageFolder.appendingPathComponent("deploy")

  private func run(_ program: String, _ arguments: [String], in folder: URL) throws -> (Int32?, String) {
    let logs = try Folder()
    let quoted = ([program] + arguments).map { "'\($0)'" }.joined(separator: " ")
    let child = try Child(
      URL(fileURLWithPath: "/bin/sh"), ["-c", "cd '\(folder.path)' && exec \(quoted)"],
      log: logs.url.appendingPathComponent("log"))
    let code = child.exitCode(within: 60)
    return (code, child.output)
  }

  @Test(.enabled(if: OperatingTests.isThere(OperatingTests.promtool)))
  func `promtool accepts the scrape configuration and the alerts, and the alerts fire when they should`()
    throws
  {
    let folder = Self.folder.appendingPathComponent("prometheus")
    for arguments in [
      ["check", "config", "prometheus.yml"], ["check", "rules", "countersign-rules.yml"],
      ["test", "rules", "countersign-rules-test.yml"],
    ] {
      let (code, output) = try run(OperatingTests.promtool.path, arguments, in: folder)
      #expect(code == 0, "\(arguments): \(output)")
    }
  }

  /// The names of metrics in PromQL expressions.
  private func names(_ text: String) -> Set<String> {
    Set(text.matches(of: /\b(countersign|process|jemalloc)_[a-z_]+/).map { String($0.output.0) })
  }

  @Test func `every metric that alerts and the dashboard name exists`() throws {
    let server = try CountersignProcess(policies: try TestIssuer().requestAuthentication())
    let page = try HTTPClient.request(port: server.adminPort, "/metrics").body
    var known: Set<String> = []
    for line in page.split(separator: "\n") where line.hasPrefix("# TYPE ") {
      let parts = line.split(separator: " ")
      known.insert(String(parts[2]))
      if parts[3] == "histogram" {
        for suffix in ["_bucket", "_sum", "_count"] { known.insert(parts[2] + suffix) }
      }
    }
    let board = Self.folder.appendingPathComponent("grafana/countersign.json")
    let read = try JSONSerialization.jsonObject(with: Data(contentsOf: board)) as? [String: Any]
    let panels = try #require(read?["panels"] as? [[String: Any]])
    var asked: Set<String> = []
    for panel in panels {
      for target in try #require(panel["targets"] as? [[String: Any]]) {
        let found = names(try #require(target["expr"] as? String))
        #expect(!found.isEmpty, "\(target)")
        asked.formUnion(found)
      }
    }
    #expect(asked.count > 20)
    let alerts = try String(
      contentsOf: Self.folder.appendingPathComponent("prometheus/countersign-rules.yml"), encoding: .utf8)
    asked.formUnion(
      names(alerts.split(separator: "\n").filter { !$0.contains("description:") }.joined(separator: "\n")))
    #expect(asked.subtracting(known).isEmpty, "\(asked.subtracting(known).sorted())")
  }

  @Test func `the systemd unit is sound`() throws {
    let analyze = "/usr/bin/systemd-analyze"
    guard FileManager.default.isExecutableFile(atPath: analyze) else {
      print("skipped: no \(analyze)")
      return
    }
    // With the program where the unit looks for it.
    let staged = try Folder()
    let unit = try String(
      contentsOf: Self.folder.appendingPathComponent("systemd/countersign.service"), encoding: .utf8)
    let file = try staged.write(
      "countersign.service",
      unit.replacingOccurrences(of: "/usr/local/bin/countersign", with: Tools.countersign.path))
    let (code, output) = try run(analyze, ["verify", file], in: staged.url)
    #expect(code == 0 && !output.contains("countersign.service"), "\(output)")
  }

  @Test func `a service manager hears that it is ready, and that it stops`() throws {
    let folder = try Folder()
    let path = folder.url.appendingPathComponent("notify").path
    let listener = try DatagramListener(path)
    let policies = try folder.write("p.yaml", try TestIssuer().requestAuthentication())
    let child = try Child(
      Tools.countersign,
      [
        "serve", "--policies", policies, "--workload", "istio-system/app=istio-ingressgateway", "--grpc",
        "127.0.0.1:0", "--admin", "off",
      ], log: folder.url.appendingPathComponent("log"), environment: ["NOTIFY_SOCKET": path])
    var heard: [String] = []
    try child.wait("it is ready") {
      heard += listener.take()
      return heard.contains { $0.hasPrefix("READY=1\nSTATUS=1 RequestAuthentication") }
    }
    child.send(SIGTERM)
    #expect(child.exitCode(within: 10) == 0)
    heard += listener.take()
    #expect(heard.last == "STOPPING=1", "\(heard)")
  }
}

/// A Unix datagram socket that keeps what it hears.
private final class DatagramListener {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = unsafe withUnsafePointer(to: &address) { start in
      unsafe start.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(descriptor, $0, length) }
    }
    if result != 0 { throw Failure("no socket at \(path)") }
  }

  deinit { close(descriptor) }

  func take() -> [String] {
    var all: [String] = []
    var buffer = [UInt8](repeating: 0, count: 1_024)
    while true {
      let count = unsafe recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      if count <= 0 { return all }
      all.append(String(decoding: buffer.prefix(count), as: UTF8.self))
    }
  }
}
