import Foundation
import Testing

@testable import System

@Suite struct `An error of the system` {
  @Test func `names the operation, the subject and the reason`() {
    let error = SystemError("read", .noSuchFile, "/x.yaml", hint: "is it mounted?")
    #expect("\(error)" == "cannot read /x.yaml: No such file or directory (is it mounted?)")
    #expect("\(SystemError("start thread", .wouldBlock))".hasPrefix("cannot start thread: "))
  }

  @Test func `keeps a number that nobody has named`() {
    let errno = Errno(rawValue: 98_765)
    #expect(errno.rawValue == 98_765)
    #expect("\(errno)" == "Unknown error 98765")
    #expect(errno != .noSuchFile)
  }

  @Test func `tells exhaustion from a fault of the call`() {
    #expect(Errno.processDescriptorLimit.isExhaustion)
    #expect(!Errno.addressInUse.isExhaustion)
  }
}

@Suite struct `The number of usable cores` {
  private func quota(_ membership: String, _ files: [String: String]) -> Int? {
    Cores.quota(membership: membership, read: { files[$0] })
  }

  @Test func `is at least one and no more than the machine has`() {
    #expect(Cores.usable() >= 1)
    #expect(Cores.usable() <= ProcessInfo.processInfo.processorCount)
  }

  @Test func `follows a version 2 quota, rounded up`() {
    #expect(quota("0::/\n", ["/sys/fs/cgroup/cpu.max": "150000 100000\n"]) == 2)
    #expect(quota("0::/\n", ["/sys/fs/cgroup/cpu.max": "200000 100000\n"]) == 2)
    #expect(quota("0::/\n", ["/sys/fs/cgroup/cpu.max": "10000 100000\n"]) == 1)
  }

  @Test func `takes the smallest quota on the way up`() {
    let files = [
      "/sys/fs/cgroup/a/cpu.max": "300000 100000", "/sys/fs/cgroup/a/b/cpu.max": "800000 100000",
      "/sys/fs/cgroup/cpu.max": "max 100000",
    ]
    #expect(quota("0::/a/b\n", files) == 3)
    #expect(quota("0::/elsewhere/../a\n", files) == nil)
  }

  @Test func `follows a version 1 quota`() {
    let files = [
      "/sys/fs/cgroup/cpu/k/cpu.cfs_quota_us": "250000\n",
      "/sys/fs/cgroup/cpu/k/cpu.cfs_period_us": "100000\n",
    ]
    #expect(quota("5:memory:/k\n4:cpu,cpuacct:/k\n", files) == 3)
    #expect(quota("5:memory:/k\n", files) == nil)
  }

  @Test(arguments: [
    "max 100000", "", "0 100000", "-1 100000", "5 0", "x y", "100000", "99999999999999999999 1",
  ])
  func `is not cut by a quota that says nothing`(_ text: String) {
    #expect(quota("0::/\n", ["/sys/fs/cgroup/cpu.max": text]) == nil)
  }

  @Test(arguments: ["", "garbage", "0:", "::", "0::", "1:cpu"])
  func `survives any membership text`(_ text: String) {
    #expect(quota(text, [:]) == nil)
  }
}

@Suite struct `Clocks` {
  @Test func `of the system agree with the world and never go back`() {
    #expect(abs(Double(Clock.system.wallSeconds()) - Date().timeIntervalSince1970) < 2)
    #expect(abs(Double(Clock.system.wallNanoseconds()) / 1e9 - Date().timeIntervalSince1970) < 2)
    var last = Clock.system.monotonicNanoseconds()
    for _ in 0..<1_000 {
      let next = Clock.system.monotonicNanoseconds()
      #expect(next >= last)
      last = next
    }
    #expect(Clock.system.threadCPUNanoseconds() > 0)
  }

  @Test func `of a test move only by hand, also from another thread`() throws {
    let manual = ManualClock(wallSeconds: 100, monotonicNanoseconds: 5)
    let clock = Clock.manual(manual)
    let thread = try Thread.start(name: "clock") { manual.advance(seconds: 3) }
    thread.join()
    #expect(clock.wallSeconds() == 103)
    #expect(clock.monotonicNanoseconds() == 3_000_000_005)
    manual.setWall(seconds: -7)
    #expect(clock.wallSeconds() == -7)
    #expect(clock.monotonicNanoseconds() == 3_000_000_005)
  }
}

@Suite struct `Randomness of` {
  @Test func `the system differs each time and fills what was asked`() throws {
    #expect(try Randomness.system.octets(0).isEmpty)
    #expect(try Randomness.system.octets(100_000).count == 100_000)
    #expect(try Randomness.system.octets(32) != Randomness.system.octets(32))
    #expect(try Randomness.system.word() != Randomness.system.word())
  }

  @Test func `a test repeats`() throws {
    let one = Randomness.repeatable(RepeatableRandomness(seed: 7))
    let same = Randomness.repeatable(RepeatableRandomness(seed: 7))
    let other = Randomness.repeatable(RepeatableRandomness(seed: 8))
    let first = try one.octets(16)
    #expect(try first == same.octets(16))
    #expect(try first != other.octets(16))
    #expect(try first != one.octets(16))
  }
}

@Suite struct `Threads` {
  struct Owned: ~Copyable, Sendable {
    let number: Int
    let ended: Flag
    deinit { ended.raise() }
  }

  @Test func `run their body under their name, cut to what the kernel keeps`() throws {
    let name = Slot<String>()
    let thread = try Thread.start(name: "countersign-worker-1") {
      name.put((try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? "")
    }
    thread.join()
    #expect(name.value == "countersign-wor\n")
  }

  @Test func `take noncopyable state with them and end it`() throws {
    let ended = Flag()
    let number = Slot<Int>()
    let thread = try Thread.start(name: "owner", moving: Owned(number: 42, ended: ended)) { state in
      number.put(state.number)
    }
    thread.join()
    #expect(number.value == 42)
    #expect(ended.isRaised)
  }

  @Test func `that are dropped run on`() throws {
    let ran = Flag()
    do { _ = try Thread.start(name: "dropped") { ran.raise() } }
    #expect(ran.wait(seconds: 5))
  }
}

@Suite struct `Process facts` {
  @Test func `are those of a living process`() throws {
    let facts = ProcessFacts.now()
    #expect(try #require(facts.cpuSeconds) > 0)
    #expect(try #require(facts.residentBytes) > 1 << 20)
    #expect(try #require(facts.virtualBytes) >= #require(facts.residentBytes))
    let start = try #require(facts.startTimeSeconds)
    let age = Date().timeIntervalSince1970 - start
    #expect(age > -2 && age < 86_400)
    #expect(try #require(facts.maximumDescriptors) >= 64)
  }

  @Test func `count open descriptors`() throws {
    ProcessFacts.raiseDescriptorLimit()
    // Other tests open and close meanwhile: what this one holds is the least there can be.
    var files: [FileHandle] = []
    for _ in 0..<300 { files.append(try #require(FileHandle(forReadingAtPath: "/dev/null"))) }
    let facts = ProcessFacts.now()
    #expect(try #require(facts.openDescriptors) >= 300)
    #expect(try UInt64(#require(facts.openDescriptors)) < #require(facts.maximumDescriptors))
    for file in files { try file.close() }
  }

  @Test func `show the raised limit of descriptors`() throws {
    let raised = try #require(ProcessFacts.raiseDescriptorLimit())
    #expect(ProcessFacts.now().maximumDescriptors == raised)
    #expect(ProcessFacts.raiseDescriptorLimit() == raised)
  }
}
