import ArgumentParser
import Authorizer
import Configuration
import Explanation
import ExtAuthz
import Policy
import System

/// Tells why a request gets its answer.
struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell why a request is allowed or denied, step by step.",
    discussion: """
      Judges one request with the code that serves, and prints the reasoning in
      order: the workload and the resources that apply to it; which token was found
      where and each check of it, and tokens where no rule looks; each rule, with
      the value that each field saw when it matches, or else the first field that
      fails with the value it saw and the values it wanted; the verdict, and what
      the answer changes in the request.

        countersign explain --policies policies/ --workload istio-system/app=gateway --path /api --token "$TOKEN"
        countersign explain --config countersign.yaml --method POST --path /api --host shop.example \\
          --header 'x-team: red' --source-ip 10.1.2.3 --json
        countersign explain --policies policies/ --workload ns/app=a --check request.bin

      Keys that rules name by jwksUri or discovery are fetched once, as the service
      would fetch them.

      A captured check is the octets of an envoy.service.auth.v3.CheckRequest, with
      or without the five octets of its gRPC frame. Exit code: 0 whatever the
      verdict is, 1 when policies or the check cannot be read, 2 for a bad command
      line.
      """)

  @Option(help: "A configuration file (YAML): policies, workloads, settings.")
  var config: String?

  @Option(help: ArgumentHelp("Files and folders of Istio resources; may be repeated.", valueName: "path"))
  var policies: [String] = []

  @Option(help: ArgumentHelp("The default workload.", valueName: "NAMESPACE/k=v,k=v"))
  var workload: String?

  @Option(help: ArgumentHelp("A captured CheckRequest instead of the flags below.", valueName: "file"))
  var check: String?

  @Option(help: "The request's method (GET).")
  var method: String?

  @Option(help: "Its path, with its query (/).")
  var path: String?

  @Option(help: "Its authority, with its port if it has one (example.com).")
  var host: String?

  @Option(help: ArgumentHelp("A header; may be repeated.", valueName: "name: value"))
  var header: [String] = []

  @Option(help: ArgumentHelp("Adds `authorization: Bearer TOKEN`; @FILE reads it.", valueName: "token"))
  var token: String?

  @Option(help: ArgumentHelp("The peer's address (127.0.0.1).", valueName: "address"))
  var sourceIP: String?

  @Option(help: ArgumentHelp("The peer's identity in mutual TLS.", valueName: "spiffe://…"))
  var principal: String?

  @Option(help: ArgumentHelp("The peer's certificate (PEM), for all its names.", valueName: "file"))
  var certificate: String?

  @Option(help: ArgumentHelp("The port that the client connected to (443).", valueName: "port"))
  var port: Int?

  @Option(help: ArgumentHelp("The TLS server name that the client asked for.", valueName: "name"))
  var sni: String?

  @Option(help: ArgumentHelp("http or https (https).", valueName: "scheme"))
  var scheme: String?

  @Option(help: ArgumentHelp("The address that the client connected to (127.0.0.1).", valueName: "address"))
  var destinationIP: String?

  @Option(help: ArgumentHelp("The identity of the proxy's certificate.", valueName: "spiffe://…"))
  var destinationPrincipal: String?

  @Option(
    help: ArgumentHelp(
      "What the proxy's configuration says of the route, such as countersign.workload=web; may be repeated.",
      valueName: "name=value"))
  var context: [String] = []

  @Option(
    help: ArgumentHelp(
      "Dynamic metadata of a filter, a JSON object; may be repeated.", valueName: "filter={…}"))
  var metadata: [String] = []

  @Flag(help: "Header lines stay apart, as with Envoy's encode_raw_headers; else a comma joins them.")
  var rawHeaders = false

  @Option(help: ArgumentHelp("The time of the request, in seconds since 1970 (now).", valueName: "seconds"))
  var at: UInt64?

  @Flag(
    help: "Fetch no keys: tokens of rules whose keys are in the network are then refused for want of them.")
  var offline = false

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(inversion: .prefixedNo, help: "Colours (when standard output is a terminal and NO_COLOR is not set).")
  var color: Bool?

  func run() throws {
    let message = try self.message()
    var configuration = try Policies.configuration(config)
    if !policies.isEmpty { configuration.policies = policies }
    if let workload {
      do { try configuration.setDefaultWorkload(flag: workload) } catch {
        throw CommandFailure.usage("--workload: \(error)")
      }
    }
    if configuration.policies.isEmpty { throw CommandFailure.usage("no policies: name files or folders") }
    if configuration.workloads.isEmpty {
      throw CommandFailure.usage(
        "no workload: say --workload NAMESPACE/key=value, or list workloads in a configuration file")
    }
    // What applies to no workload is part of what is explained, not a reason to say nothing.
    configuration.authorizer.policy.allowUnused = true
    configuration.authorizer.policy.allowEmpty = true
    let loaded = try Policies.load(configuration)
    guard let snapshot = loaded.snapshot else {
      throw CommandFailure.failed("error: nothing explained: \(Policies.count(loaded.errors, "error"))")
    }
    let explainer = Explainer(
      snapshot, of: Policies.input(loaded.resources, configuration), settings: configuration.authorizer)
    let now = at ?? UInt64(max(0, Clock.system.wallSeconds()))
    let keys = offline ? [] : try RemoteKeys.fetch(snapshot, configuration)
    do throws(WireError) {
      let explanation = try explainer.explain(
        message, now: now, checkRequest: configuration.checkRequest, keys: keys)
      print(
        json ? explanation.json : explanation.text(TextStyle(coloured: color ?? Terminal.isColoured)),
        terminator: "")
    } catch {
      throw CommandFailure.failed(
        "error: \(check ?? "the request"): no CheckRequest: \(error)")
    }
  }

  private func message() throws -> [UInt8] {
    guard let check else { return try request().checkRequest }
    let others: [Any?] = [
      method, path, host, token, sourceIP, principal, certificate, port, sni, scheme, destinationIP,
      destinationPrincipal,
    ]
    let isDescribed = others.contains { $0 != nil } || rawHeaders
    if isDescribed || !(header + context + metadata).isEmpty {
      throw CommandFailure.usage("--check brings the whole request: leave out --method, --path and their kin")
    }
    do {
      let octets = try Files.read(check, limit: PolicyFiles.maximumFileBytes)
      // A message begins with a field's tag, never with 0; a gRPC frame with its flag and its length.
      return octets.count >= 5 && octets[0] == 0 ? Array(octets.dropFirst(5)) : octets
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
  }

  private func request() throws -> ProxiedRequest {
    var request = ProxiedRequest()
    request.method = method ?? request.method
    request.path = path ?? request.path
    if !request.path.hasPrefix("/"), request.path != "*" {
      throw CommandFailure.usage("--path: `\(request.path)` does not begin with a slash")
    }
    request.host = host ?? request.host
    request.sourceIP = sourceIP ?? request.sourceIP
    request.principal = principal ?? request.principal
    if let certificate { request.certificate = try Self.content(of: certificate) }
    request.sni = sni
    if let port {
      guard 0...65_535 ~= port else { throw CommandFailure.usage("--port takes 0 to 65535") }
      request.port = port
    }
    request.scheme = scheme ?? request.scheme
    request.destinationIP = destinationIP ?? request.destinationIP
    request.destinationPrincipal = destinationPrincipal ?? request.destinationPrincipal
    request.contextExtensions = try context.map { try Self.pair($0, "--context", "name=value") }
    for text in metadata {
      let (name, value) = try Self.pair(text, "--metadata", "filter={\"key\": \"value\"}")
      guard let fields = MetadataText.fields(value) else {
        throw CommandFailure.usage("--metadata: what follows `\(name)=` is no JSON object")
      }
      request.filterMetadata.append((name, fields))
    }
    request.keepsLinesApart = rawHeaders
    for line in header {
      guard let colon = line.dropFirst().firstIndex(of: ":") else {
        throw CommandFailure.usage("--header: `\(line)` is not `name: value`")
      }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      request.headers.append((line[..<colon].lowercased(), String(value)))
    }
    if let token { request.headers.append(("authorization", "Bearer " + (try Self.text(of: token)))) }
    return request
  }

  private static func pair(_ text: String, _ flag: String, _ form: String) throws -> (String, String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw CommandFailure.usage("\(flag): `\(text)` is not `\(form)`")
    }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  private static func content(of file: String) throws -> String {
    do {
      return String(decoding: try Files.read(file, limit: PolicyFiles.maximumFileBytes), as: UTF8.self)
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
  }

  private static func text(of token: String) throws -> String {
    guard token.hasPrefix("@") else { return token }
    do {
      let octets = try Files.read(String(token.dropFirst()), limit: PolicyFiles.maximumFileBytes)
      return String(decoding: octets, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .joined(separator: " ")
    } catch {
      throw CommandFailure.failed("error: \(error)")
    }
  }
}
