import Foundation
import TestSupport

/// One policy of Istio and the RBAC filters that istiod makes of it: a golden pair, or one field of one.
struct GoldenCase {
  /// What chooses the case in both proxies, and the label of its workload.
  var name: String
  var pair: String
  /// AuthorizationPolicies of namespace `foo`.
  var policies: [Tree]
  /// The `typedConfig` of one or two RBAC filters.
  var filters: [Tree]
  /// The field that it is about; nil for a whole pair.
  var field: String?
  var values: [String]
  var mesh = Mesh.plain

  /// The trust-domain parameters of the pairs (README of the vectors).
  enum Mesh: Int, CaseIterable {
    case plain, td1WithLocal, td1WithFoobar

    var settings: String {
      switch self {
      case .plain: ""
      case .td1WithLocal: "trustDomain: td1\ntrustDomainAliases: [cluster.local]\n"
      case .td1WithFoobar: "trustDomain: td1\ntrustDomainAliases: [foobar]\n"
      }
    }
  }
}

/// Istio's golden pairs for HTTP, as they are and taken apart: in the large ones fields contradict each other
/// (`values: ["*"]` beside `notValues: ["*"]`, one port and another), so that as a whole they decide nothing;
/// each field alone does.
enum GoldenPairs {
  static let folder = "pilot/pkg/security/authz/builder/testdata/http/"

  static let whole: [(name: String, outputs: [String], mesh: GoldenCase.Mesh)] = [
    ("allow-empty-rule", ["-out"], .plain), ("allow-full-rule", ["-out"], .plain),
    ("allow-host-before-111", ["-out"], .plain), ("allow-nil-rule", ["-out"], .plain),
    ("audit-full-rule", ["-out"], .plain), ("deny-empty-rule", ["-out"], .plain),
    ("dry-run-allow", ["-out"], .plain), ("dry-run-allow-and-deny", ["-out1", "-out2"], .plain),
    ("simple-policy-principal-with-wildcard", ["-out"], .td1WithFoobar),
    ("simple-policy-td-aliases", ["-out"], .td1WithLocal), ("single-policy", ["-out"], .plain),
    ("trust-domains", ["-out"], .plain),
  ]

  /// Left out, each with its reason; and the folder `tcp/`: the filters there are network filters, for
  /// connections that carry no HTTP request, which ext_authz over HTTP never asks about.
  static let leftOut = [
    "custom-bad-multiple-providers": "CUSTOM: the proxy asks another provider",
    "custom-simple-http": "CUSTOM: the proxy asks another provider",
  ]

  static func cases() throws -> [GoldenCase] {
    var cases: [GoldenCase] = []
    for (name, outputs, mesh) in whole {
      let policies = try Tree.documents("istio/\(folder)\(name)-in.yaml").map(readable)
      let filters = try outputs.flatMap { output in
        try Tree.documents("istio/\(folder)\(name)\(output).yaml").compactMap { $0["typedConfig"] }
      }.map(readable)
      cases.append(
        GoldenCase(
          name: "c\(cases.count)", pair: name, policies: policies, filters: filters, field: nil, values: [],
          mesh: mesh))
      for policy in policies { cases += try parts(of: policy, filters[0], name, mesh, from: cases.count) }
    }
    return cases
  }

  /// Names as no client can send them, in policy and filter alike: brackets of methods, hosts and paths
  /// become `_`, and a path begins with a slash.
  private static func readable(_ tree: Tree) -> Tree {
    tree.mapTexts { text in
      if text.hasPrefix("ns[") { return text }
      var text = text.replacing("\\[", with: "[").replacing("\\]", with: "]")
      guard text.contains("rule[") || text.contains("from[") else { return text }
      text = text.replacing("[", with: "_").replacing("]", with: "_")
      return text.contains("_path_") || text.contains("-path_") ? "/" + text : text
    }
  }

  // MARK: One field at a time

  /// The order in which istiod writes the fields of a source and of an operation.
  private static let sourceFields = [
    ("principals", "notPrincipals"), ("requestPrincipals", "notRequestPrincipals"),
    ("namespaces", "notNamespaces"), ("trustDomains", "notTrustDomains"),
    ("serviceAccounts", "notServiceAccounts"), ("remoteIpBlocks", "notRemoteIpBlocks"),
    ("ipBlocks", "notIpBlocks"),
  ]
  private static let operationFields = [
    ("hosts", "notHosts"), ("methods", "notMethods"), ("paths", "notPaths"), ("ports", "notPorts"),
  ]

  private static func parts(
    of policy: Tree, _ filter: Tree, _ pair: String, _ mesh: GoldenCase.Mesh, from number: Int
  ) throws -> [GoldenCase] {
    guard let spec = policy["spec"], let name = policy["metadata"]?["name"]?.text else { return [] }
    var cases: [GoldenCase] = []
    func add(_ field: String, _ rule: Tree, _ values: [String], _ half: (String, Tree)) {
      for (rule, half, values) in variants(rule, half, values) {
        cases.append(
          GoldenCase(
            name: "c\(number + cases.count)", pair: pair, policies: [policy.withRules([rule])],
            filters: [filter.withPolicy(half)], field: field, values: values, mesh: mesh))
      }
    }
    for (index, rule) in (spec["rules"]?.elements ?? []).enumerated() {
      guard let compiled = filter["rules"]?["policies"]?["ns[foo]-policy[\(name)]-rule[\(index)]"] else {
        continue
      }
      for (side, order, half, key) in [
        ("from", sourceFields, "principals", "source"), ("to", operationFields, "permissions", "operation"),
      ] {
        let conditions = (rule["when"]?.elements ?? []).filter { isOfSource($0) == (side == "from") }
        let entries = rule[side]?.elements ?? []
        for (entry, alternative) in (compiled[half]?.elements ?? []).enumerated() {
          var matchers = alternative.conjuncts[...]
          let fields = entries.indices.contains(entry) ? entries[entry][key] : nil
          for name in order.flatMap({ [$0.0, $0.1] }) {
            guard let values = fields?[name] else { continue }
            guard let matcher = matchers.popFirst() else { throw Failure("\(pair): no matcher for \(name)") }
            let only = Tree.map([side: .list([.map([key: .map([name: values])])])])
            add(name, only, values.texts, (half, matcher))
          }
          for condition in conditions {
            guard let key = condition["key"]?.text else { continue }
            for name in ["values", "notValues"] {
              guard let values = condition[name] else { continue }
              guard let matcher = matchers.popFirst() else { throw Failure("\(pair): no matcher for \(key)") }
              let only = Tree.map(["when": .list([.map(["key": .text(key), name: values])])])
              add(key, only, values.texts, (half, matcher))
            }
          }
          let isAny = matchers.count == 1 && matchers.first == .map(["any": .boolean(true)])
          if !matchers.isEmpty && !isAny { throw Failure("\(pair): matchers without a field: \(matchers)") }
        }
      }
    }
    return cases
  }

  private static func isOfSource(_ condition: Tree) -> Bool {
    let key = condition["key"]?.text ?? ""
    return key.hasPrefix("source.") || key.hasPrefix("request.") || key.hasPrefix("remote.")
  }

  /// The field as it is, and without its `*`, beside which no other value matters.
  private static func variants(
    _ rule: Tree, _ half: (String, Tree), _ values: [String]
  ) -> [(Tree, (String, Tree), [String])] {
    let others = values.filter { $0 != "*" }
    let rest = half.1.withoutAny
    guard others.count < values.count, !others.isEmpty, let rest else { return [(rule, half, values)] }
    return [(rule, half, values), (rule.withoutStars, (half.0, rest), others)]
  }
}

extension Tree {
  /// The parts of an `andRules` or `andIds`.
  fileprivate var conjuncts: [Tree] {
    (self["andRules"]?["rules"] ?? self["andIds"]?["ids"])?.elements ?? []
  }

  fileprivate func withRules(_ rules: [Tree]) -> Tree {
    var policy = self
    var spec = self["spec"] ?? .map([:])
    spec["rules"] = .list(rules)
    policy["spec"] = spec
    return policy
  }

  /// The filter with one policy, in which one half has one matcher.
  fileprivate func withPolicy(_ half: (name: String, matcher: Tree)) -> Tree {
    let any = Tree.map(["any": .boolean(true)])
    let (permission, principal) =
      half.name == "permissions" ? (half.matcher, any) : (any, half.matcher)
    var filter = self
    var rules = self["rules"] ?? .map([:])
    rules["policies"] = .map([
      "part": .map(["permissions": .list([permission]), "principals": .list([principal])])
    ])
    filter["rules"] = rules
    return filter
  }

  fileprivate var withoutStars: Tree {
    switch self {
    case .list(let elements): .list(elements.filter { $0 != .text("*") }.map(\.withoutStars))
    case .map(let members): .map(members.mapValues(\.withoutStars))
    default: self
    }
  }

  /// Without those alternatives that anything matches; nil when nothing is left.
  fileprivate var withoutAny: Tree? {
    switch self {
    case .map(let members):
      var rest: [String: Tree] = [:]
      for (name, value) in members {
        guard name == "orRules" || name == "orIds" || name == "orMatch" else {
          guard let left = value.withoutAny else { return nil }
          rest[name] = left
          continue
        }
        guard case .map(let inner) = value, let (key, list) = inner.first else { return nil }
        let left = list.elements.filter { !$0.matchesAnything }.compactMap(\.withoutAny)
        if left.isEmpty { return nil }
        rest[name] = .map([key: .list(left)])
      }
      return .map(rest)
    case .list(let elements): return .list(elements.compactMap(\.withoutAny))
    default: return self
    }
  }

  /// A matcher that `*` became: presence, or an expression for anything, and nothing beside it.
  private var matchesAnything: Bool {
    var expressions: [String] = []
    var isPresence = false
    func walk(_ tree: Tree, _ key: String) {
      switch tree {
      case .map(let members):
        for (name, value) in members {
          if name == "presentMatch" { isPresence = true }
          walk(value, name)
        }
      case .list(let elements): for element in elements { walk(element, key) }
      case .text(let text) where ["exact", "prefix", "suffix", "regex", "pathTemplate"].contains(key):
        expressions.append(text)
      default: break
      }
    }
    walk(self, "")
    let any = [".+", ".*/ns/.*/.*"]
    return isPresence || (!expressions.isEmpty && expressions.allSatisfy(any.contains))
  }
}
