import Bytes

/// Why a request is not served; the connection ends with the answer.
public enum AdminRefusal: Error, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  /// Not HTTP/1 as RFC 9112 writes it, or a request with a body.
  case malformed
  /// The request line is longer than the limit.
  case targetTooLong
  /// The head is longer than the limit.
  case headTooLarge
  /// HTTP, but not 1.0 or 1.1.
  case versionNotSupported
  /// The head took too long.
  case timedOut

  public var description: String {
    switch self {
    case .malformed: "the request is not HTTP/1 without a body"
    case .targetTooLong: "the request line is too long"
    case .headTooLarge: "the request head is too large"
    case .versionNotSupported: "the request is neither HTTP/1.0 nor HTTP/1.1"
    case .timedOut: "the request head took too long"
    }
  }

  /// The HTTP status to answer with.
  public var status: UInt16 {
    switch self {
    case .malformed: 400
    case .timedOut: 408
    case .targetTooLong: 414
    case .headTooLarge: 431
    case .versionNotSupported: 505
    }
  }
}

/// Reads request heads from octets as they come: no I/O, no clock. Stricter than RFC 9112 where leniency has
/// served attackers: lines end in CR LF alone, no folding, no blank around a name, one Host, origin form
/// only, no body. Work is linear however the octets are cut: each is looked at once by the scan and once by
/// the parse.
public struct AdminRequestReader: Sendable {
  /// What the octets amount to.
  public enum Outcome: Sendable, Hashable {
    /// Well formed so far; more must come.
    case incomplete
    /// A request in the first `octets` octets; the next one may follow them.
    case request(AdminRequest, octets: Int)
    case refused(AdminRefusal)
  }

  private let settings: AdminSettings
  /// How many octets of the present head have been scanned.
  private var scanned = 0
  /// Whether the request line has ended within them.
  private var hasRequestLine = false
  /// CR, LF, CR, LF: how much of the end has just been seen.
  private var endOctets = 0

  public init(settings: AdminSettings = AdminSettings()) { self.settings = settings }

  /// Reads on. After a request the caller drops its octets and calls again with the rest; after a refusal it
  /// is done.
  /// - Parameter octets: everything from the beginning of the present head, grown since the last call.
  public mutating func read(_ octets: Span<UInt8>) -> Outcome {
    while scanned < octets.count {
      if let refusal = scan(octets[scanned]) { return .refused(refusal) }
      scanned += 1
      if endOctets == 4 {
        let end = scanned
        self = AdminRequestReader(settings: settings)
        do {
          return .request(try Self.parse(octets[0..<(end - 2)]), octets: end)
        } catch {
          return .refused(error)
        }
      }
    }
    return .incomplete
  }

  /// One octet of the head. Refuses what no later octet can mend.
  private mutating func scan(_ octet: UInt8) -> AdminRefusal? {
    if scanned == settings.maximumHeadBytes { return .headTooLarge }
    if !hasRequestLine && scanned == settings.maximumRequestLineBytes { return .targetTooLong }
    // The first octet of a method; noise and a TLS greeting end here.
    if scanned == 0 && !ASCIISet.headerName.contains(octet) { return .malformed }
    switch octet {
    case 0x0D:
      if endOctets == 1 || endOctets == 3 { return .malformed }
      endOctets += 1
    case 0x0A:
      if endOctets != 1 && endOctets != 3 { return .malformed }
      endOctets += 1
      hasRequestLine = true
    default:
      // A CR stands before LF only; the other controls stand nowhere.
      if endOctets == 1 || endOctets == 3 { return .malformed }
      if (octet < 0x20 && octet != 0x09) || octet == 0x7F { return .malformed }
      endOctets = 0
    }
    return nil
  }

  /// - Parameter head: complete lines, each with its CR LF, which the scan has checked.
  private static func parse(_ head: Span<UInt8>) throws(AdminRefusal) -> AdminRequest {
    let lineEnd = head.firstIndex(of: 0x0D) ?? head.count
    let line = head[0..<lineEnd]
    guard let first = line.firstIndex(of: 0x20), let last = line.lastIndex(of: 0x20), first < last else {
      throw .malformed
    }
    let isVersion1 = try readVersion(line[(last + 1)..<line.count])
    let method = line[0..<first]
    for index in method.indices where !ASCIISet.headerName.contains(method[index]) { throw .malformed }
    let target = line[(first + 1)..<last]
    guard target.count >= 1, target[0] == 0x2F else { throw .malformed }
    for index in target.indices where target[index] <= 0x20 || target[index] >= 0x7F || target[index] == 0x23
    {
      throw .malformed
    }
    var headers = Headers()
    var start = lineEnd + 2
    while start < head.count {
      let end = head.firstIndex(of: 0x0D, from: start) ?? head.count
      try headers.take(head[start..<end])
      start = end + 2
    }
    guard headers.hosts == 1 || (!isVersion1 && headers.hosts == 0) else { throw .malformed }
    let known: AdminRequest.Method = method.equals("GET") ? .get : method.equals("HEAD") ? .head : .other
    if headers.hasBody && known != .other { throw .malformed }
    let question = target.firstIndex(of: 0x3F) ?? target.count
    return AdminRequest(
      method: known, path: target[0..<question].text(),
      query: target[min(question + 1, target.count)..<target.count].text(),
      // What follows an unknown method may be its body: it is never read as a request.
      keepsAlive: isVersion1 && !headers.closes && known != .other,
      accept: headers.accept.joined(separator: ","))
  }

  /// - Returns: true for 1.1, false for 1.0.
  private static func readVersion(_ version: Span<UInt8>) throws(AdminRefusal) -> Bool {
    if version.equals("HTTP/1.1") { return true }
    if version.equals("HTTP/1.0") { return false }
    guard version.count == 8, version.hasPrefix("HTTP/"), version[5].isASCIIDigit, version[6] == 0x2E,
      version[7].isASCIIDigit
    else { throw .malformed }
    throw .versionNotSupported
  }
}

/// What the headers say about the message itself; the rest is only checked for form.
private struct Headers {
  var hosts = 0
  var hasBody = false
  var closes = false
  var accept: [String] = []

  mutating func take(_ line: Span<UInt8>) throws(AdminRefusal) {
    guard let colon = line.firstIndex(of: 0x3A), colon > 0 else { throw .malformed }
    let name = line[0..<colon]
    for index in name.indices where !ASCIISet.headerName.contains(name[index]) { throw .malformed }
    let value = trimmed(line[(colon + 1)..<line.count])
    switch name.text().lowercased() {
    case "host":
      hosts += 1
      if value.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) { throw .malformed }
    case "content-length":
      // No length or a zero says no body; anything else is a body or a trick.
      if value != "0" { hasBody = true }
    case "transfer-encoding": hasBody = true
    case "accept": accept.append(value)
    case "connection":
      let options = value.lowercased().split(separator: ",").map { trimmed(Array($0.utf8).span) }
      if options.contains("close") { closes = true }
    default: break
    }
  }

  /// The value without the blanks and tabs around it (RFC 9110 section 5.5).
  private func trimmed(_ value: Span<UInt8>) -> String {
    var range = 0..<value.count
    while let first = range.first, value[first] == 0x20 || value[first] == 0x09 {
      range = (first + 1)..<range.upperBound
    }
    while let last = range.last, value[last] == 0x20 || value[last] == 0x09 {
      range = range.lowerBound..<last
    }
    return value[range].text()
  }
}
