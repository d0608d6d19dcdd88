import Testing
import YAML

/// Errors whose cause the parser does not name.
@Suite struct `A cause is named where it is` {
  private static func error(_ text: String) -> YAMLError? {
    do {
      _ = try YAMLParser.parse(text)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("a:\n\tb: 1\n", 2, 1), ("a:\n  b: 1\n\tc: 2\n", 3, 1), ("a:\n  \tb: 1\n", 2, 3),
    ("a: x\n\tb: y\n", 2, 1),
    ("a:\n\t- b\n", 2, 1), ("a:\n  - b\n\t- c\n", 3, 1), ("é:\n    - b: 1\n      c:\n\t\td: 1\n", 4, 1),
  ])
  func `A tab in the indentation`(text: String, line: Int, column: Int) {
    #expect(Self.error(text) == YAMLError(.tab, at: YAMLPosition(line: line, column: column)))
    #expect(Self.error(text)?.code == "yaml-tab")
    #expect(
      Self.error(text)?.message.hasPrefix("a tab is used for indentation: YAML takes only spaces") == true)
    // Spaces in its place are no error of this kind.
    #expect(Self.error(text.replacing("\t", with: "        "))?.reason != .tab)
  }

  @Test(arguments: [
    "{a: 1,\n\tb: 2: 3}", "a: \"x\n\ty", "a: 1\nb: [\n\t@x]\n", "a:\tb: c", "a: |\n  x\n  \ty\nb: c: d",
    "a: 'x\n\ty\n",
  ])
  func `A tab that is allowed is not the cause of another error`(text: String) {
    #expect(Self.error(text)?.code == "yaml-syntax")
  }

  @Test(arguments: [
    "a:\tb", "a: |\n  b\n  \tc\n", "{a:\n\tb}", "a: [\n\t1,\n\t2]\n",
  ])
  func `A tab that YAML takes is taken`(text: String) {
    #expect(Self.error(text) == nil)
  }

  @Test(arguments: [
    ("a: 1\nname: {{ .Values.x }}\n", 2, 7), ("{{- if .Values.x }}\na: 1\n{{- end }}\n", 1, 1),
    ("{{ if .x }}\nfoo: bar\n", 1, 1), ("a: {{ .V.x }}-foo\n", 1, 4),
    ("a:\n  {{- toYaml .V | nindent 2 }}\n", 2, 3), ("a:\n  - {{ .V }}\n", 2, 5), ("a: {{ `x` }}\n", 1, 4),
    ("é: {{ printf \"%s: x\" .V }}\n", 1, 4), ("a: {{ include \"x\" . | nindent 4 }}\nb: 1\n", 1, 4),
    ("{{/* c */}}\na: 1\n", 1, 1), ("a: b\n{{- end }}\n", 2, 1),
    ("a:\n  b: c\n{{- with .V }}\n  d: e\n{{- end }}\n", 3, 1), ("  {{ \"a\" }}: b\n", 1, 3),
    ("a: [{{ .V }}]\n", 1, 5),
  ])
  func `A template that is not rendered`(text: String, line: Int, column: Int) {
    #expect(Self.error(text) == YAMLError(.template, at: YAMLPosition(line: line, column: column)))
    #expect(Self.error(text)?.code == "yaml-template")
    #expect(Self.error(text)?.message.contains("`helm template`") == true)
  }

  @Test(arguments: [
    "a: \"{{ x }}\"\nb: c: d\n", "a: hello {{ y }}\nb: c: d\n", "# {{ x }}\na: b: c\n", "a: { {b: 1}: 2 }\n",
    "a: |\n  {{ x }}\nb: c: d\n",
  ])
  func `Braces that are no template are not the cause of another error`(text: String) {
    #expect(["yaml-syntax", "yaml-unsupported-key"].contains(Self.error(text)?.code))
  }

  @Test func `Braces in a text are text`() throws {
    #expect(Self.error("a: \"{{ x }}\"\nb: hello {{ y }}\nc: |\n  {{ z }}\nd: '{{'\n") == nil)
  }
}
