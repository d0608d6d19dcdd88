import Authorizer
import Benchmark
import Bytes
import Check
import ExtAuthz
import Issuer
import JWT
import Signatures

// What a check costs in memory, without a connection: reading, tokens, tables, and the whole.

let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.cpuTotal, .throughput], timeUnits: .nanoseconds, warmupIterations: 10,
    scalingFactor: .kilo, maxDuration: .seconds(1), maxIterations: 10_000)
  parsing()
  checks()
}

@Sendable private func parsing() {
  guard let issuer = try? DevelopmentIssuer.generate(name: "https://issuer.example", algorithms: [.es256]),
    let token = try? issuer.token(
      claims: Claims(
        json: "{\"groups\":[\"admins\",\"developers\",\"operators\"],\"scope\":\"openid profile email\"}",
        subject: "user", audiences: ["a"], expiry: 4_000_000_000))
  else { fatalError("no token") }
  let text = Array(token.utf8)
  Benchmark("token of \(text.count) bytes, read") { benchmark in
    var token = UnverifiedToken()
    for _ in benchmark.scaledIterations {
      do { try token.parse(text.span) } catch { fatalError("\(error)") }
      blackHole(token.expiry)
    }
  }
  let octets = message(path: "/api/v1/item-0/x", token: token)
  Benchmark("CheckRequest of \(octets.count) bytes, read") { benchmark in
    var check = Check()
    for _ in benchmark.scaledIterations {
      do { try CheckRequestReader.read(octets.span, into: &check) } catch { fatalError("\(error)") }
      blackHole(check.hasHTTP)
    }
  }
}

@Sendable private func checks() {
  func measure(_ name: String, allowed: Bool = true, _ make: () throws -> Gate) {
    guard let gate = try? make() else { fatalError("no gate for \(name)") }
    precondition(gate.ask() == allowed, name)
    Benchmark("check, \(name)") { benchmark in
      for _ in benchmark.scaledIterations { blackHole(gate.ask()) }
    }
  }
  measure("no token", allowed: false) { try Gate(rules: 10, issuers: 1, tokens: 0) }
  for rules in [10, 100, 1_000, 10_000] {
    measure("known token, \(rules) rules") { try Gate(rules: rules, issuers: 1, tokens: 1) }
  }
  for issuers in [1, 10, 100, 1_000] {
    measure("known token, \(issuers) issuers") { try Gate(rules: 10, issuers: issuers, tokens: 1) }
  }
  for algorithm in [Algorithm.es256, .rs256] {
    measure("distinct \(algorithm.name) tokens") {
      try Gate(rules: 10, issuers: 1, tokens: 2_000, algorithm: algorithm, cacheOctets: 0)
    }
    measure("distinct \(algorithm.name) tokens, 1000 issuers") {
      try Gate(rules: 10, issuers: 1_000, tokens: 2_000, algorithm: algorithm, cacheOctets: 0)
    }
  }
}
