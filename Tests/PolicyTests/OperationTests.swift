import Policy
import Testing

@Suite("Operations: semantics 2.4 and 2.6, checklist 2.3")
struct OperationTests {
  func host(_ pattern: String, _ host: String) throws -> Bool {
    try matches(to("hosts: [\"\(pattern)\"]"), Request { $0.host = host })
  }

  func path(_ pattern: String, _ path: String) throws -> Bool {
    let found = try matches(to("paths: [\"\(pattern)\"]"), .at(path))
    #expect(try matches(to("notPaths: [\"\(pattern)\"]"), .at(path)) != found)
    return found
  }

  @Test func `Hosts ignore letter case and keep port and trailing dot`() throws {
    #expect(try host("Example.COM", "eXample.com"))
    #expect(try !host("example.com", "example.com:8080"))
    #expect(try host("example.com:*", "EXAMPLE.com:8080"))
    #expect(try !host("example.com", "example.com."))
    #expect(try host("*.Example.com", "a.EXAMPLE.com"))
    #expect(try !host("*.example.com", "example.com"))
    #expect(try host("*", ""))
    #expect(try !host("example.com", "examplexcom"))
    #expect(try host("[2001:db8::1]:80", "[2001:DB8::1]:80"))
    #expect(try !host("[fe80::1]", "[fe80::1%25eth0]"))
    // No other letters fold: a Kelvin sign is no k.
    #expect(try !host("k.example", "\u{212A}.example"))
  }

  @Test func `Methods match exactly in letter case`() throws {
    #expect(try matches(to("methods: [GET]"), Request("GET", "/")))
    #expect(try !matches(to("methods: [GET]"), Request("get", "/")))
    #expect(try matches(to("methods: [\"P*\"]"), Request("PATCH", "/")))
    #expect(try matches(to("methods: [\"*\"]"), Request("BREW", "/")))
    #expect(try matches(to("notMethods: [GET]"), Request("BREW", "/")))
    #expect(try !matches(to("notMethods: [\"*\"]"), Request("BREW", "/")))
  }

  @Test func `Ports are whole numbers`() throws {
    #expect(try matches(to("ports: [\"80\", \"8080\"]"), Request()))
    #expect(try !matches(to("ports: [\"80\"]"), Request()))
    #expect(try matches(to("notPorts: [\"80\"]"), Request()))
    #expect(try !matches(to("notPorts: [\"8080\"]"), Request()))
  }

  @Test func `Query and fragment never take part`() throws {
    #expect(try path("/a", "/a?b=/c"))
    #expect(try path("/a", "/a#b"))
    #expect(try path("/a", "/a?"))
    #expect(try !path("/a?b", "/a?b"))
    #expect(try !path("*.public", "/admin?x=.public"))
    #expect(try !path("*.public", "/admin#.public"))
    #expect(try !path("/a", "/a%3Fb"))
    #expect(try path("/a;b", "/a;b?c"))
    #expect(try !path("/a", "/a;b"))
  }

  @Test func `a check with two paths is denied, whatever the rules say`() throws {
    let two = Request {
      $0.path = "/a"
      $0.pathIsAmbiguous = true
    }
    for policies in [allow("{}"), allow(to("paths: [/a]")), deny(to("paths: [/b]")), Policies()] {
      #expect(try policies.outcome(two) == .denied(.malformedPath))
      #expect(try policies.with { $0.pathNormalization = .base }.outcome(two) == .denied(.malformedPath))
    }
    #expect(try allow(to("paths: [/a]")).passes(.at("/a")))
  }

  @Test func `Paths are compared octet for octet`() throws {
    #expect(try !path("/a", "/A"))
    #expect(try !path("/a", "/a/"))
    #expect(try !path("/a/", "/a"))
    #expect(try !path("/a", "/%61"))
    #expect(try path("/a*", "/abc"))
    #expect(try !path("/a/*", "/a"))
    #expect(try path("/health*", "/healthcheck-admin"))
    #expect(try path("*/admin", "/x/admin"))
    #expect(try !path("/a.c", "/abc"))
    #expect(try path("/a*b*", "/a*bc"))
    #expect(try !path("/a*b*", "/axbc"))
  }

  @Test func `A star is any path but the empty one`() throws {
    #expect(try path("*", "/"))
    #expect(try path("*", "*"))
    #expect(try !path("*", ""))
    #expect(try !path("*", "?a"))
  }

  @Test(arguments: ["//admin", "/./admin", "/x/../admin", "/%61dmin", "\\admin", "/admin/..", "/%2fadmin"])
  func `Behind a proxy that normalises, a path is matched as it comes`(odd: String) throws {
    #expect(try !path("/admin", odd))
    #expect(try path(odd.replacing("\\", with: "\\\\"), odd))
  }

  @Test func `An octet NUL in the path is refused, whatever allows it`() throws {
    #expect(try allow("{}").outcome(.at("/a\0b")) == .denied(.malformedPath))
    #expect(try allow("{}").passes(.at("/a%00b")))
  }

  // MARK: Templates

  @Test func `One star in braces is one segment of at least one character`() throws {
    #expect(try path("/a/{*}/c", "/a/b/c"))
    #expect(try !path("/a/{*}/c", "/a//c"))
    #expect(try !path("/a/{*}/c", "/a/b/b/c"))
    #expect(try !path("/a/{*}", "/a/"))
    #expect(try !path("/a/{*}", "/a/b/"))
    #expect(try path("/a/{*}/", "/a/b/"))
    #expect(try path("/{*}/{*}", "/a/b"))
    #expect(try path("/a/{*}", "/a/b?c/d"))
  }

  @Test func `Two stars in braces are any number of characters with slashes`() throws {
    #expect(try path("/a/{**}", "/a/"))
    #expect(try !path("/a/{**}", "/a"))
    #expect(try path("/a/{**}", "/a/b/c//d"))
    #expect(try path("/s/{**}/c", "/s//c"))
    #expect(try !path("/s/{**}/c", "/s/c"))
    #expect(try path("/s/{**}/c", "/s/a/c/c"))
    #expect(try !path("/s/{**}/c", "/s/a/c/d"))
    #expect(try path("/{*}/{**}", "/a/"))
    #expect(try path("/{**}", "/"))
    #expect(try path("/{**}/", "/a/"))
  }

  @Test func `Only characters of a path segment are covered`() throws {
    for character in [
      "A", "9", "-", ".", "_", "~", "%", "!", "$", "&", "'", "(", ")", "+", ",", ";", ":", "@", "=", "*",
    ] {
      #expect(try path("/{*}", "/x\(character)"), "\(character)")
      #expect(try path("/{**}", "/x\(character)"), "\(character)")
    }
    for character in ["[", "]", "|", "^", "{", "}", "<", "\"", " ", "\u{E9}", "`", "\\"] {
      #expect(try !path("/{*}", "/x\(character)"), "\(character)")
      #expect(try !path("/{**}", "/x\(character)"), "\(character)")
    }
  }

  @Test func `A template's text is literal`() throws {
    #expect(try path("/a.b/{*}", "/a.b/c"))
    #expect(try !path("/a.b/{*}", "/axb/c"))
    #expect(try path("/a+(b)/{*}", "/a+(b)/c"))
    #expect(try !path("/A/{*}", "/a/c"))
  }

  @Test func `A path of 64 KiB is read in linear time`() throws {
    let long = "/a/" + String(repeating: "b/", count: 32_768)
    let rules = [to("paths: [\"/a/{**}/c\", \"/{*}/{*}/{**}/z\", \"*/x\", \"/c*\"]")]
    let table = try Policies().adding("ALLOW", rules, name: "p").table()
    var scratch = PolicyScratch()
    let start = ContinuousClock().now
    #expect(try !Request.at(long).decide(table, &scratch).isAllowed)
    #expect(try Request.at(long + "/c").decide(table, &scratch).isAllowed)
    let taken = start.duration(to: ContinuousClock().now)
    #expect(taken < .seconds(5))
  }
}
