import Istio
import Policy
import TestSupport
import Testing

@Suite("Istio's own policies", .enabled(if: Vectors.available))
struct IstioDataTests {
  static let folder = "istio/pilot/pkg/security/authz/builder/testdata/http"

  func policies(_ file: String) throws -> [AuthorizationPolicy] {
    let text = ResourceText(name: file, octets: try Vectors.read("\(Self.folder)/\(file)"))
    return ResourceLoader().load([text]).resources.authorizationPolicies
  }

  @Test func `Every policy that loads compiles, and nothing of it is lost`() throws {
    var compiled = 0
    for file in try Vectors.list(Self.folder) where file.hasSuffix("-in.yaml") {
      let policies = try policies(file)
      let table = try DecisionTable(compiling: policies)
      let rules = policies.map { policy in
        if case .custom = policy.action { 0 } else { policy.rules.count }
      }
      #expect(table.size.rules == rules.reduce(0, +), "\(file)")
      compiled += policies.count
    }
    #expect(compiled >= 15)
  }

  @Test func `Aliases of the trust domain are those of Istio's example`() throws {
    var settings = PolicySettings()
    settings.trustDomain = "td1"
    settings.trustDomainAliases = ["cluster.local"]
    let table = try DecisionTable(
      compiling: try policies("simple-policy-td-aliases-in.yaml"), settings: settings)
    var scratch = PolicyScratch()
    for (domain, passes) in [("td1", true), ("cluster.local", true), ("td2", false)] {
      var request = Request.from("spiffe://\(domain)/ns/rule[1]/sa/from[0]-principal[0]")
      request.method = "rule[1]-to[0]-method[0]"
      #expect(try request.decide(table, &scratch).isAllowed == passes)
    }
  }

  @Test func `Trust domains are matched as in Istio's example`() throws {
    let table = try DecisionTable(compiling: try policies("trust-domains-in.yaml"))
    var scratch = PolicyScratch()
    for (identity, passes) in [
      ("spiffe://another.local/x", true), ("spiffe://good/x", true), ("spiffe://bad.one/x", false),
      ("spiffe://untrusted/x", false), ("spiffe://untrusted2/x", true),
    ] {
      #expect(try Request.from(identity).decide(table, &scratch).isAllowed == passes, "\(identity)")
    }
  }
}
