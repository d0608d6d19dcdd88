internal import YAML

extension Decoding {
  /// Reports every text of a resource in which a template (Helm, Go template) is left: `foo-{{ .Values.name }}` is
  /// YAML, and a policy with such a value never means what its author wrote. Annotations may hold anything.
  /// - Returns: whether there is one; the resource is not read then, since its other errors have the same cause.
  mutating func refusesTemplates(in node: YAMLNode) -> Bool {
    let before = errors
    var waiting = [node]
    while let next = waiting.popLast() {
      switch next.content {
      case .text(let text): if text.utf8.contains(sequence: "{{") { refuseTemplate(text, next.position) }
      case .sequence(let elements): waiting += elements.reversed()
      case .mapping(let members):
        for member in members.reversed() where member.name != "annotations" && member.name != "status" {
          if member.name.utf8.contains(sequence: "{{") { refuseTemplate(member.name, member.position) }
          waiting.append(member.value)
        }
      case .null, .boolean, .number: break
      }
    }
    return errors > before
  }

  private mutating func refuseTemplate(_ text: String, _ position: YAMLPosition) {
    let shown = text.count > 60 ? "\(text.prefix(60))…" : text
    error(
      .unrenderedTemplate, position,
      "`\(shown)` has `{{` in it: a template that is not rendered (Helm, Go template); load what it renders to, for "
        + "example the output of `helm template`")
  }
}

extension String.UTF8View {
  fileprivate func contains(sequence: String) -> Bool { firstRange(of: sequence.utf8) != nil }
}
