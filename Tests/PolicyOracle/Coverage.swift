/// What was seen, counted: so that a generator which never makes something cannot go unnoticed.
public struct Coverage: Sendable {
  /// Everything that must have happened besides matches of terms.
  public enum Event: String, Sendable, CaseIterable {
    case allowed = "passes without ALLOW policy"
    case allowedByRule = "ALLOW rule matches"
    case deniedByRule = "DENY rule matches"
    case noRuleMatched = "no ALLOW rule matches"
    case malformedPath = "path is malformed"
    case unknownWorkload = "workload is unknown"
    case auditMatched = "AUDIT rule matches"
    case auditUnmatched = "no AUDIT rule matches"
    case dryRunDenyMatched = "dry-run DENY rule matches"
    case dryRunDenyUnmatched = "no dry-run DENY rule matches"
    case dryRunAllowMatched = "dry-run ALLOW rule matches"
    case dryRunAllowUnmatched = "no dry-run ALLOW rule matches"
    case ruleWithoutTerms = "rule {} matches"
    case policyWithoutRules = "ALLOW policy without rules"
    case severalSources = "several sources, one of them matches"
    case severalOperations = "several operations, one of them matches"

    case namedWorkload = "workload is named"
    case accountWorkload = "workload is found by service account"
    case defaultWorkload = "workload is the default"
    case rootPolicy = "policy of the root namespace applies elsewhere"
    case foreignPolicy = "policy of another namespace does not apply"
    case selectorApplies = "selector applies"
    case selectorDiffers = "selector does not apply"
    case targetApplies = "target applies"
    case targetDiffers = "target does not apply"
    case waypoint = "policy without target does not apply to a waypoint"

    case pathAsItIs = "path is not normalised"
    case pathBase = "path is normalised: base"
    case pathMerged = "path is normalised: slashes merged"
    case pathDecoded = "path is normalised: slashes decoded and merged"
    case pathChanged = "normalisation changes the path"
    case templateMatched = "path template matches"
    case templateUnmatched = "path template does not match"
    case pathHeaderUncertain = "`:path` after a parameter was removed"

    case aliasMatched = "principal matches under another trust domain"
    case forwardedAddress = "remote.ip from x-forwarded-for, no trusted proxy"
    case forwardedAddressBehindProxies = "remote.ip from x-forwarded-for, trusted proxies"
    case forwardedAddressUnreadable = "x-forwarded-for holds no address there"
    case joinedParts = "joined header taken apart"
    case joinedTwice = "joined header comes twice"
    case severalLines = "header of several raw lines"
    case headerHidden = "condition on a header that is removed"
    case headerSet = "condition on a header that is set"
    case pseudoHeader = "condition on a pseudo header"
    case listElementMatched = "element of a metadata list matches"
    case nestedMetadataMatched = "nested metadata matches"
    case furtherNameMatched = "a further name of a certificate matches, and the principal does not"

    case claimText = "claim is text"
    case claimWords = "claim is a list of words"
    case claimList = "claim is a list"
    case claimOther = "claim is a number, a truth value, null or an object"
    case claimMissing = "claim is missing"
    case nestedClaim = "nested claim matches"
    case noToken = "condition on claims without token"
    case principalIsWords = "issuer or subject is a list of words"

    case noTokenRules = "no token rules"
    case preflight = "preflight passes"
    case tokenAccepted = "token accepted"
    case tokenOfSecondRule = "token of a later rule accepted"
    case secondPassPasses = "no rule passes alone, and the second pass does"
    case secondPassFailsOtherwise = "the second pass fails at another fault than the first"
    case tokenPlaceIsSet = "token looked for in a header that a rule has set"
    case outputTakenBack = "output header of a rule that is asked again is taken back"
    case orderedByNamespace = "token rules ordered by namespace"
    case orderedByTime = "token rules ordered by time of creation"
    case orderedByName = "token rules ordered by name"
    case serverNameLowered = "server name matches in lower case alone"
    case severalTokens = "several tokens of one rule accepted"
    case allMissing = "no token, and none is required"
    case fromHeader = "token in a header"
    case fromParameter = "token in a parameter"
    case fromCookie = "token in a cookie"
    case notBeforeWithinSkew = "token not yet valid, within the skew"
    case expiredWithinSkew = "token expired, within the skew"
    case audienceSanitised = "audience equal but for scheme or slash"
    case outputSet = "claim set as header"
    case payloadSet = "payload set as header"

    static func token(_ fault: TokenFault) -> Int { allCases.count + (index(of: fault)) }
    static func index(of fault: TokenFault) -> Int { TokenFault.allCases.firstIndex(of: fault) ?? 0 }
  }

  /// How a value is written.
  public enum Form: Int, Sendable, CaseIterable {
    case any, prefix, suffix, exact

    init(_ value: String) {
      self = value == "*" ? .any : value.hasPrefix("*") ? .suffix : value.hasSuffix("*") ? .prefix : .exact
    }
  }

  private static let terms = Dictionary(
    uniqueKeysWithValues: Mesh.Term.allCases.enumerated().map { ($0.element, $0.offset) })
  private static let eventIndex = Dictionary(
    uniqueKeysWithValues: Event.allCases.enumerated().map { ($0.element, $0.offset) })

  /// By term, polarity and result.
  private var lists = [Int](repeating: 0, count: Mesh.Term.allCases.count * 4)
  /// By term, form and result.
  private var forms = [Int](repeating: 0, count: Mesh.Term.allCases.count * Form.allCases.count * 2)
  private var events = [Int](repeating: 0, count: Event.allCases.count + TokenFault.allCases.count)

  public init() {}

  mutating func count(_ term: Mesh.Term, isNegated: Bool, matched: Bool) {
    lists[(Self.terms[term] ?? 0) * 4 + (isNegated ? 2 : 0) + (matched ? 1 : 0)] += 1
  }

  mutating func count(_ term: Mesh.Term, _ form: Form, matched: Bool) {
    forms[((Self.terms[term] ?? 0) * Form.allCases.count + form.rawValue) * 2 + (matched ? 1 : 0)] += 1
  }

  mutating func count(_ event: Event) { events[Self.eventIndex[event] ?? 0] += 1 }
  mutating func count(_ fault: TokenFault) { events[Event.token(fault)] += 1 }

  public mutating func add(_ other: Coverage) {
    for index in lists.indices { lists[index] += other.lists[index] }
    for index in forms.indices { forms[index] += other.forms[index] }
    for index in events.indices { events[index] += other.events[index] }
  }
}

// MARK: For people

extension Coverage {
  /// The forms that a term's values can have.
  private static func forms(of term: Mesh.Term) -> [Form] {
    switch term {
    case .ipBlocks, .remoteIpBlocks, .sourceIP, .remoteIP, .destinationIP, .ports, .destinationPort,
      .serviceAccounts, .sourceServiceAccount:
      [.exact]
    default: Form.allCases
    }
  }

  /// Every request has a host and a method.
  private static func isImpossible(_ term: Mesh.Term, _ form: Form, matched: Bool) -> Bool {
    (term == .hosts || term == .methods) && form == .any && !matched
  }

  private var cells: [(name: String, count: Int)] {
    var cells: [(String, Int)] = []
    for (index, term) in Mesh.Term.allCases.enumerated() {
      for (offset, name) in [
        "positive, unmatched", "positive, matched", "negative, unmatched",
        "negative, matched",
      ].enumerated() {
        cells.append(("\(term.rawValue): \(name)", lists[index * 4 + offset]))
      }
      for form in Self.forms(of: term) {
        for (offset, name) in ["unmatched", "matched"].enumerated()
        where !Self.isImpossible(term, form, matched: offset == 1) {
          let count = forms[(index * Form.allCases.count + form.rawValue) * 2 + offset]
          cells.append(("\(term.rawValue): \(form) \(name)", count))
        }
      }
    }
    for (index, event) in Event.allCases.enumerated() { cells.append((event.rawValue, events[index])) }
    for fault in TokenFault.allCases {
      cells.append(("token refused: \(fault.rawValue)", events[Event.token(fault)]))
    }
    return cells
  }

  public var cellCount: Int { cells.count }
  /// What never happened.
  public var emptyCells: [String] { cells.filter { $0.count == 0 }.map(\.name) }

  /// One line for each term, then one for each event.
  public var table: String {
    func pad(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(0, width - text.count)) + text
    }
    var lines = [
      "                             positive              negative       any        prefix        suffix"
        + "         exact",
      "                         match     not       match     not   (matched/unmatched by form of value)",
    ]
    for (index, term) in Mesh.Term.allCases.enumerated() {
      var line = term.rawValue + String(repeating: " ", count: max(0, 27 - term.rawValue.count))
      for offset in [1, 0, 3, 2] { line += pad("\(lists[index * 4 + offset])", 9) }
      for form in Form.allCases {
        let at = (index * Form.allCases.count + form.rawValue) * 2
        line += pad(Self.forms(of: term).contains(form) ? "\(forms[at + 1])/\(forms[at])" : "-", 16)
      }
      lines.append(line)
    }
    for (name, count) in cells.suffix(Event.allCases.count + TokenFault.allCases.count) {
      lines.append(name + String(repeating: " ", count: max(1, 60 - name.count)) + "\(count)")
    }
    return lines.joined(separator: "\n")
  }
}

/// Where an oracle counts.
public final class CoverageRecorder {
  public var coverage = Coverage()
  public init() {}
}
