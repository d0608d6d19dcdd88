import Foundation
import TestSupport
import Testing

/// What an operator sees of a running service, with the tools that operators have.
@Suite struct OperatingTests {
  private static let prometheus = tool("prometheus")
  static let promtool = tool("promtool")
  private static let chromium = URL(fileURLWithPath: "/usr/bin/chromium")

  /// What deploy/install-prometheus has put beside Envoy.
  private static func tool(_ name: String) -> URL {
    Vectors.packageFolder.appendingPathComponent(".venv/prometheus/usr/bin/\(name)")
  }

  /// In CI always, so that a missing one fails there.
  static func isThere(_ tool: URL) -> Bool {
    if FileManager.default.isExecutableFile(atPath: tool.path) || Vectors.isCI { return true }
    print("skipped: no \(tool.path) (make test installs it)")
    return false
  }

  /// A server that has answered some checks of every kind.
  private func busy(_ folder: Folder, _ more: String = "") throws -> (CountersignProcess, EnvoyProcess) {
    let issuer = try TestIssuer()
    let policies = try folder.write(
      "policies/p.yaml", issuer.requestAuthentication() + TestIssuer.denyWithoutToken)
    let file = try folder.write("countersign.yaml", "policies: [\(policies)]\n" + more)
    let server = try CountersignProcess(folder: folder, arguments: ["--config", file])
    let envoy = try EnvoyProcess(asking: server)
    let before = try server.metric("countersign_checks_total")
    let token = try issuer.token()
    for _ in 0..<3 { #expect(try envoy.get("/", token: token).status == 200) }
    #expect(try envoy.get("/secret<b>?token=abc").status == 403)
    #expect(try envoy.get("/productpage", token: "no.token.x").status == 401)
    #expect(try server.metric("countersign_checks_total") == before + 5)
    return (server, envoy)
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `metrics move when they should`() throws {
    let folder = try Folder()
    let (server, envoy) = try busy(folder, "metrics: {ruleHits: true}\n")
    func value(_ name: String, _ labels: String...) throws -> Double {
      let text = try HTTPClient.request(port: server.adminPort, "/metrics").body
      return text.split(separator: "\n").filter { line in
        (line.hasPrefix(name + "{") || line.hasPrefix(name + " ")) && labels.allSatisfy { line.contains($0) }
      }.reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
    }
    let checks = try value("countersign_checks_total")
    #expect(try value("countersign_check_duration_seconds_count", "listener=\"grpc\"") == checks)
    #expect(try value("countersign_check_duration_seconds_sum") > 0)
    let denied = try value(
      "countersign_policy_decisions_total", "policy=\"require-token\"", "action=\"DENY\"")
    #expect(denied >= 1)
    #expect(
      try value("countersign_rule_hits_total", "rule=\"0\"", "workload=\"default\"") == denied)
    #expect(try value("countersign_connections", "listener=\"grpc\"") >= 1)
    #expect(try value("countersign_streams") == 0 && value("countersign_checks_in_flight") == 0)
    #expect(try value("countersign_token_cache_hits_total") == 2)
    // The three uses of one token are one signature; the broken one has none.
    #expect(try value("countersign_token_verification_seconds_count", "algorithm=\"ES256\"") == 1)
    #expect(try value("countersign_token_verification_seconds_sum", "algorithm=\"ES256\"") > 0)
    #expect(try value("countersign_jwks_keys", "provider=\"istio-system/test[0]\"") == 1)
    // What a policy has counted goes on over a reload.
    try folder.write(
      "policies/p.yaml",
      try String(contentsOf: folder.url.appendingPathComponent("policies/p.yaml"), encoding: .utf8) + "\n")
    try server.child.wait("it has loaded") {
      ((try? value("countersign_policy_generation")) ?? 0) == 2
    }
    #expect(try envoy.get("/again").status == 403)
    #expect(
      try value("countersign_policy_decisions_total", "policy=\"require-token\"") == denied + 1)
  }

  @Test(.enabled(if: Tools.hasEnvoy && isThere(promtool)))
  func `promtool finds nothing wrong with the metrics`() throws {
    let folder = try Folder()
    let (server, _) = try busy(folder)
    let text = try HTTPClient.request(port: server.adminPort, "/metrics").body
    let page = try folder.write("metrics.txt", text)
    let child = try Child(
      URL(fileURLWithPath: "/bin/sh"), ["-c", "'\(Self.promtool.path)' check metrics <'\(page)'"],
      log: folder.url.appendingPathComponent("promtool.log"))
    #expect(child.exitCode(within: 20) == 0, "\(child.output)")
    #expect(child.output.isEmpty, "\(child.output)")
  }

  @Test(.enabled(if: Tools.hasEnvoy && isThere(prometheus)))
  func `Prometheus scrapes it, in OpenMetrics, and knows what was counted`() throws {
    let folder = try Folder()
    let (server, _) = try busy(folder)
    let port = try Tools.freePort()
    let file = try folder.write(
      "prometheus.yml",
      """
      global: {scrape_interval: 1s, scrape_timeout: 1s}
      scrape_configs:
        - job_name: countersign
          static_configs: [{targets: ["127.0.0.1:\(server.adminPort)"]}]
      """)
    let prometheus = try Child(
      Self.prometheus,
      [
        "--config.file=\(file)", "--storage.tsdb.path=\(folder.url.path)/data",
        "--web.listen-address=127.0.0.1:\(port)",
      ], log: folder.url.appendingPathComponent("prometheus.log"))
    func ask(_ query: String) -> String {
      (try? HTTPClient.request(port: port, "/api/v1/query?query=" + query).body) ?? ""
    }
    try prometheus.wait("the target is up") {
      ask("up").contains("\"job\":\"countersign\"},\"value\":[") && ask("up").contains(",\"1\"]")
    }
    try prometheus.wait("denials are known") {
      ask("countersign_checks_total%7Breason%3D%22denied_by_rule%22%7D").contains("\"result\":\"deny\"")
    }
    let targets = try HTTPClient.request(port: port, "/api/v1/targets").body
    #expect(targets.contains("\"lastError\":\"\"") && targets.contains("\"health\":\"up\""), "\(targets)")
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `config and keys tell what is loaded, with hits`() throws {
    let folder = try Folder()
    let (server, _) = try busy(folder)
    let config =
      try JSONSerialization.jsonObject(
        with: Data(try HTTPClient.request(port: server.adminPort, "/config").body.utf8)) as? [String: Any]
    let workload = try #require((config?["workloads"] as? [[String: Any]])?.first)
    #expect(workload["name"] as? String == "default" && workload["issuers"] as? [String] == [TestIssuer.name])
    let policy = try #require((workload["policies"] as? [[String: Any]])?.first)
    #expect(policy["name"] as? String == "require-token" && policy["action"] as? String == "DENY")
    #expect((policy["hits"] as? Int ?? 0) >= 1)
    let rule = try #require((policy["rules"] as? [[String: Any]])?.first)
    #expect((rule["position"] as? String)?.hasPrefix(folder.url.path + "/policies/p.yaml:") == true)
    let keys = try HTTPClient.request(port: server.adminPort, "/keys").body
    #expect(keys.contains("\"name\": \"istio-system/test[0]\"") && keys.contains("\"ES256\""), "\(keys)")
  }

  @Test(.enabled(if: Tools.hasEnvoy && isThere(chromium)))
  func `a browser shows the page, which is whole without its script and renews itself with it`() throws {
    let folder = try Folder()
    let (server, _) = try busy(folder)
    let sent = try HTTPClient.request(port: server.adminPort, "/").body
    let browser = try Child(
      Self.chromium,
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--user-data-dir=\(folder.url.path)/profile", "--virtual-time-budget=12000", "--dump-dom",
        "http://127.0.0.1:\(server.adminPort)/",
      ], log: folder.url.appendingPathComponent("chromium.log"))
    #expect(browser.exitCode(within: 60) == 0, "\(browser.output)")
    for page in [sent, browser.output] {
      for text in [
        "<h1>Countersign", "denied_by_rule", "istio-system/require-token", "istio-system/test[0]",
        "Jwt header", "/secret%3Cb%3E", "all of these held: notRequestPrincipals: none of [",
        "\(folder.url.path)/policies/p.yaml:", "<svg class=\"chart\"", "per second, last 10 s",
      ] {
        #expect(page.contains(text), "\(text) in \(page)")
      }
      #expect(!page.contains("token=abc") && !page.contains("no.token.x"))
    }
    #expect(!sent.contains("data-renewed") && browser.output.contains("data-renewed=\"yes\""))
    try server.child.wait("the chart has lines") {
      (try? HTTPClient.request(port: server.adminPort, "/").body.contains("<polyline class=\"allowed\""))
        == true
    }
    #expect(
      !browser.output.contains("Content Security Policy") && !browser.output.contains("does not answer"))
  }

  @Test func `the log is text where it is asked for, and JSON lines elsewhere`() throws {
    let folder = try Folder()
    let policies = try folder.write("p.yaml", try TestIssuer().requestAuthentication())
    let child = try Child(
      Tools.countersign,
      [
        "serve", "--policies", policies, "--workload", "istio-system/app=istio-ingressgateway", "--grpc",
        "127.0.0.1:0", "--admin", "off",
      ], log: folder.url.appendingPathComponent("log"))
    try child.wait("it listens") { child.output.contains("listening") }
    child.send(SIGTERM)
    #expect(child.exitCode(within: 10) == 0)
    var messages: [String] = []
    for line in child.output.split(separator: "\n") {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
      let read = try #require(object, "\(line)")
      #expect(read["level"] == "info" && read["time"]?.hasSuffix("Z") == true)
      messages.append(read["message"] ?? "")
      if read["message"] == "listening" {
        #expect(read["listener"] == "grpc" && read["address"]?.hasPrefix("127.0.0.1:") == true)
      }
    }
    #expect(messages == ["serving", "listening", "shutting down", "stopped"])
  }

  // MARK: The decision log

  private func lines(_ file: String) -> [[String: Any]] {
    ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `decisions are written with their reasons, and never a token`() throws {
    let folder = try Folder()
    let file = folder.url.appendingPathComponent("decisions.log").path
    let (server, envoy) = try busy(folder, "decisionLog: {sink: decisions.log, allowedOneIn: 1}\n")
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    #expect(try envoy.get("/traced?q=1", headers: [("traceparent", trace)]).status == 403)
    try server.child.wait("all is written") { lines(file).contains { $0["path"] as? String == "/traced" } }
    let all = lines(file)
    let good = try #require(all.first { $0["verdict"] as? String == "allow" && $0["issuer"] != nil })
    #expect(good["issuer"] as? String == TestIssuer.name && good["algorithm"] as? String == "ES256")
    // SHA-256 of `alice`.
    #expect(good["subject_hash"] as? String == "2bd806c97f0e00af1a1fc3328fa763a9")
    #expect(good["workload"] as? String == "default" && good["method"] as? String == "GET")
    #expect((good["kid"] as? String)?.isEmpty == false && good["microseconds"] is Int)
    let parts = ["queued_us", "keys_us", "judged_us"].compactMap { good[$0] as? Int }
    let whole = try #require(good["microseconds"] as? Int)
    #expect(parts.count == 3 && parts.reduce(0, +) <= whole && whole <= parts.reduce(0, +) + 3, "\(good)")
    let signature = try #require(good["signature_us"] as? Int)
    #expect(signature > 0 && signature <= parts[2])
    let traced = try #require(all.first { $0["path"] as? String == "/traced" })
    #expect(traced["trace_id"] as? String == "0af7651916cd43dd8448eb211c80319c")
    #expect(traced["rule"] as? String == "ns[istio-system]-policy[require-token]-rule[0]")
    #expect(traced["status"] as? Int == 403 && traced["reason"] as? String == "denied_by_rule")
    #expect((traced["request_id"] as? String)?.isEmpty == false)
    let bad = try #require(all.first { $0["reason"] as? String == "token" })
    #expect(
      (bad["token"] as? String)?.hasPrefix("Jwt header") == true && bad["status"] as? Int == 401)
    #expect(all.contains { $0["cached"] as? Bool == true } && all.contains { $0["cached"] as? Bool == false })
    let text = try String(contentsOfFile: file, encoding: .utf8)
    #expect(
      !text.contains("eyJ") && !text.contains("token=abc") && !text.contains("no.token.x")
        && !text.contains("?"))
    // Rotation.
    try FileManager.default.moveItem(atPath: file, toPath: file + ".1")
    server.child.send(SIGUSR1)
    try server.child.wait("it is opened anew") { FileManager.default.fileExists(atPath: file) }
    #expect(try envoy.get("/rotated").status == 403)
    server.child.send(SIGTERM)
    #expect(server.child.exitCode(within: 10) == 0)
    #expect(lines(file).contains { $0["path"] as? String == "/rotated" })
    #expect(!lines(file + ".1").contains { $0["path"] as? String == "/rotated" })
  }

  @Test(.enabled(if: Tools.hasEnvoy))
  func `a full disk under the decision log costs lines and no check`() throws {
    let folder = try Folder()
    let (server, envoy) = try busy(folder, "decisionLog: {sink: /dev/full}\n")
    for _ in 0..<20 { #expect(try envoy.get("/secret").status == 403) }
    try server.child.wait("losses are counted") {
      ((try? server.metric("countersign_decision_log_dropped_total")) ?? 0) >= 20
    }
    #expect(server.child.output.contains("No space left on device"))
  }
}
