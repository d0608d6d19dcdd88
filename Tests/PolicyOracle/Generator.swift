import TestSupport

/// Random meshes and requests. Both draw from the same few words and from words that differ in one place, so
/// that matches and near misses are both frequent.
public struct Generator {
  var random: SeededGenerator

  public init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
  mutating func chance(_ percent: Int) -> Bool { number(0...99) < percent }
  mutating func pick<Value>(_ values: [Value]) -> Value { values[number(0...(values.count - 1))] }

  /// A word, often as it is.
  mutating func word(_ words: [String]) -> String {
    let word = pick(words)
    if word.isEmpty || !chance(10) { return word }
    switch number(0...2) {
    case 0: return String(word.dropLast())
    case 1: return word + "x"
    default: return Self.otherCase(word)
    }
  }

  /// A pattern for one of the words, or one that just misses it.
  mutating func pattern(_ words: [String]) -> String {
    let word = pick(words)
    if word.isEmpty { return "*" }
    let cut = number(1...word.count)
    switch number(0...99) {
    case 0..<10: return "*"
    case 10..<45: return word
    case 45..<62: return word.prefix(cut) + "*"
    case 62..<79: return "*" + word.suffix(cut)
    case 79..<84: return word + "x"
    case 84..<89: return word.count > 1 ? String(word.dropLast()) : word
    case 89..<93: return Self.otherCase(word)
    case 93..<96: return word.prefix(cut) + "*" + word.dropFirst(cut)
    case 96..<98: return "*" + word.prefix(cut) + "*"
    default: return word.prefix(cut) + "x*"
    }
  }

  private static func otherCase(_ word: String) -> String {
    let upper = word.uppercased()
    return upper == word ? word.lowercased() : upper
  }
}

/// What patterns are made from and requests consist of.
enum Words {
  static let domains = ["td", "td", "td", "cluster.local", "td.example", "old.example", "td.old"]
  static let namespaces = ["foo", "foo", "foo", "bar", "fo", "foo-x"]
  static let accounts = ["web", "web", "web", "a", "web-x", "w.b"]
  static let oddIdentities = [
    "", "CN=a", "spiffe://td/ns/bar/sa/a/x", "spiffe://td.example/ns/foo/y/sa/web", "td/ns/foo/sa/web",
    "spiffe://td/ns/foo/ns/bar/sa/a", "spiffe://td/ns/foo/sa/web\n", "spiffe:///ns/foo/sa/a",
    "spiffe://td/ns/ns/ns/foo/", "spiffe://old.example/sa/a", "spiffe://td/ns/foo//sa/a",
    "spiffe://td/x/ns/foo/sa/web", "spiffe://td/ns/foo/sa/", "spiffe://tdx/ns/foo/sa/web", "spiffe://td",
    "spiffe://cluster.local/ns/foo\n/sa/a", "https://td/ns/foo/sa/web", "spiffe://td/ns/foo/sa/a/",
  ]

  static let hosts = ["a.example", "b.a.example", "a.example:8443", "A.Example", "example", "xa.example"]
  static let methods = ["GET", "POST", "PUT", "OPTIONS", "get", "PATCH"]
  static let ports = ["80", "8080", "443", "0", "65535", "0080"]
  static let paths = [
    "/", "/a", "/a/", "/a/b", "/a/b/c", "/a//b", "/A", "/admin/panel", "/a/b/x", "//a", "/a;x=1/b", "/b",
    "/b/a/b/c", "/x=y/*z", "/a/~b", "/ab", "/a/c", "/a//", "/a/b/",
  ]
  static let oddPaths = [
    "/a%2Fb", "/a/%2e%2e/b", "/a/../b", "/a/./b", "/a/..;x/b", "/%41", "/a|b", "/a/[b", "\\a\\b", "/a\\b",
    "/é", "/a/%00", "*", "/a%5cb", "/a/b/..", "/a/%7e", "/..", "/a/{b}", "/a/%2E", "/a%25b", "/a%zz", "/a%4",
    "/a/%2e%2e;/b", "/a/.;y/b", "/a%2f%2fb", "/a/b/../../c", "/a//../b", "/%2541", "/a/%2E./b", "/a\u{7F}",
    "/a<b>", "/a%3Cb", "/a/b/.", "/%2Fa", "/a/^b", "/a/..%2fb", "",
  ]
  /// What normalisation makes of some of them, and would by mistake.
  static let normalizedPaths = [
    "/a%7Cb", "/a%3Cb%3E", "/a%3Cb", "/a/..;/b", "/a%25b", "/%2541", "/a/%5Eb", "/a%2Fb", "/a%2f%2fb", "/a/b",
    "/a%5cb", "/b", "/a/", "/a/~", "/A", "/a/..%2fb", "/%2Fa", "/a/%7Bb%7D", "/a/[b", "/a|b", "/c", "/a//b",
  ]
  static let templates = [
    "/a/{*}", "/a/{**}", "/{**}/c", "/{*}/b", "/{*}/{**}", "/{*}/", "/{**}", "/{*}/{*}/{**}/c", "/a/{*}/c",
    "/admin/{**}", "/{*}/panel", "/a/{**}/b", "/{*}", "/a/{*}/", "/b/{*}/b/{**}",
  ]

  static let addresses = [
    "10.0.0.1", "10.0.1.1", "10.1.2.3", "192.168.0.1", "::1", "2001:db8::1", "2001:db8:0:1::5",
    "::ffff:10.0.0.1", "172.16.5.4",
  ]
  static let noAddresses = ["", "10.0.0.01", "x", "10.0.0.1:80", "[::1]", "unknown", "\"10.0.0.1\""]
  static let blocks = [
    "10.0.0.0/24", "10.0.0.1", "0.0.0.0/0", "10.0.0.0/23", "192.168.0.0/16", "10.0.0.77/8", "::/0", "::1",
    "2001:db8::/32", "2001:db8::/64", "2001:db8:0:1::5/127", "10.0.1.0/31", "10.0.1.1/32", "172.16.0.0/12",
    "10.0.0.0/15", "::ffff:10.0.0.0/120", "192.168.0.128/25",
  ]
  static let names = ["a.example", "b.example", "x", "b.a.example"]
  /// Two of them are the same moment.
  static let times = [
    Mesh.Time(text: "2026-01-02T03:04:05Z", seconds: 100),
    Mesh.Time(text: "2026-01-02T05:04:05+02:00", seconds: 100),
    Mesh.Time(text: "2026-01-02T03:04:06Z", seconds: 101),
    Mesh.Time(text: "2025-12-31T23:59:59Z", seconds: 0),
    Mesh.Time(text: "2026-01-02T03:04:05.5Z", seconds: 100.5),
  ]

  static let issuers = ["https://idp.example", "idp", "idp/x", "https://other.example"]
  static let subjects = ["alice", "bob", "a/b", "", "*", "alice@idp.example", "a b"]
  static let audiences = ["one", "https://two/", "two", "three", "http://one"]
  /// What tokens and metadata hold, and what policies ask for.
  static let claims = ["a", "b", "ab", "read", "a", "b", "read", "ba", "7", "a\nb", "*b", ""]
  static let claimPatterns = ["a", "b", "ab", "read", "read", "read write", "7"]
  static let principals =
    [
      "*/alice", "*idp/alice", "idp/*", "idp/al*", "*alice", "idp*", "idp", "https://idp.example/*", "*/*",
      "https://idp.example*", "*@idp.example", "idp/x/bob", "idp/a/b", "https://idp.example/alice",
      "https://idp.example/bob", "idp/alice", "idp/bob", "*.example/alice", "https://idp.example/a*", "*",
      "https://*", "https://idp.example/", "*/bob", "*foo/*", "idp/x/*", "*b", "idp/", "http*", "i*",
    ]

  static let headers = ["a", "b", "a,b", "ab", "b,a", "alice", "alice", "bob", "7", "abc", "a,b,ab"]
  static let agents = ["curl/8", "curl/8,x", "Mozilla/5.0", "a,b"]
  static let filters = [".http.one", ".http.one", ".http.one.x"]
  static let metadataKeys = ["k", "k", "k.v"]
  static let nestedKeys = ["[k][g]", "[k][d][x]", "[k][roles]", "[k][n]", "[k.v][g]", "[k][none]"]
  static let nestedValues = [
    "7", "1.5", "-2", "0", "true", "true", "false", "fal*", "1e+21", "0.1", "*5", "7.0",
  ]
  static let numbers = ["7", "1.5", "-2", "0", "7.0", "1e21", "0.1", "-0"]
}
