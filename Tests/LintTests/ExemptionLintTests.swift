import Istio
import Lint
import Testing

/// Each mistake with a twin that is none.
@Suite struct ExemptionLintTests {
  private func deny(_ paths: String, name: String = "p", more: String = "", app: String? = nil) -> String {
    policy("DENY", "{to: [{operation: {notPaths: \(paths)\(more)}}]}", name: name, app: app)
  }

  @Test func `two lists of exemptions leave open only what is in both`() {
    let found = findings(.splitExemptions, in: deny("[/a, /b]", name: "one"), deny("[/b, /c]", name: "two"))
    #expect(found.map(\.place) == ["10:32"])
    #expect(found.first?.message.contains("exempts `/a`, `/b`, this one `/b`, `/c`") == true)
    #expect(found.first?.message.contains("only `/b` is in both") == true)
    let rules = "{to: [{operation: {notPaths: [/a]}}]}, {to: [{operation: {notPaths: [/b]}}]}"
    #expect(places(.splitExemptions, in: policy("DENY", rules)).count == 1)
  }

  @Test func `equal lists, other workloads, other sources and ALLOW rules are no split`() {
    #expect(places(.splitExemptions, in: deny("[/a, /b]", name: "one"), deny("[/b, /a]", name: "two")) == [])
    #expect(
      places(
        .splitExemptions, in: deny("[/a]", name: "one", app: "x"), deny("[/b]", name: "two", app: "y"))
        == [])
    #expect(
      places(
        .splitExemptions, in: deny("[/a]", name: "one"), deny("[/b]", name: "two", more: ", methods: [GET]"))
        == [])
    let allow = "{to: [{operation: {notPaths: [/a]}}]}, {to: [{operation: {notPaths: [/b]}}]}"
    #expect(places(.splitExemptions, in: policy("ALLOW", allow)) == [])
  }

  @Test func `a DENY for requests without a token hits preflights unless OPTIONS is left out`() {
    let from = "from: [{source: {notRequestPrincipals: [\"*\"]}}]"
    func rule(_ operation: String) -> String {
      policy("DENY", "{\(from), to: [{operation: {\(operation)}}]}")
    }
    #expect(places(.preflightBlocked, in: rule("notPaths: [/a]")) == ["5:81"])
    #expect(places(.preflightBlocked, in: rule("notPaths: [/a], notMethods: [OPTIONS]")) == [])
    #expect(places(.preflightBlocked, in: rule("notPaths: [/a], methods: [GET]")) == [])
    #expect(places(.preflightBlocked, in: rule("notPaths: [/a], methods: [\"OP*\"]")).count == 1)
    #expect(places(.preflightBlocked, in: deny("[/a]")) == [])
  }

  @Test func `a prefix without a slash opens more than meant`() {
    let found = findings(.wideExemption, in: deny("[\"/health*\", /b]"))
    #expect(found.map(\.place) == ["5:32"])
    #expect(found.first?.message.contains("write `/health` and `/health/*`") == true)
    #expect(places(.wideExemption, in: deny("[\"/health/*\", \"*.css\", \"/a/{*}\", \"*\", \"/*\"]")) == [])
    #expect(
      places(.wideExemption, in: policy("ALLOW", "{to: [{operation: {paths: [\"/api*\"]}}]}")) == ["5:29"])
    #expect(places(.wideExemption, in: policy("DENY", "{to: [{operation: {paths: [\"/api*\"]}}]}")) == [])
  }

  /// The loader says what is wrong with these; what would be right for a prefix is wrong for them.
  @Test func `a value that is no prefix is not taken for a wide one`() {
    for value in ["/dex/**", "/search?q=*", "/a/*/b*", "/:id*/:x", "/api/.*", "admin*"] {
      let rule = "{to: [{operation: {paths: [\"\(value)\"]}}]}"
      #expect(places(.wideExemption, in: policy("ALLOW", rule)) == [], "\(value)")
      #expect(places(.wideExemption, in: deny("[\"\(value)\"]")) == [], "\(value)")
      let codes = ResourceLoader().load(file: "p.yaml", text: policy("ALLOW", rule)).diagnostics.map(\.code)
      #expect(codes.count == 1, "\(value): \(codes)")
    }
    #expect(
      places(
        .exemptNotAllowed, in: deny("[admin]"),
        policy("ALLOW", "{to: [{operation: {paths: [/b]}}]}", name: "a"))
        == [])
  }

  @Test func `an exempt path that no ALLOW rule allows is still denied`() {
    func allow(_ operation: String) -> String {
      policy("ALLOW", "{to: [{operation: {\(operation)}}]}", name: "a")
    }
    #expect(places(.exemptNotAllowed, in: deny("[/a]"), allow("paths: [/b]")) == ["5:32"])
    #expect(places(.exemptNotAllowed, in: deny("[/a]"), allow("notPaths: [\"/a*\"]")) == ["5:32"])
    for fine in ["paths: [/a]", "paths: [\"/*\"]", "methods: [GET]", "paths: [\"/{*}\"]"] {
      #expect(places(.exemptNotAllowed, in: deny("[/a]"), allow(fine)) == [], "\(fine)")
    }
    #expect(places(.exemptNotAllowed, in: deny("[/a]"), policy("ALLOW", "{}", name: "a")) == [])
    #expect(places(.exemptNotAllowed, in: deny("[/a]")) == [])
  }
}
