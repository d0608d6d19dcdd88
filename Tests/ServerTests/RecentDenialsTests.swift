import Authorizer
import Bytes
import ExtAuthz
import Testing

@testable import Server

@Suite struct RecentDenialsTests {
  private func add(_ number: Int, to denials: RecentDenials, path: String = "/") {
    func octets(_ text: String) -> [UInt8] { Array(text.utf8) }
    let (reason, detail, method, host) = (octets("token"), octets("d\(number)"), octets("GET"), octets("h"))
    let path = octets(path)
    denials.add(
      time: Int64(number), status: 401, reason: reason.span, detail: detail.span, method: method.span,
      host: host.span, path: path.span)
  }

  @Test func `the last ones are kept, the oldest first`() {
    let denials = RecentDenials()
    #expect(denials.all.isEmpty)
    add(1, to: denials)
    #expect(
      denials.all == [
        RecentDenial(time: 1, status: 401, reason: "token", detail: "d1", method: "GET", host: "h", path: "/")
      ])
    for number in 2...100 { add(number, to: denials) }
    #expect(denials.all.map(\.time) == Array(69...100))
    #expect(denials.all.map(\.detail) == (69...100).map { "d\($0)" })
  }

  @Test func `what decided is kept beside the texts, and replaced with them`() throws {
    let denials = RecentDenials()
    let fixture = try Fixture()
    var service = CheckService(snapshot: fixture.snapshot, settings: CheckRequestSettings())
    var message = ByteBuffer()
    var output = ByteBuffer()
    var scratch = ByteBuffer()
    let token = try fixture.token(subject: "alice")
    var verdicts: [Verdict] = []
    for (generation, token) in [(7, token + "A"), (8, token)] as [(UInt64, String)] {
      message.removeAll()
      message.append(try Fixture.check(path: "/closed?token=secret", token: token))
      guard case .answered(let verdict) = service.answer(message, now: Fixture.now, into: &output) else {
        throw Unanswered()
      }
      service.show(verdict, message, time: 9, generation: generation, on: denials, scratch: &scratch)
      verdicts.append(verdict)
    }
    let shown = denials.all
    #expect(verdicts.map(\.reason) == [.token, .noRuleMatched])
    #expect(shown.map(\.facts) == verdicts.map { DenialFacts($0) })
    #expect(shown.map(\.generation) == [7, 8])
    // The issuer of a token that was refused; never its subject, and nothing of the token itself.
    #expect(shown.map(\.issuer) == [Fixture.issuerName, ""])
    #expect(!"\(shown)".contains("alice") && !"\(shown)".contains("secret") && !"\(shown)".contains("eyJ"))
    for number in 0..<RecentDenials.kept { add(number, to: denials) }
    #expect(denials.all.allSatisfy { $0.facts == nil && $0.issuer.isEmpty && $0.generation == 0 })
  }

  private struct Unanswered: Error {}

  @Test func `long texts are cut, and a shorter one leaves nothing of the longer one before`() {
    let denials = RecentDenials()
    for number in 0..<40 { add(number, to: denials, path: String(repeating: "x", count: 5_000)) }
    #expect(denials.all.allSatisfy { $0.path == String(repeating: "x", count: RecentDenials.mostOctets) })
    for number in 0..<40 { add(number, to: denials, path: "/y") }
    #expect(denials.all.allSatisfy { $0.path == "/y" })
  }
}
