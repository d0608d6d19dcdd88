import CLinux
import Glibc

/// How many threads this process can really run at once.
public enum Cores {
  /// The cores the scheduler may put this process on, cut to its cgroup's CPU quota (versions 2 and 1,
  /// rounded up: a quota of 1.5 cores is 2), at least 1. Reads files: ask once, at start.
  public static func usable() -> Int {
    let affinity = max(1, inAffinity())
    let membership = read("/proc/self/cgroup") ?? ""
    guard let quota = quota(membership: membership, read: read) else { return affinity }
    return max(1, min(affinity, quota))
  }

  /// Cores in the affinity mask; 0 when the kernel does not say.
  static func inAffinity() -> Int {
    // Room for 8,192 cores: the fixed cpu_set_t holds 1,024, and the call fails on a larger machine.
    var words = [UInt64](repeating: 0, count: 128)
    let got = unsafe words.withUnsafeMutableBytes { buffer -> Int32 in
      guard let start = buffer.baseAddress else { return -1 }
      return unsafe sched_getaffinity(0, buffer.count, start.assumingMemoryBound(to: cpu_set_t.self))
    }
    return got == 0 ? words.reduce(0) { $0 + $1.nonzeroBitCount } : 0
  }

  /// The smallest quota of the process's cgroup and those above it, in whole cores rounded up; nil without
  /// one.
  /// - Parameters:
  ///   - membership: the text of `/proc/self/cgroup`.
  ///   - read: gives a file's text, or nil when it cannot be read.
  static func quota(membership: String, read: @escaping (String) -> String?) -> Int? {
    var smallest: Int?
    for line in membership.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let controllers = fields[1].split(separator: ",")
      let limit: (String) -> Int?
      let root: String
      if fields[0] == "0" && controllers.isEmpty {
        root = "/sys/fs/cgroup"
        limit = { folder in read(folder + "/cpu.max").flatMap(cores(maximum:)) }
      } else if controllers.contains("cpu") {
        root = "/sys/fs/cgroup/cpu"
        limit = { folder in
          guard let quota = read(folder + "/cpu.cfs_quota_us"),
            let period = read(folder + "/cpu.cfs_period_us")
          else { return nil }
          return cores(quota: quota.prefix { $0 != "\n" }, period: period.prefix { $0 != "\n" })
        }
      } else {
        continue
      }
      for folder in folders(root: root, path: fields[2]) {
        if let found = limit(folder) { smallest = min(smallest ?? found, found) }
      }
    }
    return smallest
  }

  /// The cgroup's folder and all above it up to the root. In a container the path may name a place that is
  /// not mounted; its files are then missing, and the mounted root, which is the container's own group, still
  /// counts.
  private static func folders(root: String, path: Substring) -> [String] {
    var folders = [root]
    for name in path.split(separator: "/").prefix(64) where name != ".." && name != "." {
      folders.append((folders.last ?? root) + "/" + name)
    }
    return folders
  }

  /// `cpu.max`: `max 100000` or `150000 100000`.
  private static func cores(maximum text: String) -> Int? {
    let fields = text.split { $0 == " " || $0 == "\n" }
    return fields.count == 2 ? cores(quota: fields[0], period: fields[1]) : nil
  }

  private static func cores(quota: Substring, period: Substring) -> Int? {
    // `max`, and -1 in version 1, mean no limit; so does anything that is no number.
    guard let quota = Int(quota), let period = Int(period), quota > 0, period > 0 else { return nil }
    return max(1, quota / period + (quota % period == 0 ? 0 : 1))
  }

  private static func read(_ path: String) -> String? {
    guard let octets = try? Files.read(path, limit: 65_536) else { return nil }
    return String(decoding: octets, as: UTF8.self)
  }
}
