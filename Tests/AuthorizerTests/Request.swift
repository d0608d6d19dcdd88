import Authorizer
import Bytes
import Check
import JWT

/// One request as a test writes it; `ask` of a `Gate` makes the octets and the check of it.
struct Request: Sendable {
  /// One end of the connection, as the proxy tells it.
  struct End: Sendable {
    var address = ""
    var port: UInt32 = 0
  }

  var method = "GET"
  var path = "/"
  var pathIsAmbiguous = false
  var host = "example.com"
  var scheme = "http"
  var headers: [(name: String, value: [UInt8])] = []
  var encoding = Check.HeaderEncoding.joined
  var extensions: [(String, String)] = []
  var source = End()
  var sourcePrincipal = ""
  var sourceCertificate = ""
  var destination = End()
  var destinationPrincipal = ""
  var serverName: String?
  /// By filter: an encoded Struct.
  var metadata: [(String, [UInt8])] = []
  var hasHTTP = true

  init(_ method: String = "GET", _ path: String = "/") {
    self.method = method
    self.path = path
  }

  func with(_ name: String, _ value: String) -> Request { with(name, octets: Array(value.utf8)) }

  func with(_ name: String, octets: [UInt8]) -> Request {
    var next = self
    next.headers.append((name, octets))
    return next
  }

  func bearer(_ token: String) -> Request { with("authorization", "Bearer \(token)") }

  func changed(_ change: (inout Request) -> Void) -> Request {
    var next = self
    change(&next)
    return next
  }

  var raw: Request { changed { $0.encoding = .raw } }

  func at(host: String) -> Request { changed { $0.host = host } }

  func extended(_ name: String, _ value: String) -> Request {
    changed { $0.extensions.append((name, value)) }
  }

  static func get(_ path: String) -> Request { Request("GET", path) }

  /// Fills a check with ranges over a message that it writes.
  func write(_ check: inout Check, _ message: inout [UInt8]) {
    check.reset()
    // Nothing begins at 0: a range over the wrong octets shows.
    message = Array("message:".utf8)
    func keep(_ octets: [UInt8]) -> ByteRange {
      message += octets
      return ByteRange(start: message.count - octets.count, count: octets.count)
    }
    func keep(_ text: String) -> ByteRange { keep(Array(text.utf8)) }
    check.hasHTTP = hasHTTP
    check.method = keep(method)
    check.path = keep(path)
    check.pathIsAmbiguous = pathIsAmbiguous
    check.host = keep(host)
    check.scheme = keep(scheme)
    check.headerEncoding = encoding
    check.source.address = keep(source.address)
    check.source.port = source.port
    check.source.principal = keep(sourcePrincipal)
    check.source.certificate = keep(sourceCertificate)
    check.destination.address = keep(destination.address)
    check.destination.port = destination.port
    check.destination.principal = keep(destinationPrincipal)
    check.serverName = serverName.map { keep($0) }
    for (name, value) in headers { check.headers.append(.init(name: keep(name), value: keep(value))) }
    for (name, value) in extensions {
      check.contextExtensions.append(.init(name: keep(name), value: keep(value)))
    }
    for (name, value) in metadata {
      check.filterMetadata.append(.init(name: keep(name), value: keep(value)))
    }
  }
}

/// What came of a request, readable.
struct Answer: Sendable, CustomStringConvertible {
  var isAllowed: Bool
  var status: Int
  var body: String
  var reason: Verdict.Reason
  var error: TokenError?
  /// `ns[NAMESPACE]-policy[NAME]-rule[INDEX]` of the rule that decided.
  var rule: String?
  var workload: String?
  var set: [String: String]
  var removed: [String]
  var removedParameters: [String]
  /// `WWW-Authenticate`, when a token was refused.
  var challenge: String?

  var description: String {
    isAllowed
      ? "allowed (\(rule ?? "no rule")), sets \(set), removes \(removed) and ?\(removedParameters)"
      : "\(status) \(body) (\(reason.label), \(rule ?? "no rule"))"
  }
}
