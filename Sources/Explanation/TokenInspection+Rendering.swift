import JSON

extension TokenInspection {
  /// The inspection for people.
  public func text(_ style: TextStyle = TextStyle(coloured: false)) -> String {
    var lines = notes.map { "note: \($0)" }
    let warning = isVerified ? "" : style.bad(" (NOT VERIFIED: anybody can write this)")
    lines.append(style.heading("Header") + warning)
    lines.append("  " + text(of: header, style))
    lines.append(style.heading("Claims") + warning)
    lines.append("  " + text(of: claims, style))
    if !times.isEmpty { lines.append(style.heading("Times")) }
    for (name, text) in times { lines.append("  \(name)  \(text)") }
    lines.append(style.heading("Checks"))
    for judgement in judgements {
      lines.append("  \(judgement.name)")
      for check in judgement.checks { lines.append("    " + check.line(style)) }
      for note in judgement.notes { lines.append("    \(note)") }
      lines.append("    => " + text(of: judgement, style))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func text(of section: Section, _ style: TextStyle) -> String {
    switch section {
    case .value(let value): value.text(indent: 2)
    case .unreadable(let why): style.bad("unreadable") + ": \(why)"
    }
  }

  private func text(of judgement: Judgement, _ style: TextStyle) -> String {
    if let refusal = judgement.refusal { return "\(style.bad("refused")): \(refusal)" }
    if isVerified { return style.good("accepted") }
    return style.bad("NOT VERIFIED") + ": nothing refuses it so far; give --policies or --jwks to check the "
      + "issuer, the audience and the signature"
  }

  /// The inspection for machines: an object with `header`, `claims`, `times`, `verified`, `judgements`.
  public var json: String {
    func tree(_ section: Section) -> JSONTree {
      switch section {
      case .value(let value): value.tree
      case .unreadable(let why): .object([("unreadable", .text(why))])
      }
    }
    let tree = JSONTree.object([
      ("verified", .boolean(isVerified)), ("acceptable", .boolean(isAcceptable)), ("notes", .texts(notes)),
      ("header", tree(header)), ("claims", tree(claims)),
      ("times", .object(times.map { ($0.name, .text($0.text)) })),
      (
        "judgements",
        .list(
          judgements.map { judgement in
            .object([
              ("rule", .text(judgement.name)), ("refusal", judgement.refusal.map { .text($0) } ?? .null),
              ("checks", .list(judgement.checks.map(\.tree))), ("notes", .texts(judgement.notes)),
            ])
          })
      ),
    ])
    return tree.text + "\n"
  }
}

extension TokenCheck {
  /// `ok issuer: …`
  func line(_ style: TextStyle) -> String {
    switch result {
    case .passed: "\(style.good("ok")) \(name): \(detail)"
    case .failed: "\(style.bad("refused")) \(name): \(detail)"
    case .notReached: style.faint("- \(name): not checked")
    }
  }

  var tree: JSONTree {
    .object([("name", .text(name)), ("result", .text(result.rawValue)), ("detail", .text(detail))])
  }
}
