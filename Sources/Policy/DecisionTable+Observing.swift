import Bytes
import Certificates
import Check
import JSON
import JWT

/// What a predicate looks at, for people: the value that a clause saw.
extension DecisionTable {
  /// Cold: allocates.
  func observe(
    _ index: Int, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ claims: borrowing VerifiedClaims, _ scratch: inout PolicyScratch
  ) -> ObservedValue {
    let row = predicates[index]
    switch row.attribute {
    case .method: return .text(message[check.method])
    case .host: return .text(message[check.host])
    case .path:
      if pathNormalization != .none { return .text(scratch.path.span[0..<scratch.pathCount]) }
      return .text(message[check.path][0..<scratch.pathCount])
    case .serverName:
      guard let name = check.serverName else { return .absent("the proxy sent no TLS server name") }
      scratch.serverName.removeAll()
      scratch.serverName.append(lowercasing: message[name])
      return .text(scratch.serverName.span)
    case .sourceIdentity:
      return observeIdentity(check, message, scratch)
    case .requestPrincipal: return observePrincipal(claims)
    case .claim: return observeClaim(row, claims)
    case .header: return observeHeader(row, check, message, changes, scratch)
    case .filterMetadata: return observeMetadata(row, check, message)
    case .destinationPort:
      if check.destination.address.isEmpty { return .absent("the destination has no port") }
      return .values(["\(check.destination.port)"])
    case .sourceIP: return Self.address(message[check.source.address])
    case .destinationIP: return Self.address(message[check.destination.address])
    case .remoteIP:
      // Predicates that were asked have left the address; asking again changes nothing.
      guard let address = remoteAddress(check, message, &scratch) else {
        return .absent("the client has no IP address")
      }
      return .values(["\(address)"])
    }
  }

  /// All names that may match, each once: the principal, then those of the certificate.
  private func observeIdentity(
    _ check: borrowing Check, _ message: Span<UInt8>, _ scratch: borrowing PolicyScratch
  ) -> ObservedValue {
    var names: [String] = []
    func add(_ name: Span<UInt8>) {
      let text = ObservedValue.string(name)
      if !text.isEmpty, !names.contains(text) { names.append(text) }
    }
    add(message[check.source.principal])
    if let found = scratch.peerNames {
      _ = scratch.certificates.contains(found) {
        add($0)
        return false
      }
    }
    return names.isEmpty ? .absent("the peer has no identity (no mutual TLS)") : .values(names)
  }

  private static func address(_ text: Span<UInt8>) -> ObservedValue {
    text.isEmpty ? .absent("the connection has no IP address") : .text(text)
  }

  private func observePrincipal(_ claims: borrowing VerifiedClaims) -> ObservedValue {
    guard claims.isPresent else { return .absent("no valid token") }
    let text = claims.document.octets.span
    guard let issuer = claims.issuer else { return .absent("no request principal: the token has no `iss`") }
    guard let subject = claims.subject else { return .absent("no request principal: the token has no `sub`") }
    if issuer.isEmpty { return .absent("no request principal: `iss` of the token is empty") }
    if subject.isEmpty { return .absent("no request principal: `sub` of the token is empty") }
    if becomesList("iss", text[issuer], claims) || becomesList("sub", text[subject], claims) {
      return .absent("no request principal: `spaceDelimitedClaims` makes `iss` or `sub` a list of words")
    }
    return .values([ObservedValue.string(text[issuer]) + "/" + ObservedValue.string(text[subject])])
  }

  private func observeClaim(_ row: Predicate, _ claims: borrowing VerifiedClaims) -> ObservedValue {
    guard claims.isPresent else { return .absent("no valid token") }
    let first = Int(row.firstName)
    var path: [[UInt8]] = []
    for index in first..<(first + Int(row.nameCount)) { path.append(self.octets(of: names[index])) }
    guard let value = claims.find(path: path) else { return .absent("the token has no such claim") }
    let octets = claims.document.octets.span
    switch claims.document.kind(of: value) {
    case .string:
      let text = ObservedValue.string(octets[claims.document.text(of: value)])
      let name = path[0]
      if path.count == 1, claims.isSpaceDelimited(name.span) {
        let words = text.split(separator: " ").map(String.init)
        return .values(words.isEmpty ? [text] : words)
      }
      return .values([text])
    case .array:
      var found: [String] = []
      var elements = claims.document.elements(of: value)
      while let element = elements.next(in: claims.document) {
        guard claims.document.kind(of: element) == .string else { continue }
        found.append(ObservedValue.string(octets[claims.document.text(of: element)]))
      }
      return found.isEmpty ? .absent("the claim is a list without text") : .values(found)
    case .number:
      let whole = claims.document.text(of: value)
      let literal = ObservedValue.string(octets[whole][0..<min(Int(whole.count), 40)])
      return .absent("the claim is the number \(literal), and only text, or a list of texts, matches")
    case .true: return .absent("the claim is the boolean true, and only text, or a list of texts, matches")
    case .false: return .absent("the claim is the boolean false, and only text, or a list of texts, matches")
    case .object: return .absent("the claim is an object, and only text, or a list of texts, matches")
    case .null: return .absent("the claim is null, and only text, or a list of texts, matches")
    }
  }

  private func observeHeader(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>, _ changes: borrowing RequestChanges,
    _ scratch: borrowing PolicyScratch
  ) -> ObservedValue {
    switch row.place {
    case .authority: return .text(message[check.host])
    case .method: return .text(message[check.method])
    case .scheme: return .text(message[check.scheme])
    case .path:
      return pathNormalization != .none ? .text(scratch.path.span) : .text(message[check.path])
    case .fixedSlot, .ordinary: break
    }
    let name = octets(of: names[Int(row.firstName)])
    if let value = changes.valueSet(for: name.span) { return .text(changes.octets.span[value]) }
    if changes.hidesHeader(name.span) {
      return .absent("the header is removed: it carried the token, or only policies may set it")
    }
    var lines: [String] = []
    var next = check.headerIndex(of: name.span, in: message)
    while let index = next {
      lines.append(ObservedValue.string(message[check.headers[index].value]))
      next = check.headerIndex(of: name.span, from: index + 1, in: message)
    }
    return lines.isEmpty ? .absent("the request has no such header") : .values(lines)
  }

  private func observeMetadata(
    _ row: Predicate, _ check: borrowing Check, _ message: Span<UInt8>
  ) -> ObservedValue {
    let namespace = octets(of: names[Int(row.firstName)])
    guard check.filterMetadata.contains(where: { message[$0.name].equals(namespace.span) }) else {
      return .absent("the proxy sent no metadata of this filter")
    }
    let isNested = row.nameCount > 2
    let value = metadata(row, check, message)
    switch value {
    case .text(let text): return .text(message[text])
    case .malformed: return .absent("metadata that cannot be read")
    case .list(let list) where isNested:
      var elements: [String] = []
      let isWhole = FilterMetadata.contains(list, message) { element in
        if let text = Self.text(of: element, message) { elements.append(text) }
        return false
      }
      if isWhole == nil { return .absent("metadata that cannot be read") }
      return elements.isEmpty
        ? .absent("a list without text, numbers and truth values") : .values(elements)
    case .list: return .absent("a list without such an element")
    case .number where isNested, .boolean where isNested:
      return Self.text(of: value, message).map { .values([$0]) } ?? .absent("a number that is not finite")
    case .absent where isNested: return .absent("the metadata has no such key")
    case .fields where isNested, .null where isNested:
      return .absent("no text, number, truth value or list there")
    default: return .absent("the metadata has no such key, or no text there")
    }
  }

  /// Nil for what no pattern matches.
  private static func text(of value: FilterMetadata.Value, _ message: Span<UInt8>) -> String? {
    if case .text(let text) = value { return ObservedValue.string(message[text]) }
    var output = ByteBuffer(capacity: 32)
    appendText(of: value, to: &output)
    return output.isEmpty ? nil : ObservedValue.string(output.span)
  }

  private func octets(of range: ByteRange) -> [UInt8] { Array(pool[range.indices]) }
}

/// The value that a clause was held against.
public enum ObservedValue: Sendable, Equatable {
  /// There is none; why.
  case absent(String)
  /// Any of several: the lines of a header, the elements of a list. Text by a client: print it escaped.
  case values([String])

  static func text(_ span: Span<UInt8>) -> ObservedValue { .values([string(span)]) }

  static func string(_ span: Span<UInt8>) -> String {
    var octets: [UInt8] = []
    for index in span.indices { octets.append(span[index]) }
    return String(decoding: octets, as: UTF8.self)
  }
}
