internal import Bytes
internal import YAML

extension Decoding {
  static let networkingGroup = "networking.istio.io"
  static let networkingVersions = ["v1", "v1beta1", "v1alpha3"]
  static let networkingKinds = ["ServiceEntry", "DestinationRule"]

  private static let serviceEntryFields = [
    "hosts", "addresses", "ports", "location", "resolution", "endpoints", "workloadSelector", "exportTo",
    "subjectAltNames",
  ]

  /// Decodes a ServiceEntry, by the rules of Istio's webhook (semantics, section 1.9).
  mutating func serviceEntry(_ node: YAMLNode, _ metadata: ObjectMetadata) -> ServiceEntry? {
    guard let spec = fields(of: node, "spec", known: Self.serviceEntryFields) else { return nil }
    let hosts = texts(spec, "hosts")
    if hosts.isEmpty, spec.member("hosts")?.value.elements?.isEmpty ?? true {
      missing("hosts", in: "spec", at: spec.position, "name the host that is described")
    }
    for host in hosts where host.value == "*" {
      error(.unknownValue, host.position, "`*` alone is no host of a ServiceEntry; name hosts")
    }
    let resolution = resolution(spec)
    let endpoints = endpoints(spec, resolution)
    _ = choice(spec, "location", of: ["MESH_EXTERNAL", "MESH_INTERNAL"])
    return ServiceEntry(
      metadata: metadata, hosts: hosts.map { Located($0.value.lowercased(), at: $0.position) },
      addresses: texts(spec, "addresses").filter { !$0.value.contains("/") },
      ports: ports(spec), resolution: resolution, endpoints: endpoints,
      selectsWorkloads: spec.has("workloadSelector"),
      subjectAltNames: texts(spec, "subjectAltNames").map(\.value),
      exportTo: texts(spec, "exportTo").map(\.value))
  }

  private mutating func resolution(_ spec: Fields) -> ServiceEntry.Resolution {
    let known = ["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"]
    guard let written = choice(spec, "resolution", of: known) else { return .none }
    let endpoints = spec.member("endpoints")?.value.elements ?? []
    switch written.value {
    case "STATIC":
      if endpoints.isEmpty, !spec.has("workloadSelector") {
        missing("endpoints", in: "spec", at: spec.position, "the resolution STATIC needs addresses")
      }
      return .fixed
    case "DNS": return .dns
    case "DNS_ROUND_ROBIN":
      if endpoints.count > 1 {
        error(.tooMany, endpoints[1].position, "the resolution DNS_ROUND_ROBIN takes at most one endpoint")
      }
      return .dns
    case "DYNAMIC_DNS": return .dynamic
    default: return .none
    }
  }

  private mutating func ports(_ spec: Fields) -> [ServiceEntry.Port] {
    var result: [ServiceEntry.Port] = []
    for node in list(spec, "ports") ?? [] {
      let known = ["number", "name", "protocol", "targetPort"]
      guard let entry = fields(of: node, "ports", known: known) else { continue }
      if !entry.has("number") { missing("number", in: "ports", at: node.position) }
      if !entry.has("name") { missing("name", in: "ports", at: node.position) }
      guard let number = port(entry, "number"), let name = text(entry, "name") else { continue }
      if result.contains(where: { $0.number == number }) {
        error(.unknownValue, node.position, "the port \(number) is given twice; remove or change one")
      }
      if result.contains(where: { $0.name == name.value }) {
        error(.unknownValue, name.position, "the port name `\(name.value)` is given twice; change one")
      }
      result.append(
        ServiceEntry.Port(number: number, name: name.value, targetPort: port(entry, "targetPort")))
    }
    return result
  }

  private mutating func endpoints(
    _ spec: Fields, _ resolution: ServiceEntry.Resolution
  ) -> [ServiceEntry.Endpoint] {
    var result: [ServiceEntry.Endpoint] = []
    guard let member = spec.member("endpoints") else { return [] }
    if spec.has("workloadSelector") {
      error(
        .unknownField, member.position, "`endpoints` and `workloadSelector` exclude each other; remove one")
    }
    for node in list(spec, "endpoints") ?? [] {
      let known = ["address", "ports", "labels", "network", "locality", "weight", "serviceAccount"]
      guard let entry = fields(of: node, "endpoints", known: known) else { continue }
      if !entry.has("address") { missing("address", in: "endpoints", at: node.position) }
      let ports = namedPorts(entry)
      guard let address = text(entry, "address") else { continue }
      if resolution == .none {
        error(
          .unknownField, node.position,
          "endpoints are for STATIC and DNS; with the resolution NONE there are none")
      }
      if resolution == .fixed, !address.value.hasPrefix("unix://"), IPAddress(address.value) == nil {
        let hint = "with the resolution STATIC an endpoint is an address; for a name use DNS"
        error(.invalidAddress, address.position, "`\(address.value)` is no IP address; \(hint)")
      }
      result.append(ServiceEntry.Endpoint(address: address, ports: ports))
    }
    return result
  }

  private mutating func namedPorts(_ entry: Fields) -> [String: UInt16] {
    guard let node = entry.member("ports")?.value else { return [:] }
    guard let members = node.members else {
      error(.wrongType, node.position, "`ports` of an endpoint maps names to numbers, not \(node.kindText)")
      return [:]
    }
    var result: [String: UInt16] = [:]
    for member in members { result[member.name] = port(member.value, member.name) }
    return result
  }

  /// A port number; nil when it is absent, and, with an error, when it is none.
  mutating func port(_ fields: Fields, _ name: String) -> UInt16? {
    fields.member(name).flatMap { port($0.value, name) }
  }

  private mutating func port(_ node: YAMLNode, _ name: String) -> UInt16? {
    if let number = node.integer, let port = UInt16(exactly: number), port > 0 { return port }
    let found = if case .number(let literal) = node.content { "`\(literal)`" } else { node.kindText }
    error(.invalidPort, node.position, "`\(name)` takes a port from 1 to 65535, not \(found)")
    return nil
  }
}
