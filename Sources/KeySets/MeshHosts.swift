public import Fetch
public import Istio

/// How hosts are reached, by what ServiceEntries and DestinationRules say (semantics, section 1.9): Host and
/// TLS server name stay those of the URL, the address and the trust are the resources'.
public struct MeshHosts: Sendable {
  public struct Route: Sendable {
    public var endpoints: [FetchRequest.Endpoint] = []
    public var trust = FetchTrust()
    /// What an operator should know of it.
    public var warnings: [Diagnostic] = []
    public init() {}
  }

  /// What is served all the same, and an operator should know.
  public enum Warning: String, Sendable, CaseIterable {
    case unlistedPort = "unlisted-port"
    case tlsNotDisabled = "tls-not-disabled"
    case insecureSkipVerify = "insecure-skip-verify"
  }

  /// Why a host cannot be reached in the way that the resources say.
  public struct Refusal: Error, Sendable, CustomStringConvertible {
    public var diagnostic: Diagnostic
    public var description: String { diagnostic.description }
  }

  private var entries: [ServiceEntry] = []
  /// By how near their namespace is: a workload's own, the entry's, the root namespace.
  private var rules: [DestinationRule] = []
  private var namespaces: Set<String> = []
  private var rootNamespace = ""

  /// Nothing is said of any host.
  public init() {}

  /// - Parameter namespaces: those of the workloads; what is not exported to one of them is not seen.
  public init(_ resources: Resources, namespaces: Set<String>, rootNamespace: String) {
    self.namespaces = namespaces
    self.rootNamespace = rootNamespace
    // In Istio's order: files decide nothing, not even which of two findings is reported.
    entries = resources.serviceEntries.filter {
      Self.isVisible($0.exportTo, of: $0.metadata.namespace, in: namespaces)
    }.sorted { $0.metadata.isOrdered(before: $1.metadata) }
    rules = resources.destinationRules.filter {
      Self.isVisible($0.exportTo, of: $0.metadata.namespace, in: namespaces) && !$0.selectsWorkloads
    }.sorted { $0.metadata.isOrdered(before: $1.metadata) }
  }

  private static func isVisible(
    _ exportTo: [String], of namespace: String, in namespaces: Set<String>
  ) -> Bool {
    exportTo.isEmpty
      || exportTo.contains { $0 == "*" || namespaces.contains($0 == "." ? namespace : $0) }
  }

  /// How a host is reached at a port.
  /// - Parameters:
  ///   - host: in lower case.
  ///   - isSecure: the URL says https, which no resource takes back.
  public func route(to host: String, port: UInt16, isSecure: Bool) throws(Refusal) -> Route {
    var route = Route()
    let entry = try entry(for: host, port)
    if let entry { route.endpoints = try endpoints(of: entry, host, port, &route.warnings) }
    guard let rule = try rule(for: host, entry?.metadata.namespace) else { return route }
    let given: ClientTLS? = if let own = rule.portTLS[port] { own } else { rule.tls }
    guard let tls = given else { return route }
    try trust(tls, host, entry?.subjectAltNames ?? [], isSecure: isSecure, &route)
    return route
  }

  // MARK: Where

  /// The entry that names the host, at best with the port. Two that do would leave the choice to the order of
  /// files.
  private func entry(for host: String, _ port: UInt16) throws(Refusal) -> ServiceEntry? {
    let all = entries.filter { entry in entry.hosts.contains { $0.value == host } }
    let listing = all.filter { entry in entry.ports.contains { $0.number == port } }
    if listing.count > 1 {
      let message =
        "a second ServiceEntry says where `\(host)` is at port \(port), beside the one at "
        + "\(listing[0].metadata.position): keep one"
      throw refusal("several-service-entries", listing[1].metadata.position, message)
    }
    return listing.first ?? all.first
  }

  private func endpoints(
    of entry: ServiceEntry, _ host: String, _ port: UInt16, _ warnings: inout [Diagnostic]
  ) throws(Refusal) -> [FetchRequest.Endpoint] {
    guard let listed = entry.ports.first(where: { $0.number == port }) else {
      let known = entry.ports.map { "\($0.number)" }.joined(separator: ", ")
      let message =
        "the ServiceEntry has no port \(port) for `\(host)`, where keys are fetched "
        + "(it has \(known.isEmpty ? "none" : known)): its addresses are not used"
      warnings.append(
        Diagnostic(.warning, Warning.unlistedPort.rawValue, at: entry.metadata.position, message))
      return []
    }
    let target = listed.targetPort ?? port
    switch entry.resolution {
    case .none:
      return entry.addresses.map { FetchRequest.Endpoint(host: $0.value, port: port) }
    case .dynamic:
      return [FetchRequest.Endpoint(host: host, port: target)]
    case .fixed, .dns:
      if entry.selectsWorkloads {
        // What the labels select is the cluster's to know; its virtual address or name leads there.
        return entry.addresses.map { FetchRequest.Endpoint(host: $0.value, port: port) }
      }
      if entry.endpoints.isEmpty { return [FetchRequest.Endpoint(host: host, port: target)] }
      var result: [FetchRequest.Endpoint] = []
      for endpoint in entry.endpoints {
        if endpoint.address.value.hasPrefix("unix://") {
          let message = "keys are not fetched over a Unix socket; give `\(host)` an address"
          throw refusal("unsupported-endpoint", endpoint.address.position, message)
        }
        result.append(
          FetchRequest.Endpoint(
            host: endpoint.address.value, port: endpoint.ports[listed.name] ?? target))
      }
      return result
    }
  }

  // MARK: Whom to believe

  /// The rule of the nearest namespace, and there the one that names the host most exactly (as Istio looks
  /// them up). Two that are alike would leave the choice to the order of files.
  private func rule(for host: String, _ entryNamespace: String?) throws(Refusal) -> DestinationRule? {
    let fitting = rules.filter { Self.matches($0.host.value, host) }
    let places: [(String) -> Bool] = [
      { namespaces.contains($0) }, { $0 == entryNamespace }, { $0 == rootNamespace }, { _ in true },
    ]
    for isNear in places {
      let near = fitting.filter { isNear($0.metadata.namespace) }
      guard let longest = near.map({ Self.weight($0.host.value) }).max() else { continue }
      let best = near.filter {
        Self.weight($0.host.value) == longest && ($0.tls != nil || !$0.portTLS.isEmpty)
      }
      if best.count > 1 {
        let message =
          "a second DestinationRule speaks of TLS for `\(best[1].host.value)`, beside the one at "
          + "\(best[0].metadata.position); Istio would use one of them: keep one"
        throw refusal("several-destination-rules", best[1].metadata.position, message)
      }
      return best.first ?? near.first
    }
    return nil
  }

  private static func matches(_ pattern: String, _ host: String) -> Bool {
    if pattern.hasPrefix("*") { return host.hasSuffix(pattern.dropFirst()) && host.count >= pattern.count }
    return pattern == host
  }

  /// An exact name comes before any pattern, a longer pattern before a shorter.
  private static func weight(_ pattern: String) -> Int {
    pattern.utf8.count + (pattern.hasPrefix("*") ? 0 : 10_000)
  }

  private func trust(
    _ tls: ClientTLS, _ host: String, _ entryNames: [String], isSecure: Bool, _ route: inout Route
  ) throws(Refusal) {
    if tls.mode == .disable {
      if isSecure {
        let message =
          "the DestinationRule disables TLS for `\(host)`, and the URL of the keys says https: TLS it is"
        route.warnings.append(
          Diagnostic(.warning, Warning.tlsNotDisabled.rawValue, at: tls.position, message))
      }
      return
    }
    if tls.mode == .istioMutual {
      let hint = "use SIMPLE, or MUTUAL with files"
      throw refusal("unsupported-tls", tls.position, "keys cannot be fetched with ISTIO_MUTUAL; \(hint)")
    }
    if tls.credentialName != nil {
      let hint = "name files: `caCertificates`, `clientCertificate`, `privateKey`"
      throw refusal("unsupported-tls", tls.position, "Secrets of a cluster are not read; \(hint)")
    }
    if tls.revocationList != nil {
      throw refusal(
        "unsupported-tls", tls.position, "revocation lists are not read for fetches of keys; remove `caCrl`")
    }
    route.trust.forcesTLS = true
    route.trust.authorities = tls.caCertificates
    if tls.mode == .mutual {
      route.trust.clientCertificate = tls.clientCertificate
      route.trust.clientKey = tls.privateKey
    }
    route.trust.serverName = tls.serverName
    route.trust.skipsVerification = tls.skipsVerification
    if tls.skipsVerification {
      let message =
        "`insecureSkipVerify` for `\(host)`: whoever sits on the way can make keys and sign any token"
      route.warnings.append(
        Diagnostic(.warning, Warning.insecureSkipVerify.rawValue, at: tls.position, message))
    } else {
      route.trust.subjectAltNames = tls.subjectAltNames.isEmpty ? entryNames : tls.subjectAltNames
    }
  }

  private func refusal(_ code: String, _ position: SourcePosition, _ message: String) -> Refusal {
    Refusal(diagnostic: Diagnostic(.error, code, at: position, message))
  }
}
