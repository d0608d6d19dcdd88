import Configuration
import Istio
import Testing

struct WorkloadFlagTests {
  private func workload(_ flag: String) throws -> Workload {
    var configuration = ServiceConfiguration()
    try configuration.setDefaultWorkload(flag: flag)
    #expect(configuration.defaultWorkload == Workload.flagName)
    return try #require(configuration.workloads.first)
  }

  @Test func `a namespace and labels make the default workload`() throws {
    let made = try workload("istio-system/app=istio-ingressgateway,version=v1")
    #expect(made.namespace == "istio-system")
    #expect(made.labels == ["app": "istio-ingressgateway", "version": "v1"])
  }

  @Test func `labels may be absent, empty and hold an equals sign or a slash`() throws {
    #expect(try workload("a/").labels == [:])
    #expect(try workload("a/b=").labels == ["b": ""])
    #expect(try workload("a/b=c=d").labels == ["b": "c=d"])
    #expect(try workload("a/example.com/b=c").labels == ["example.com/b": "c"])
  }

  @Test(arguments: ["", "a", "/a=b", "a/b", "a/=b", "a/b=c,", "a/,b=c", "a/b=c,,d=e"])
  func `another text is refused with what would be right`(flag: String) {
    var configuration = ServiceConfiguration()
    let error = #expect(throws: WorkloadFlagError.self) { try configuration.setDefaultWorkload(flag: flag) }
    #expect(error?.description.contains("`\(flag)` is not a workload: write NAMESPACE/key=value") == true)
    #expect(configuration.workloads.isEmpty && configuration.defaultWorkload == nil)
  }

  @Test func `the flag wins over the file's default and leaves its workloads`() throws {
    var read = try configuration(
      "workloads: [{name: a, namespace: n}, {name: default, namespace: old}]\ndefaultWorkload: a")
    try read.setDefaultWorkload(flag: "new/x=y")
    #expect(read.workloads.map(\.name) == ["a", "default"])
    #expect(read.workloads.last?.namespace == "new")
    #expect(read.defaultWorkload == "default")
  }
}
