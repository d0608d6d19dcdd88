import Bytes
import TestSupport
import Testing

@testable import Policy

@Suite("Path normalisation: semantics 2.7")
struct PathNormalizationTests {
  func normalize(_ path: String, _ mode: PathNormalization) -> String? {
    var output = ByteBuffer()
    output.append("left over")
    guard mode.apply(to: Array(path.utf8).span, into: &output) != nil else { return nil }
    return output.span.text()
  }

  @Test(arguments: [
    ("/a/./b", "/a/b"), ("/a/../b", "/b"), ("/a/b/..", "/a/"), ("/a/.", "/a/"), ("/..", "/"),
    ("/../../a", "/a"),
    ("/a/%2e%2E/b", "/b"), ("/a/.%2e/b", "/b"), ("/a/%2e/b", "/a/b"), ("/%41%2d%7e", "/A-~"),
    ("/a\\b", "/a/b"),
    ("\\a", "/a"), ("/a\\..\\b", "/b"), ("/a//b", "/a//b"), ("/a//../b", "/a/b"), ("/%2f%5C", "/%2f%5C"),
    ("/a%2fb%2F", "/a%2fb%2F"), ("/a/..;x/b", "/b"), ("/a/.;x/b", "/a/b"), ("/a/%2e%2e;x/b", "/a/..;x/b"),
    ("/a/...", "/a/..."), ("/a/..x", "/a/..x"), ("/a/.x", "/a/.x"),
    ("/x\"<>^`{|}", "/x%22%3C%3E%5E%60%7B%7C%7D"),
    ("/a[b]", "/a[b]"), ("/%zz%4", "/%zz%4"), ("/%252e%252e/", "/%252e%252e/"), ("/%c0%af", "/%c0%af"),
    ("/a?b/../c\"", "/a?b/../c\""), ("/a/../?x#y", "/?x"), ("/a#/../b", "/a"), ("*", "*"), ("/", "/"),
  ])
  func `Base follows RFC 3986`(path: String, expected: String) {
    #expect(normalize(path, .base) == expected)
  }

  @Test(arguments: [
    ("/a//b", "/a/b"), ("//a///b//", "/a/b/"), ("//", "/"), ("/a//../b", "/a/b"), ("/a?b//c", "/a?b//c"),
    ("/a%2F%2Fb", "/a%2F%2Fb"), ("/\\/a", "/a"),
  ])
  func `Merging slashes comes after it`(path: String, expected: String) {
    #expect(normalize(path, .mergeSlashes) == expected)
  }

  @Test(arguments: [
    ("/a%2Fb%2f", "/a/b/"), ("/a%5Cb%5c", "/a/b/"), ("/a%2f..%2Fb", "/b"), ("/a%2F%2Fb", "/a/b"),
    ("/a%252Fb", "/a%252Fb"), ("/%2%2Fa", "/%2/a"), ("/a?b%2Fc", "/a?b%2Fc"), ("/a/%2e%2e%2fb", "/b"),
  ])
  func `Decoding slashes comes before it`(path: String, expected: String) {
    #expect(normalize(path, .decodeAndMergeSlashes) == expected)
  }

  @Test(arguments: [
    "/%00", "/a%00b", "/\u{7F}", "/\u{E9}", "/a\nb", "", "?x", "a", "http://h/p", "**", "%2Fa",
  ])
  func `A malformed path is refused in every mode but none`(path: String) throws {
    for mode in PathNormalization.allCases where mode != .none {
      #expect(normalize(path, mode) == nil)
      let policies = allow("{}").with { $0.pathNormalization = mode }
      #expect(try policies.outcome(.at(path)) == .denied(.malformedPath))
      #expect(try policies.passes(.at("/fine")))
    }
    #expect(try allow("{}").passes(.at(path)))
  }

  @Test func `Policies see the normalised path and the unchanged query`() throws {
    let deny = deny(to("paths: [/admin]")).with { $0.pathNormalization = .decodeAndMergeSlashes }
    for path in [
      "/admin", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/x%2F..%2Fadmin", "\\admin", "/admin?x",
    ] {
      #expect(try !deny.passes(.at(path)), "\(path)")
    }
    #expect(try deny.passes(.at("/administrator")))
    let allowed = allow(to("paths: [/public/*]".replacing("/public/*", with: "\"/public/*\""))).with {
      $0.pathNormalization = .base
    }
    #expect(try allowed.passes(.at("/public/a")))
    #expect(try !allowed.passes(.at("/public/../admin")))
    #expect(try !allowed.passes(.at("/public/%2e%2e/admin")))
    let header = allow(when("request.headers[:path]", "values: [\"/b?c=/../d\"]")).with {
      $0.pathNormalization = .base
    }
    #expect(try header.passes(.at("/a/../b?c=/../d")))
  }

  @Test func `Normalising twice changes nothing more, but for escapes that come apart`() {
    var random = SeededGenerator(seed: 20_261)
    print("seed 20261")
    let parts = [
      "/", "//", ".", "..", "a", "%2e", "%2F", "\\", ";", "b", "%41", "%", "|", "[", "?", "#", "%5c", "é",
    ]
    for _ in 0..<20_000 {
      let path =
        "/"
        + (0..<Int.random(in: 0...8, using: &random)).map { _ in parts.randomElement(using: &random)! }
        .joined()
      for mode in PathNormalization.allCases where mode != .none {
        guard let once = normalize(path, mode) else { continue }
        let name = String(once.prefix { $0 != "?" })
        #expect(name.hasPrefix("/"))
        #expect(!name.contains("\\") && !name.contains("#"))
        let plain = name.split(separator: "/", omittingEmptySubsequences: false)
        #expect(!plain.contains(".") && !plain.contains(".."), "\(path) became \(once)")
        if mode != .base { #expect(!name.contains("//")) }
        // `%%41` comes apart into `%A`, and `%2e;` into `.;`: the second pass sees what nobody wrote.
        if !path.contains("%"), let twice = normalize(once, mode) { #expect(twice == once) }
      }
    }
  }
}
