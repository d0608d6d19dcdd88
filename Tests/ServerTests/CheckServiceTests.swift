import Authorizer
import Bytes
import ExtAuthz
import ExtAuthzTestMessages
import JWT
import Signatures
import SwiftProtobuf
import TestSupport
import Testing

@testable import Server

/// From octets to octets, without a connection.
struct CheckServiceTests {
  private static let made = Result { try Fixture() }
  private let fixture: Fixture

  init() throws { fixture = try Self.made.get() }

  private struct Answered {
    var verdict: Verdict
    var response: WireCheckResponse
    var denied: WireDeniedHTTPResponse { response.deniedResponse }
    func header(_ name: String) -> String? { denied.headers.first { $0.header.key == name }?.header.value }
    func metadata(_ key: String) -> String? { response.dynamicMetadata.fields[key]?.stringValue }
  }

  private func answer(_ message: [UInt8], now: UInt64 = Fixture.now) throws -> Answered {
    var service = CheckService(snapshot: fixture.snapshot, settings: CheckRequestSettings())
    var output = ByteBuffer()
    guard case .answered(let verdict) = service.answer(message.span, now: now, into: &output) else {
      throw Unreadable()
    }
    return Answered(verdict: verdict, response: try WireCheckResponse(serializedBytes: output.copy()))
  }

  private struct Unreadable: Error {}

  @Test func `an allowed check without a token changes only what clients must not set`() throws {
    let answered = try answer(Fixture.check())
    #expect(answered.verdict.isAllowed && answered.response.status.code == 0)
    #expect(answered.response.okResponse.headers.isEmpty)
    #expect(answered.response.okResponse.headersToRemove == ["x-subject"])
  }

  @Test func `an allowed check with a token carries its claims`() throws {
    for key in 0..<2 {
      let answered = try answer(Fixture.check(token: fixture.token(subject: "bob", key: key)))
      #expect(answered.verdict.isAllowed)
      let headers = answered.response.okResponse.headers
      #expect(headers.map(\.header.key) == ["x-subject"])
      #expect(headers.map(\.header.value) == ["bob"])
      #expect(!answered.response.okResponse.headersToRemove.contains("x-subject"))
    }
  }

  @Test func `a request that no rule allows is denied with its reason`() throws {
    let answered = try answer(Fixture.check(path: "/closed"))
    #expect(!answered.verdict.isAllowed && answered.response.status.code == 7)
    #expect(answered.denied.status.code == 403 && answered.denied.body == "RBAC: access denied")
    #expect(answered.metadata("reason") == "no_rule_matched")
    #expect(answered.metadata("rule") == nil && answered.metadata("token") == nil)
    #expect(answered.header("www-authenticate") == nil)
  }

  @Test func `a rule that denies is named to the proxy and not to the client`() throws {
    let answered = try answer(Fixture.check(path: "/never"))
    #expect(answered.denied.status.code == 403 && answered.denied.body == "RBAC: access denied")
    #expect(answered.metadata("reason") == "denied_by_rule")
    #expect(answered.metadata("rule") == "ns[a]-policy[never]-rule[0]")
    #expect(!answered.denied.headers.contains { $0.header.value.contains("never") })
  }

  @Test func `a refused token is a 401 in Envoy's words`() throws {
    let expired = try answer(Fixture.check(token: fixture.token(expiry: 1_600_000_000)))
    #expect(expired.denied.status.code == 401 && expired.response.status.code == 16)
    #expect(expired.denied.body == "Jwt is expired")
    #expect(expired.metadata("reason") == "token" && expired.metadata("token") == "Jwt is expired")
    #expect(
      expired.header("www-authenticate") == "Bearer realm=\"https://h.example/open\", error=\"invalid_token\""
    )
    let valid = try fixture.token()
    let forged = String(valid.dropLast(8)) + (valid.hasSuffix("AAAAAAAA") ? "BBBBBBBB" : "AAAAAAAA")
    #expect(try answer(Fixture.check(token: forged)).denied.body == "Jwt verification fails")
    #expect(try answer(Fixture.check(token: "nonsense")).denied.status.code == 401)
  }

  @Test func `checks that nobody can judge are denied with a reason of their own`() throws {
    let unknown = try answer(Fixture.check(workload: "other"))
    #expect(unknown.denied.status.code == 403 && unknown.metadata("reason") == "unknown_workload")
    var request = Fixture.request()
    request.attributes.request = WireRequest()
    let plain = try answer(request.serializedBytes())
    #expect(plain.denied.status.code == 403 && plain.metadata("reason") == "not_http")
    #expect(try !answer([]).verdict.isAllowed)
  }

  @Test func `what cannot be read is no answer`() {
    var service = CheckService(snapshot: fixture.snapshot, settings: CheckRequestSettings())
    var output = ByteBuffer()
    let outcome = service.answer([0x0A, 0x05].span, now: 0, into: &output)
    guard case .unreadable(.length) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    expect(output.isEmpty)
  }

  @Test func `verifications are counted by algorithm and result`() throws {
    var service = CheckService(snapshot: fixture.snapshot, settings: CheckRequestSettings())
    var output = ByteBuffer()
    let good = try Fixture.check(token: fixture.token(key: 1))
    let late = try Fixture.check(token: fixture.token(expiry: 1))
    for message in [good, good, late] { _ = service.answer(message.span, now: Fixture.now, into: &output) }
    let counts = service.verifications
    expect(counts.total(.edDSA, succeeded: true), equals: 2)
    expect(counts.total(.es256, succeeded: true) + counts.total(.es256, succeeded: false), equals: 0)
  }

  @Test func `no damaged message is allowed what its rules do not allow`() throws {
    var random = SeededGenerator(announcing: #function)
    var service = CheckService(snapshot: fixture.snapshot, settings: CheckRequestSettings())
    var output = ByteBuffer()
    let whole = try Fixture.check(path: "/closed", token: fixture.token(), headers: ["x-a": "b"])
    var answered = 0
    for _ in 0..<4_000 {
      var message = whole
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let at = Int.random(in: 0..<message.count, using: &random)
        if Bool.random(using: &random) {
          message[at] = UInt8.random(in: 0...255, using: &random)
        } else {
          message.remove(at: at)
        }
      }
      output.removeAll()
      switch service.answer(message.span, now: Fixture.now, into: &output) {
      case .unreadable, .wanting, .beyondLimit: expect(output.isEmpty)
      case .answered(let verdict):
        answered += 1
        let response = try WireCheckResponse(serializedBytes: output.copy())
        #expect((response.status.code == 0) == verdict.isAllowed)
        #expect(!verdict.isAllowed)
      }
    }
    #expect(answered > 100)
  }
}
