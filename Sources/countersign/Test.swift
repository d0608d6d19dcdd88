import ArgumentParser
import Istio
import PolicyTesting
import System

/// Runs tests of policies.
struct Test: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Test policies: requests with tokens made on the fly, and what must become of them.",
    discussion: """
      A test file names policies and a workload, and lists requests:

        policies: [policies/]          # relative to this file; or `resources:`, a list of inline ones
        workload: istio-system/app=istio-ingressgateway
        settings: {trustedProxies: 1}  # optional: keys as in the configuration file
        now: 2026-01-01T00:00:00Z      # optional: the time of every request
        issuers:                       # new keys take the place of jwks and jwksUri of these issuers' rules
          - {issuer: https://dev.example, algorithm: ES256}
        tests:
          - name: the product page is open to all
            request: {path: /productpage}
            expect: {status: 200}
          - name: alice may read, and the service behind sees who she is
            request: {method: GET, path: /api, host: shop.example, headers: {x-a: b}, sourceIP: 10.0.0.1}
            token: {issuer: https://dev.example, subject: alice, claims: {groups: [a]}}
            expect:
              status: 200
              decidedBy: {policy: istio-system/readers, rule: 0}
              headers: {set: {x-user: alice}, removed: [authorization]}
          - name: an expired token is refused
            request: {path: /api}
            token: {issuer: https://dev.example, expiresIn: -5m}
            expect: {status: 401, reason: token, body: Jwt is expired}

      request: method, path, host, scheme, headers (a list is several lines), rawHeaders (true: lines stay
               apart, as with encode_raw_headers), sourceIP, principal (spiffe://…), certificate
               (the peer's, as PEM), destinationIP, port, destinationPrincipal, sni,
               metadata ({FILTER: {key: value}}).
      token:   none; {text: RAW}; or issuer, subject, claims, audiences, expiresIn (1h, -5m, never),
               notBeforeIn, algorithm, keyID, tampered. `in:` header (default), param NAME or cookie NAME.
               Without issuer: signed with the keys of the rules that name no issuer (any issuer is right for
               them), and without `iss` unless the claims have one.
      expect:  status (200, 401, 403), decidedBy ({policy, rule}, NAMESPACE/NAME or none), policy,
               reason (allowed, token, denied_by_rule, no_rule_matched, malformed_path, …), body, headers.

      A rule that matched no request, and a jwtRule that accepted no token, is named
      after the run. Exit code: 0 when all pass, 1 when one fails or a file is bad,
      2 for a bad command line.
      """)

  @Argument(help: "Test files (YAML).")
  var files: [String] = []

  @Option(help: ArgumentHelp("Run the tests whose name or file contains this.", valueName: "text"))
  var filter: String = ""

  @Option(help: ArgumentHelp("Write the results as JUnit XML.", valueName: "file"))
  var junit: String?

  @Flag(help: "Print every rule, reached or not.")
  var coverage = false

  @Flag(help: "Fail when no test reached some rule.")
  var requireCoverage = false

  @Option(help: "Threads; 0: one for each core.")
  var threads: Int = 0

  func run() throws {
    if files.isEmpty { throw CommandFailure.usage("no test file given; see countersign test --help") }
    guard 0...1024 ~= threads else { throw CommandFailure.usage("--threads: from 0 to 1024") }
    var suites: [TestSuite] = []
    var isRefused = false
    for file in files {
      do { suites.append(try TestSuite(reading: file)) } catch {
        for diagnostic in error.diagnostics { Terminal.error(diagnostic.description) }
        isRefused = true
      }
    }
    if isRefused { throw ExitCode(1) }
    let run = TestRun(suites, filter: filter, threads: threads)
    for result in run.results where !result.passed { print(TestRun.text(of: result)) }
    // What a filter leaves out reaches nothing: only the whole says something about coverage.
    if coverage {
      for (rule, isReached) in run.coverage { print("\(rule) was \(isReached ? "" : "not ")reached") }
    } else if filter.isEmpty {
      for rule in run.unreached { print("\(rule) was not reached by any test") }
    }
    if let junit { try write(run.junit, to: junit) }
    print(run.summary)
    if run.results.isEmpty { throw CommandFailure.failed("error: no test matches `\(filter)`") }
    if run.failures > 0 || (requireCoverage && !run.unreached.isEmpty) { throw ExitCode(1) }
  }

  private func write(_ text: String, to file: String) throws {
    do { try Files.write(text, to: file) } catch { throw CommandFailure.failed("error: --junit: \(error)") }
  }
}
