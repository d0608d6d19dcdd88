import Authorizer
import Bytes
import Fetch
import JWT
import KeySets
import Foundation
import HTTP
import Istio
import Policy
import Server
import System
import TLS
import TestSupport
import Testing

@testable import Configuration

struct ConfigurationFileTests {
  private static let example =
    (try? String(
      contentsOf: Vectors.packageFolder.appendingPathComponent("deploy/countersign.yaml"), encoding: .utf8))
    ?? ""

  @Test func `a workload that is chosen by the client's Host is warned about`() throws {
    let read = try configuration(
      "workloads:\n- {name: a, namespace: b, hosts: ['*.x']}\n- {name: c, namespace: d}\n")
    #expect(
      read.warnings.map { "\($0.position) \($0.severity) \($0.code)" } == [
        "c.yaml:2:27 warning workload-by-host"
      ])
    #expect(read.warnings.first?.message.contains("`context_extensions`") == true)
    #expect(try configuration("workloads: [{name: a, namespace: b, hosts: []}]").warnings.isEmpty)
    #expect(try configuration("workloads: [{name: a, namespace: b}]").warnings.isEmpty)
  }

  @Test func `an empty file is the defaults`() throws {
    for text in ["", "# nothing\n", "null\n", "{}\n"] {
      let read = try configuration(text)
      #expect("\(read)" == "\(ServiceConfiguration())")
    }
  }

  @Test func `the example shows every key there is, and no other`() {
    // Keys of workloads are not settings; those shown inside comments are examples.
    var shown: Set<String> = []
    var section = ""
    for line in Self.example.split(separator: "\n") where !line.hasPrefix("#") {
      // A key without a default is shown in a comment.
      if ["jwks", "listeners", "tls"].contains(section),
        let match = line.firstMatch(of: /^  # ([a-z][A-Za-z]+): (\S+|\[.*\])(  # restart)?$/)
      {
        shown.insert("\(section).\(match.1)")
      }
      guard let match = line.firstMatch(of: /^( {0,2})([A-Za-z]+):(.*)$/) else { continue }
      let name = String(match.2)
      if match.1.isEmpty {
        section = match.3.isEmpty ? name : ""
        shown.insert(name)
      } else if ["listeners", "tls", "limits", "jwks", "log", "metrics", "decisionLog"].contains(section) {
        shown.insert("\(section).\(name)")
      }
    }
    let known = Set(ServiceConfiguration.settings.map(\.name)).union(ServiceConfiguration.keys.map(\.name))
    #expect(shown == known, "differ in \(shown.symmetricDifference(known).sorted())")
  }

  @Test func `the schema for editors is that of the keys that are read`() throws {
    let file = Vectors.packageFolder.appendingPathComponent("deploy/countersign.schema.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    if ProcessInfo.processInfo.environment["COUNTERSIGN_WRITE_SCHEMA"] != nil {
      try ConfigurationSchema.text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(
      text == ConfigurationSchema.text,
      "COUNTERSIGN_WRITE_SCHEMA=1 swift test --filter ConfigurationFileTests writes it anew")
    #expect(Self.example.contains("# yaml-language-server: $schema=countersign.schema.json"))
    let read = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    let properties = try #require(read?["properties"] as? [String: [String: Any]])
    #expect(Set(properties.keys) == Set(ServiceConfiguration.settings.map(\.name)))
    #expect(properties["threads"]?["maximum"] as? Int == 1_024)
    #expect(properties["limits"]?["additionalProperties"] as? Bool == false)
    #expect(properties["clockSkew"]?["pattern"] as? String == "^[0-9]+(ms|s|m|h)$")
  }

  @Test func `modes and owners of socket files are read, and what is wrong with them is said`() throws {
    let read = try configuration(
      "listeners: {unixMode: \"0600\", unixOwner: root, unixGroup: \"12\"}\n")
    #expect(read.listener.socketFileMode == 0o600)
    #expect(read.listener.socketFileOwner == 0 && read.listener.socketFileGroup == 12)
    for text in [
      "unixMode: \"0888\"", "unixMode: \"07777\"", "unixOwner: nobody-at-all", "unixGroup: \"4294967295\"",
    ] {
      #expect(throws: ServiceConfiguration.Refused.self) { _ = try configuration("listeners: {\(text)}\n") }
    }
  }

  @Test func `the example's values are the defaults`() throws {
    var example = try configuration(Self.example)
    #expect(example.policies == ["../.quickstart/policies"])
    #expect(example.workloads.map(\.name) == ["ingress"])
    #expect(example.workloads.first?.labels == ["app": "istio-ingressgateway"])
    #expect(example.defaultWorkload == "ingress")
    example.policies = []
    example.workloads = []
    example.defaultWorkload = nil
    #expect("\(example)" == "\(ServiceConfiguration())")
  }

  @Test func `TLS is told by its files, and what is missing or said in vain is an error`() throws {
    let read = try configuration(
      """
      tls:
        certificate: c.pem
        key: k.pem
        minimumVersion: "1.3"
        clientCertificates: required
        clientAuthorities: ca.pem
        allowedClients: ["spiffe://cluster.local/ns/a/sa/b", Gateway.example]
      """)
    #expect(read.tls.isOn && read.tls.paths == ["c.pem", "k.pem", "ca.pem"])
    #expect(read.tls.settings.minimumVersion == .tls13 && read.tls.settings.clientCertificates == .required)
    #expect(
      read.tls.settings.allowedClients == [
        .spiffe("spiffe://cluster.local/ns/a/sa/b"), .dns("gateway.example"),
      ])
    for (text, saying) in [
      ("certificate: c.pem", "`key` is missing"), ("key: k.pem", "`certificate` is missing"),
      ("minimumVersion: \"1.3\"", "`certificate` and `key` are missing"),
      ("certificate: c, key: k, clientCertificates: required", "`clientAuthorities` is missing"),
      ("certificate: c, key: k, clientAuthorities: a", "clients are not asked"),
      ("certificate: c, key: k, allowedClients: [a.example]", "clients are not asked"),
    ] {
      expectFinding("tls: {\(text)}", at: "1:1", saying: saying)
    }
    expectFinding("tls: {allowedClients: [\"*.example\"]}", at: "1:23", saying: "`*.example` is no name")
    expectFinding("tls: {minimumVersion: \"1.1\"}", at: "1:23", saying: "known: 1.2, 1.3")
  }

  @Test func `what is no address block is told`() {
    expectFinding(
      "jwks: {allowedAddresses: [localhost]}", at: "1:26", saying: "`localhost` is no address block")
  }

  @Test func `values arrive where they are used`() throws {
    let read = try configuration(
      """
      listeners: {grpc: "unix:/run/c.sock", admin: "off"}
      threads: 3
      policies: [a, b/c.yaml]
      trustedProxies: 2
      pathNormalization: merge-slashes
      clockSkew: 2m
      shutdownTimeout: 1500ms
      jwks: {stateFolder: /s, refreshFloor: 10s, wait: 50ms, blockedAddresses: [10.0.0.0/8], allowedAddresses: ["::1"]}
      limits: {jwksBytes: 4096, streams: 7, connections: 9, peerResetBurst: 11, messageBytes: 2048}
      """)
    #expect(read.grpc == (try ListenAddress("unix:/run/c.sock")))
    #expect(read.admin == .off)
    #expect(read.threads == 3)
    #expect(read.policies == ["a", "b/c.yaml"])
    #expect(read.authorizer.policy.trustedProxies == 2)
    #expect(read.authorizer.policy.pathNormalization == .mergeSlashes)
    #expect(read.authorizer.clockSkewSeconds == 120)
    #expect(read.server.shutdownTimeout == 1_500_000_000)
    #expect(read.keys.stateFolder == "/s" && read.keys.settings.refreshFloorSeconds == 10)
    #expect(read.keys.settings.waitNanoseconds == 50_000_000)
    let permitted = ["10.1.2.3", "::1", "11.0.0.1", "169.254.169.254"].map { text in
      IPAddress(text).map(read.keys.routes.addressGuard.permits)
    }
    #expect(permitted == [false, true, true, false])
    #expect(read.keys.routes.maximumBytes == 4096 && read.keys.sets.maximumBytes == 4096)
    #expect(read.http2.maximumConcurrentStreams == 7)
    #expect(read.server.maximumConnections == 9)
    #expect(read.http2.peerResetBurst == 11)
    #expect(read.http2.maximumMessageOctets == 2048)
  }

  // MARK: What is refused

  @Test func `an unknown key names the nearest one`() {
    expectFinding("thread: 1\n", at: "1:1", saying: "unknown key `thread`", "did you mean `threads`?")
    expectFinding("limits:\n  stream: 1\n", at: "2:3", saying: "did you mean `streams`?")
    expectFinding("listeners: {gprc: off}\n", at: "1:13", saying: "did you mean `grpc`?")
    expectFinding("zzzzzz: 1\n", at: "1:1", saying: "known here: listeners, tls, threads")
    expectFinding(
      "workloads: [{name: a, namespace: b, label: {}}]", at: "1:37", saying: "did you mean `labels`?")
  }

  @Test(arguments: [
    ("threads: many", "1:10", "a whole number from 0 to 1024"),
    ("threads: 1025", "1:10", "a whole number from 0 to 1024"),
    ("threads: -1", "1:10", "a whole number from 0 to 1024"),
    ("threads: 1.5", "1:10", "a whole number"),
    ("threads: 99999999999999999999", "1:10", "a whole number"),
    ("allowEmpty: yes", "1:13", "true or false"),
    ("policies: here", "1:11", "a list of strings"),
    ("policies: [1]", "1:12", "a string"),
    ("policies: ['']", "1:12", "a string"),
    ("rootNamespace: ''", "1:16", "a string"),
    ("rootNamespace: [a]", "1:16", "a string"),
    ("listeners: 9191", "1:12", "a mapping"),
    ("listeners: {grpc: 9191}", "1:19", "a string"),
    ("listeners: {grpc: localhost}", "1:19", ""),
    ("listeners: {grpc: '127.0.0.1:70000'}", "1:19", ""),
    ("pathNormalization: all", "1:20", "decode-and-merge-slashes"),
    ("limits: {streams: 0}", "1:19", "from 1 to 1000000"),
    ("clockSkew: 60", "1:12", "a time of whole seconds from 0s to 1h"),
    ("clockSkew: 500ms", "1:12", "whole seconds"),
    ("clockSkew: 2h", "1:12", "1h"),
    ("shutdownTimeout: 999ms", "1:18", "a time from 1s to 1h"),
    ("shutdownTimeout: +5s", "1:18", "such as 30s"),
    ("shutdownTimeout: 99999999999999999999h", "1:18", "such as 30s"),
    ("workloads: {}", "1:12", "a list of workloads"),
    ("workloads: [a]", "1:13", "a mapping"),
    ("workloads: [{name: a}]", "1:13", "a workload needs `namespace`"),
    ("workloads: [{name: a, namespace: b, labels: [c]}]", "1:45", "a mapping of labels"),
    ("workloads: [{name: a, namespace: b, labels: {c: 1}}]", "1:49", "quote it"),
    ("workloads: [{name: a, namespace: b, hosts: ['a*b']}]", "1:44", "no host pattern"),
    ("workloads: [{name: a, namespace: b, hosts: ['*b.example']}]", "1:44", "no host pattern"),
    ("workloads: [{name: a, namespace: b, hosts: ['*.']}]", "1:44", "no host pattern"),
    ("workloads: [{name: a, namespace: b}, {name: a, namespace: c}]", "1:38", "two workloads are called `a`"),
    ("defaultWorkload: a", "1:18", "`a` is not among the workloads"),
    ("threads: 1\n---\nthreads: 2", "3:1", "one document"),
    ("- a", "1:1", "a mapping"),
    ("threads: 1\nthreads: 2", "2:1", "threads"),
    ("threads: [", "", ""),
  ])
  func `what is wrong is shown where it stands`(text: String, place: String, words: String) {
    let found = findings(text)
    #expect(found.count == 1, "\(text): \(found)")
    #expect(found.first?.hasPrefix("c.yaml:\(place)") == true, "\(text): \(found)")
    #expect(words.isEmpty || found.first?.contains(words) == true, "\(text): \(found)")
  }

  @Test func `a wrong default workload names the nearest`() {
    expectFinding(
      "threads: 1\ndefaultWorkload: ingres\nworkloads:\n- {name: ingress, namespace: a}\n", at: "2:18",
      saying: "did you mean `ingress`?")
  }

  @Test func `everything that is wrong is said at once`() {
    #expect(findings("threads: x\nlimits: {streams: 0, stream: 1}\nallowEmpty: 1\n").count == 4)
  }

  @Test func `host patterns that are right are taken`() throws {
    let read = try configuration(
      "workloads: [{name: a, namespace: b, hosts: ['*', '*.example.com', 'a.example']}]")
    #expect(read.workloads.first?.hosts == ["*", "*.example.com", "a.example"])
  }

  // MARK: Durations

  @Test func `times are whole numbers with a unit`() {
    #expect(Duration.nanoseconds(of: "1ms") == 1_000_000)
    #expect(Duration.nanoseconds(of: "30s") == 30_000_000_000)
    #expect(Duration.nanoseconds(of: "5m") == 300_000_000_000)
    #expect(Duration.nanoseconds(of: "2h") == 7_200_000_000_000)
    #expect(Duration.nanoseconds(of: "0s") == 0)
    for text in ["", "s", "1", "1.5s", "-1s", "+1s", " 1s", "1 s", "1S", "1d", "1us", "s1", "1ss", "５s"] {
      #expect(Duration.nanoseconds(of: text) == nil, "\(text)")
    }
  }

  @Test func `a time that is written and read again is the same`() {
    var random = SeededGenerator(announcing: #function)
    for _ in 0..<2_000 {
      let time = UInt64.random(in: 0...7_200_000, using: &random) * 1_000_000
      #expect(Duration.nanoseconds(of: Duration.text(time)) == time)
    }
  }

  // MARK: Damage

  @Test func `no damaged file stops the program, and whatever is accepted stays within bounds`() {
    var random = SeededGenerator(announcing: #function)
    let compact = Array(
      Self.example.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("#") }
        .joined(separator: "\n").utf8)
    #expect(compact.count > 500)
    var accepted = 0
    for _ in 0..<4_000 {
      var text = compact
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<text.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text[at] = UInt8.random(in: 0...255, using: &random)
        case 1: text.remove(at: at)
        case 2: text.insert(compact[Int.random(in: 0..<compact.count, using: &random)], at: at)
        default: text.removeSubrange(at..<min(text.count, at + Int.random(in: 1...40, using: &random)))
        }
        if text.isEmpty { text = compact }
      }
      do throws(ServiceConfiguration.Refused) {
        let read = try ServiceConfiguration(file: "c.yaml", text: text)
        accepted += 1
        #expect((0...1024).contains(read.threads))
        #expect((1...1_000_000).contains(read.http2.maximumConcurrentStreams))
        #expect(read.authorizer.clockSkewSeconds <= 3_600)
        #expect(read.defaultWorkload.map { name in read.workloads.contains { $0.name == name } } ?? true)
      } catch {
        #expect(!error.diagnostics.isEmpty)
      }
    }
    #expect(accepted > 0 && accepted < 4_000)
  }
}
