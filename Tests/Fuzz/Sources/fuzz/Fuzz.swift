import Admin
import Bytes
import Certificates
import Check
import Configuration
import ExtAuthz
import Foundation
import HTTP
import Istio
import JSON
import JWT
import Policy
import TLS
import YAML

// Fuzz: libFuzzer hands in octets, guided by what they make the readers execute; a trap, a hang or a broken
// invariant is a find. COUNTERSIGN_FUZZ names the reader.

/// The readers that strangers' octets reach.
enum Reader: String, CaseIterable {
  case admin, certificate, check, json, metadata, token, keys, policies, configuration, http2, tls
}

nonisolated(unsafe) private let reader: Reader = {
  let name = ProcessInfo.processInfo.environment["COUNTERSIGN_FUZZ"] ?? ""
  guard let reader = Reader(rawValue: name) else {
    print("COUNTERSIGN_FUZZ names none of: \(Reader.allCases.map(\.rawValue).joined(separator: ", "))")
    exit(2)
  }
  return reader
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let octets = [UInt8](UnsafeBufferPointer(start: start, count: count))
  switch reader {
  case .admin: fuzzAdmin(octets)
  case .certificate: fuzzCertificate(octets)
  case .check: fuzzCheck(octets)
  case .json: fuzzJSON(octets)
  case .metadata: fuzzMetadata(octets)
  case .token:
    var token = UnverifiedToken()
    try? token.parse(octets.span)
  case .keys: _ = try? JWKSet.parse(octets.span, source: .remote)
  case .policies:
    _ = ResourceLoader(LoaderSettings()).load([ResourceText(name: "p.yaml", octets: octets)])
  case .configuration: _ = try? ServiceConfiguration(file: "c.yaml", text: octets)
  case .http2: fuzzHTTP2(octets)
  case .tls: fuzzTLS(octets)
  }
  return 0
}

/// However the octets are cut, the outcome is the same; a request ends within them.
private func fuzzAdmin(_ octets: [UInt8]) {
  var whole = AdminRequestReader()
  let expected = whole.read(octets.span)
  if case .request(_, let end) = expected { precondition(end > 0 && end <= octets.count) }
  var pieces = AdminRequestReader()
  var outcome = AdminRequestReader.Outcome.incomplete
  for end in 0...octets.count where outcome == .incomplete {
    outcome = pieces.read(octets[0..<end].span)
  }
  precondition(outcome == expected, "cut into octets it is \(outcome), as a whole \(expected)")
}

/// As DER, and as the text that a proxy would send: both find the same names, each within the certificate.
private func fuzzCertificate(_ bytes: [UInt8]) {
  var names: [[UInt8]] = []
  let subject: ByteRange
  do {
    subject = try CertificateReader.read(bytes.span) { _, range in names.append(Array(bytes[range.indices])) }
  } catch {
    names = []
    var cache = CertificateCache()
    _ = try? cache.names(of: bytes.span)
    return
  }
  var text = ByteBuffer()
  do {
    try SubjectText.append(subject, of: bytes.span, to: &text)
  } catch {
    preconditionFailure("a subject that was read is not printed: \(error)")
  }
  if !text.isEmpty { names.append(text.copy()) }
  var pem = ByteBuffer()
  pem.append("-----BEGIN CERTIFICATE-----\n")
  Base64.encode(bytes.span, into: &pem)
  pem.append("\n-----END CERTIFICATE-----\n")
  if pem.count > CertificateLimits.textBytes { return }
  var cache = CertificateCache()
  for _ in 0..<2 {
    var found: [[UInt8]] = []
    do {
      _ = cache.contains(try cache.names(of: pem.span)) {
        found.append($0.copy())
        return false
      }
    } catch {
      preconditionFailure("a certificate that was read is refused as text: \(error)")
    }
    precondition(found == names && cache.readCount == 1)
  }
}

private func fuzzCheck(_ octets: [UInt8]) {
  var check = Check()
  do { try CheckRequestReader.read(octets.span, into: &check) } catch { return }
  // Each range lies within the message: reading it would trap otherwise.
  let span = octets.span
  _ = (span[check.method].count, span[check.path].count, span[check.host].count)
  for index in 0..<check.headers.count {
    _ = (span[check.headers[index].name].count, span[check.headers[index].value].count)
  }
}

/// A rule that wants a nested value of filter metadata, and one that does not want it.
private final class MetadataTables: Sendable {
  let wanting: DecisionTable
  let refusing: DecisionTable

  init() {
    func table(_ field: String) -> DecisionTable {
      let text = """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: p, namespace: n}
        spec: {rules: [{when: [{key: "experimental.envoy.filters.x[a][b]", \(field): [x, "3*", "*.5", "true"]}]}]}
        """
      let policies = ResourceLoader().load(file: "p.yaml", text: text).resources.authorizationPolicies
      do {
        return try DecisionTable(compiling: policies)
      } catch {
        print("no table: \(error)")
        exit(2)
      }
    }
    wanting = table("values")
    refusing = table("notValues")
  }
}

private let metadataTables = MetadataTables()
nonisolated(unsafe) private var metadataScratch = PolicyScratch()

/// Any bytes are metadata that one of the two rules matches, or malformed for both.
private func fuzzMetadata(_ bytes: [UInt8]) {
  let message = Array("envoy.filters.x".utf8) + bytes
  var check = Check()
  check.hasHTTP = true
  check.filterMetadata.append(
    Check.Pair(name: ByteRange(start: 0, count: 15), value: ByteRange(start: 15, count: bytes.count)))
  let changes = RequestChanges()
  let claims = VerifiedClaims()
  let wanted = metadataTables.wanting.evaluate(
    check, in: message.span, changes: changes, claims: claims, scratch: &metadataScratch)
  let refused = metadataTables.refusing.evaluate(
    check, in: message.span, changes: changes, claims: claims, scratch: &metadataScratch)
  if wanted.outcome == .denied(.malformedMetadata) {
    precondition(refused.outcome == wanted.outcome)
  } else {
    precondition(wanted.isAllowed != refused.isAllowed)
  }
}

/// What is JSON here is JSON to Foundation, too.
private func fuzzJSON(_ octets: [UInt8]) {
  var document = JSONDocument()
  do { try document.parse(octets.span) } catch { return }
  let isForeign =
    (try? JSONSerialization.jsonObject(with: Data(octets), options: [.fragmentsAllowed])) != nil
  // Foundation knows no numbers beyond a double, and none of its strings may hold lone surrogates.
  if !isForeign, !octets.contains(where: { $0 == 0x5C || (0x30...0x39).contains($0) }) {
    preconditionFailure("Foundation does not read \(String(decoding: octets, as: UTF8.self))")
  }
}

private let routes = [
  GRPCRoute(
    path: "/envoy.service.auth.v3.Authorization/Check", overLimit: .answering(tooLarge: [1], noRoom: [2])),
  GRPCRoute(path: "/grpc.health.v1.Health/Watch", kind: .serverStreaming),
]

private func fuzzHTTP2(_ octets: [UInt8]) {
  let budget = MessageBudget(octets: 100_000)
  do {
    var server = HTTP2ServerConnection(routes: routes, now: 1, budget: budget)
    var message = ByteBuffer()
    var output = ByteBuffer()
    let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
    _ = server.receive(preface.span, now: 2)
    var start = 0
    var step = 1
    while start < octets.count {
      let end = min(octets.count, start + step)
      let intake = server.receive(octets[start..<end].span, now: UInt64(end))
      while let call = server.takeCall() {
        server.takeMessage(of: call, into: &message)
        server.respond(to: call, [3, 4].span)
      }
      output.removeAll()
      server.drainOutput(into: &output)
      if intake == .closing { break }
      start = end
      step = step * 2 + 1
    }
    _ = server.tick(now: 100_000_000_000)
    precondition(budget.used == server.bufferedOctets)
  }
  precondition(budget.used == 0)
}

nonisolated(unsafe) private let tls: (TLSContext, TLSChannel) = {
  let folder = ProcessInfo.processInfo.environment["COUNTERSIGN_FUZZ_CERTIFICATES"] ?? "."
  func pem(_ name: String) throws -> TLSMaterial.PEM {
    TLSMaterial.PEM(
      path: name, octets: [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))))
  }
  var settings = TLSSettings()
  settings.clientCertificates = .required
  do {
    let material = TLSMaterial(
      certificate: try pem("countersign.pem"), key: try pem("countersign-key.pem"),
      clientAuthorities: try pem("ca.pem"))
    return (try TLSContext(settings, material), TLSChannel())
  } catch {
    print("no certificates: \(error)")
    exit(2)
  }
}()

/// Nobody without a certificate gets a single octet through.
private func fuzzTLS(_ octets: [UInt8]) {
  guard let session = TLSSession(tls.0, tls.1) else { return }
  var plaintext = ByteBuffer()
  var output = ByteBuffer()
  _ = session.receive(octets.span, into: &plaintext, answers: &output)
  precondition(plaintext.isEmpty && session.state != .open)
}
