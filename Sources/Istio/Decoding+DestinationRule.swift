internal import YAML

extension Decoding {
  /// Decodes a DestinationRule: its TLS is checked by the rules of Istio's webhook (semantics, section 1.9), the
  /// rest of its traffic policy is the proxy's and is not looked into.
  mutating func destinationRule(_ node: YAMLNode, _ metadata: ObjectMetadata) -> DestinationRule? {
    let known = ["host", "trafficPolicy", "subsets", "exportTo", "workloadSelector"]
    guard let spec = fields(of: node, "spec", known: known) else { return nil }
    if !spec.has("host") { missing("host", in: "spec", at: spec.position) }
    let host = text(spec, "host")
    var rule = DestinationRule(
      metadata: metadata, host: host ?? Located("", at: place(spec.position)), tls: nil, portTLS: [:],
      exportTo: texts(spec, "exportTo").map(\.value), selectsWorkloads: spec.has("workloadSelector"))
    if let member = spec.member("trafficPolicy") { trafficPolicy(member.value, &rule) }
    guard host != nil else { return nil }
    rule.host.value = Self.fullHost(rule.host.value.lowercased(), namespace: metadata.namespace)
    return rule
  }

  /// Istio expands names without a dot by the rule's own namespace.
  private static func fullHost(_ host: String, namespace: String) -> String {
    host.contains(".") || host.contains("*") ? host : "\(host).\(namespace).svc.cluster.local"
  }

  private mutating func trafficPolicy(_ node: YAMLNode, _ rule: inout DestinationRule) {
    let known = [
      "loadBalancer", "connectionPool", "outlierDetection", "tls", "portLevelSettings", "tunnel",
      "proxyProtocol", "retryBudget",
    ]
    guard let policy = fields(of: node, "trafficPolicy", known: known) else { return }
    rule.tls = clientTLS(policy)
    for entry in list(policy, "portLevelSettings") ?? [] {
      let known = ["port", "loadBalancer", "connectionPool", "outlierDetection", "tls"]
      guard let settings = fields(of: entry, "portLevelSettings", known: known) else { continue }
      guard let node = settings.member("port")?.value else {
        missing("port", in: "portLevelSettings", at: entry.position, "write `port: {number: 443}`")
        continue
      }
      let tls = clientTLS(settings)
      guard let selector = fields(of: node, "port", known: ["number"]) else { continue }
      if !selector.has("number") { missing("number", in: "port", at: node.position) }
      guard let number = port(selector, "number") else { continue }
      if rule.portTLS.updateValue(tls, forKey: number) != nil {
        error(.unknownValue, node.position, "settings for the port \(number) are given twice; remove one")
      }
    }
  }

  private static let modes: [String: ClientTLS.Mode] = [
    "DISABLE": .disable, "SIMPLE": .simple, "MUTUAL": .mutual, "ISTIO_MUTUAL": .istioMutual,
  ]

  private mutating func clientTLS(_ policy: Fields) -> ClientTLS? {
    guard let member = policy.member("tls") else { return nil }
    let known = [
      "mode", "clientCertificate", "privateKey", "caCertificates", "credentialName", "subjectAltNames", "sni",
      "insecureSkipVerify", "caCrl",
    ]
    guard let fields = fields(of: member.value, "tls", known: known) else { return nil }
    let mode = choice(fields, "mode", of: Self.modes.keys.sorted())
    var tls = ClientTLS(position: place(member.position))
    tls.mode = mode.flatMap { Self.modes[$0.value] } ?? .disable
    tls.caCertificates = text(fields, "caCertificates")?.value
    tls.clientCertificate = text(fields, "clientCertificate")?.value
    tls.privateKey = text(fields, "privateKey")?.value
    tls.revocationList = text(fields, "caCrl")?.value
    tls.credentialName = text(fields, "credentialName")?.value
    tls.subjectAltNames = texts(fields, "subjectAltNames").map(\.value)
    tls.serverName = text(fields, "sni")?.value
    tls.skipsVerification = boolean(fields, "insecureSkipVerify") ?? false
    checkTLS(fields, tls)
    return tls
  }

  private mutating func checkTLS(_ fields: Fields, _ tls: ClientTLS) {
    let files = ["clientCertificate", "privateKey", "caCertificates"]
    if let credential = fields.member("credentialName"), let file = files.first(where: fields.has) {
      let message = "`credentialName` stands for all files; remove it or `\(file)`"
      error(.unknownField, credential.position, message)
    }
    if tls.mode == .mutual, !fields.has("credentialName") {
      for name in ["clientCertificate", "privateKey"] where !fields.has(name) {
        missing(name, in: "tls", at: fields.position, "the mode MUTUAL needs it")
      }
    }
    if tls.mode == .istioMutual, let name = (files + ["credentialName", "sni"]).first(where: fields.has),
      name != "sni", let member = fields.member(name)
    {
      error(.unknownField, member.position, "the mode ISTIO_MUTUAL takes no `\(name)`: the mesh has its own")
    }
    if tls.skipsVerification,
      let name = ["caCertificates", "subjectAltNames"].first(where: fields.has),
      let member = fields.member(name)
    {
      let message = "`\(name)` is not looked at with `insecureSkipVerify`; remove one of them"
      error(.unknownField, member.position, message)
    }
  }
}
