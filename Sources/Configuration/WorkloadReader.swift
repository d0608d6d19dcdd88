import Istio
import YAML

/// Reads the list `workloads` of the configuration file.
enum WorkloadReader {
  static let keys = ["name", "namespace", "labels", "serviceAccount", "hosts"]

  static func read(_ node: YAMLNode, with reader: inout SettingReader) -> [Workload] {
    guard let elements = node.elements else {
      reader.expected("a list of workloads", node)
      return []
    }
    var workloads: [Workload] = []
    for element in elements {
      guard let workload = one(element, with: &reader) else { continue }
      if workloads.contains(where: { $0.name == workload.name }) {
        reader.error(
          "duplicate-workload", at: element.position,
          "two workloads are called `\(workload.name)`; names must differ")
      }
      workloads.append(workload)
    }
    return workloads
  }

  private static func one(_ node: YAMLNode, with reader: inout SettingReader) -> Workload? {
    guard node.members != nil else {
      reader.expected("a mapping", node)
      return nil
    }
    for (member, meant) in node.unknownMembers(known: keys) {
      let hint = meant.map { "; did you mean `\($0)`?" } ?? "; known here: \(keys.joined(separator: ", "))"
      reader.error("unknown-key", at: member.position, "unknown key `\(member.name)`\(hint)")
    }
    guard let name = text("name", of: node, required: true, with: &reader),
      let namespace = text("namespace", of: node, required: true, with: &reader)
    else { return nil }
    return Workload(
      name: name, namespace: namespace, labels: labels(of: node, with: &reader),
      serviceAccount: text("serviceAccount", of: node, required: false, with: &reader),
      hosts: hosts(of: node, with: &reader))
  }

  private static func text(
    _ key: String, of node: YAMLNode, required: Bool, with reader: inout SettingReader
  ) -> String? {
    guard let member = node.member(key) else {
      if required { reader.error("missing-key", at: node.position, "a workload needs `\(key)`") }
      return nil
    }
    guard let text = member.value.text, !text.isEmpty else {
      reader.expected("a string", member.value)
      return nil
    }
    return text
  }

  private static func labels(of node: YAMLNode, with reader: inout SettingReader) -> [String: String] {
    guard let member = node.member("labels") else { return [:] }
    guard let members = member.value.members else {
      reader.expected("a mapping of labels", member.value)
      return [:]
    }
    var labels: [String: String] = [:]
    for label in members {
      guard let value = label.value.text else {
        reader.expected("a string (quote it)", label.value)
        continue
      }
      labels[label.name] = value
    }
    return labels
  }

  /// Host patterns: `*`, `*.example.com` or a plain name; ports are not part of them.
  private static func hosts(of node: YAMLNode, with reader: inout SettingReader) -> [String] {
    guard let member = node.member("hosts"), let hosts = reader.texts(member.value) else { return [] }
    for host in hosts where !isPattern(host) {
      reader.error(
        "invalid-value", at: member.value.position,
        "`\(host)` is no host pattern: write a name, `*.` and a name, or `*`")
    }
    if !hosts.isEmpty {
      reader.warning(
        ServiceConfiguration.hostsWarning, at: member.position,
        "`hosts` chooses the workload, and so its policies, by the Host that the client sends: use it only where the "
          + "proxy routes by the same Host; else let the proxy send `countersign.workload` in `context_extensions`"
      )
    }
    return hosts
  }

  private static func isPattern(_ host: String) -> Bool {
    if host == "*" { return true }
    let name = host.hasPrefix("*.") ? host.dropFirst(2) : host[...]
    return !name.isEmpty && !name.contains { $0 == "*" || $0 == "/" || $0.isWhitespace }
  }
}
