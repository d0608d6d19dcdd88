import ArgumentParser
import Bytes
import Explanation
import Fetch
import JWT
import Signatures
import Synchronization
import System

/// Key sets as the service would get them.
struct JWKSCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jwks", abstract: "Fetch a JWK Set, and say what is in it.", subcommands: [JWKSFetch.self])
}

/// Fetches a key set with the code and the bounds of the service.
struct JWKSFetch: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fetch", abstract: "Fetch a JWK Set as a jwksUri, and say what is in it.",
    discussion: """
      Prints the address that answered, the TLS peer, how long the answer may be used, and each key
      with its use or the reason why it is skipped. The options say what a ServiceEntry (--connect) and a
      DestinationRule (the others) say in a mesh.

        countersign jwks fetch https://issuer.example/.well-known/jwks.json
        countersign jwks fetch https://issuer.example/keys --connect 10.0.0.7:8443 --ca ca.pem

      Exit code: 0 when the set is usable, 1 when not, 2 for a bad command line.
      """)

  @Argument(help: "The address of the set, http or https.")
  var url: String

  @Option(help: ArgumentHelp("Connect there; Host and server name stay the URL's.", valueName: "host:port"))
  var connect: [String] = []

  @Option(help: ArgumentHelp("Believe these authorities instead of the system's.", valueName: "file"))
  var ca: String?

  @Option(help: ArgumentHelp("The client's certificate, for mutual TLS.", valueName: "file"))
  var cert: String?

  @Option(help: ArgumentHelp("Its key.", valueName: "file"))
  var key: String?

  @Option(
    help: ArgumentHelp("A name that the server's certificate must have; may be repeated.", valueName: "name"))
  var san: [String] = []

  @Option(help: ArgumentHelp("The TLS server name, when it is not the URL's host.", valueName: "name"))
  var sni: String?

  @Option(help: ArgumentHelp("The time-out in milliseconds.", valueName: "n"))
  var timeout: Int = 5_000

  @Flag(help: "Believe any certificate. Whoever sits on the way can then make keys.")
  var insecureSkipVerify = false

  @Flag(help: "Print the set's text as it came, after the report.")
  var body = false

  func run() throws {
    let request = try self.request()
    if insecureSkipVerify {
      Terminal.error("warning: certificates are not verified: whoever sits on the way can make keys")
    }
    switch try Self.fetch(request) {
    case .failure(let error): throw CommandFailure.failed("error: \(url): \(error)")
    case .success(let answer): try report(answer)
    }
  }

  private func request() throws -> FetchRequest {
    guard 1...600_000 ~= timeout else { throw CommandFailure.usage("--timeout takes 1 to 600000") }
    if (cert == nil) != (key == nil) { throw CommandFailure.usage("--cert and --key come together") }
    var request = FetchRequest(url: url)
    request.timeoutMilliseconds = timeout
    request.endpoints = try connect.map { text in
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
        port > 0,
        colon != text.startIndex
      else { throw CommandFailure.usage("--connect: `\(text)` is not host:port") }
      return FetchRequest.Endpoint(host: String(text[..<colon]), port: port)
    }
    request.trust.authorities = ca
    request.trust.clientCertificate = cert
    request.trust.clientKey = key
    request.trust.subjectAltNames = san
    request.trust.serverName = sni
    request.trust.skipsVerification = insecureSkipVerify
    return request
  }

  private static func fetch(_ request: FetchRequest) throws -> Result<FetchAnswer, FetchError> {
    let fetcher: Fetcher
    do { fetcher = try Fetcher() } catch { throw CommandFailure.failed("error: \(error)") }
    defer { fetcher.stop() }
    let box = ResultBox()
    fetcher.fetch(request) { box.put($0) }
    while true {
      if let result = box.result { return result }
      Clock.pause(milliseconds: 2)
    }
  }

  private func report(_ answer: FetchAnswer) throws {
    let connection = answer.connection
    let redirects = connection.redirects > 0 ? ", \(connection.redirects) redirects" : ""
    print("address    \(connection.address)\(redirects)")
    if !connection.peerSubject.isEmpty {
      print(
        "peer       \(Quoted.bare(connection.peerSubject)), signed by \(Quoted.bare(connection.peerIssuer))")
    }
    print("status     \(answer.status), \(Quoted.bare(answer.contentType ?? "no content type"))")
    print(
      "fresh      \(answer.freshness.seconds.map(TimeWords.duration) ?? "the server does not say how long")")
    if let tag = answer.entityTag { print("ETag       \(Quoted.bare(tag))") }
    let set: JWKSet
    do throws(JWKSetError) { set = try JWKSet.parse(answer.body.span, source: .remote) } catch {
      throw CommandFailure.failed("error: \(url): \(error)")
    }
    for (index, key) in set.keys.enumerated() {
      let name = key.keyID.map { Quoted.text(String(decoding: $0, as: UTF8.self)) } ?? "without kid"
      print("key \(index)      \(name): \(Self.use(of: key))")
    }
    for key in set.skipped { print("skipped    \(key)") }
    for text in set.warnings { print("warning    \(text)") }
    if body { print(String(decoding: answer.body, as: UTF8.self)) }
  }

  private static func use(of key: JSONWebKey) -> String {
    let algorithms = Algorithm.allCases.filter { key.fits($0) }.map { "\($0.name)" }.joined(separator: " ")
    let kind =
      switch key.key.material {
      case .rsa(let modulus, _): "RSA, \(modulus.count * 8) bits"
      case .ec(let curve, _, _): "\(curve.name)"
      case .ed25519: "Ed25519"
      case .secret(let octets): "a secret of \(octets.count) octets"
      }
    return "\(kind), verifies \(algorithms)"
  }
}

/// Where the fetch thread leaves its result.
private final class ResultBox: Sendable {
  private let stored = Mutex<Result<FetchAnswer, FetchError>?>(nil)
  @inline(never) init() {}
  func put(_ result: Result<FetchAnswer, FetchError>) { stored.withLock { $0 = result } }
  var result: Result<FetchAnswer, FetchError>? { stored.withLock { $0 } }
}
