import Authorizer
import Foundation
import JWT
import KeySets
import TestSupport
import Testing

@testable import Configuration

/// Every key of the configuration file, changed in a running service: it applies at a reload, or the running value
/// stays and the key is reported.
struct ReloadTableTests {
  /// A configuration in which every key means something: TLS is on.
  private static let running = """
    tls: {certificate: c.pem, key: k.pem, clientCertificates: required, clientAuthorities: a.pem}
    workloads: [{name: one, namespace: n}, {name: two, namespace: n}]
    defaultWorkload: one

    """

  /// Another value than the default and the running one, for keys whose grammar does not say one.
  private static let others: [String: String] = [
    "listeners.grpc": "\"127.0.0.1:1\"", "listeners.http": "\"127.0.0.1:2\"",
    "listeners.admin": "\"127.0.0.1:3\"", "listeners.unixMode": "\"0600\"", "listeners.unixOwner": "\"1\"",
    "listeners.unixGroup": "\"2\"", "tls.minimumVersion": "\"1.3\"", "tls.clientCertificates": "optional",
    "tls.allowedClients": "[a.example]", "defaultWorkload": "two",
    "workloads": "[{name: one, namespace: n}]", "pathNormalization": "base", "log.format": "json",
    "log.level": "error", "decisionLog.subject": "clear", "limits.answer": "unavailable",
  ]

  private static func otherValue(of name: String, _ setting: Setting) -> String? {
    if let value = others[name] { return value }
    return switch setting.grammar {
    case .integer(let bounds, _): "\(bounds.upperBound)"
    case .boolean: name == "jwks.waitForKeys" ? "false" : "true"
    case .text: "other"
    case .texts: "[other]"
    case .duration: "59s"
    case .seconds(let bounds, _): "\(max(59, bounds.lowerBound))s"
    case .prefixes: "[10.0.0.0/8]"
    case .parsed, .parsedTexts, .section, .workloads: nil
    }
  }

  /// The running configuration's text with another value for one key.
  private static func changed(_ name: String, _ value: String) throws -> String {
    let parts = name.split(separator: ".").map(String.init)
    var lines = running.split(separator: "\n").map(String.init)
    let section = lines.firstIndex { $0.hasPrefix("\(parts[0]):") }
    if parts.count == 1 {
      if let section { lines.remove(at: section) }
      lines.append("\(name): \(value)")
    } else if let section {
      // Only `tls` stands there already.
      let old = lines[section].firstMatch(of: try Regex("\(parts[1]): [^,}]+"))
      if let old {
        lines[section].replaceSubrange(old.range, with: "\(parts[1]): \(value)")
      } else {
        lines[section] = lines[section].replacing("}", with: ", \(parts[1]): \(value)}")
      }
    } else {
      lines.append("\(parts[0]): {\(parts[1]): \(value)}")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  @Test func `every key applies at a reload, or keeps the running value and is reported by its name`() throws
  {
    let running = try configuration(Self.running)
    var applied = 0
    var kept = 0
    for (name, setting) in ServiceConfiguration.keys {
      let value = try #require(Self.otherValue(of: name, setting), "give \(name) another value")
      let read = try configuration(Self.changed(name, value))
      #expect("\(read)" != "\(running)", "\(name): the value reaches no setting")
      #expect(!setting.isSame(read, running), "\(name): its row does not name what the key writes")
      var effective = read
      let reported = effective.keepWhatNeedsRestart(of: running)
      switch setting.effect {
      case .atReload, .atReloadWhileUnchanged:
        applied += 1
        #expect(reported.isEmpty && "\(effective)" == "\(read)", "\(name)")
      case .atRestart:
        kept += 1
        #expect(reported == [name], "\(name): \(reported)")
        // Nothing else than what the row names is written by the key, and all of it is taken back.
        #expect("\(effective)" == "\(running)", "\(name)")
      }
    }
    #expect(applied > 30 && kept > 25)
  }

  @Test func `no key stands twice in the table, and each writes something`() {
    let names = ServiceConfiguration.keys.map(\.name)
    #expect(Set(names).count == names.count)
    for (name, setting) in ServiceConfiguration.keys { #expect(!setting.properties.isEmpty, "\(name)") }
  }

  @Test func `TLS is not turned on or off at a reload, and all of its changed keys are reported`() throws {
    let on = try configuration(Self.running)
    let off = try configuration(
      Self.running.split(separator: "\n").filter { !$0.hasPrefix("tls") }.joined(separator: "\n"))
    let names = ["tls.certificate", "tls.key", "tls.clientCertificates", "tls.clientAuthorities"]
    var turnedOff = off
    #expect(turnedOff.keepWhatNeedsRestart(of: on) == names)
    #expect("\(turnedOff)" == "\(on)")
    var turnedOn = on
    #expect(turnedOn.keepWhatNeedsRestart(of: off) == names)
    #expect("\(turnedOn)" == "\(off)")
  }

  @Test func `several changes are all treated each in its way, and what is unchanged is not reported`() throws
  {
    let running = try configuration(Self.running)
    var new = try configuration(
      Self.running + "threads: 3\ndrainDelay: 9s\nlimits: {streams: 5, jwksKeys: 6, tokenBytes: 999}\n")
    #expect(new.keepWhatNeedsRestart(of: running) == ["threads", "limits.tokenBytes", "limits.streams"])
    #expect(new.drainDelay == 9_000_000_000 && new.keys.sets.maximumKeys == 6)
    #expect(new.threads == running.threads)
    #expect(new.authorizer.token == running.authorizer.token)
    #expect(new.keepWhatNeedsRestart(of: running).isEmpty)
  }

  @Test func `the example marks the keys that need a restart, and no others`() throws {
    let file = Vectors.packageFolder.appendingPathComponent("deploy/countersign.yaml")
    var section = ""
    var marked: [String: Bool] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      // A key without a default is shown in a comment.
      guard let match = line.firstMatch(of: /^( {2})?(# )?([a-z][A-Za-z]+):( |$)/) else { continue }
      let name = String(match.3)
      let isMarked = line.hasSuffix("  # restart")
      if match.1 == nil {
        if match.2 == nil { section = line.hasSuffix(":") ? name : "" }
        marked[name] = isMarked
      } else if marked["\(section).\(name)"] == nil {
        marked["\(section).\(name)"] = isMarked
      }
    }
    for (name, setting) in ServiceConfiguration.keys {
      let needsRestart = if case .atRestart = setting.effect { true } else { false }
      #expect(marked[name] == needsRestart, "\(name)")
    }
  }
}
