import Glibc

/// What the kernel knows about this process, for its metrics. A fact that cannot be read is nil, never 0.
public struct ProcessFacts: Sendable, Hashable {
  /// CPU time used by all threads, user and system, in seconds.
  public var cpuSeconds: Double?
  /// Octets of memory present.
  public var residentBytes: UInt64?
  /// Octets of address space.
  public var virtualBytes: UInt64?
  /// When the process started, in seconds since 1970.
  public var startTimeSeconds: Double?
  /// Descriptors open now.
  public var openDescriptors: Int?
  /// Descriptors that may be open (the soft limit).
  public var maximumDescriptors: UInt64?

  /// Reads them all: a handful of small files of /proc, about 100 us.
  public static func now() -> ProcessFacts {
    var facts = ProcessFacts()
    var usage = rusage()
    if unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 {
      facts.cpuSeconds = seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
    let pageSize = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    if let statm = text("/proc/self/statm")?.split(separator: " "), statm.count >= 2 {
      facts.virtualBytes = UInt64(statm[0]).map { $0 &* pageSize }
      facts.residentBytes = UInt64(statm[1]).map { $0 &* pageSize }
    }
    facts.startTimeSeconds = startTime()
    facts.openDescriptors = descriptorCount()
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      facts.maximumDescriptors = UInt64(limit.rlim_cur)
    }
    return facts
  }

  /// Raises the number of descriptors that may be open to what the system allows without privilege (the hard
  /// limit), as every server does at start: the soft limit is kept low for old programs that call `select`.
  /// - Returns: the limit that holds now; nil when it cannot be read.
  @discardableResult
  public static func raiseDescriptorLimit() -> UInt64? {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return nil }
    var raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
    let hasRaised = unsafe setrlimit(resource, &raised) == 0
    return UInt64(hasRaised ? limit.rlim_max : limit.rlim_cur)
  }

  /// proc(5): field 22 of `stat` is the start in ticks since boot; the name in field 2 may hold anything, so
  /// counting begins behind its closing parenthesis.
  private static func startTime() -> Double? {
    guard let stat = text("/proc/self/stat"), let close = stat.lastIndex(of: ")"), let boot = bootTime()
    else {
      return nil
    }
    let fields = stat[stat.index(after: close)...].split(separator: " ")
    guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
    return boot + ticks / Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
  }

  private static func bootTime() -> Double? {
    guard let line = text("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })
    else {
      return nil
    }
    return Double(line.dropFirst(6))
  }

  private static func descriptorCount() -> Int? {
    guard let stream = unsafe opendir("/proc/self/fd") else { return nil }
    defer { _ = unsafe closedir(stream) }
    var count = 0
    while let entry = unsafe readdir(stream) {
      if unsafe entry.pointee.d_name.0 != 0x2E { count += 1 }
    }
    // The folder's own descriptor is one of them.
    return max(0, count - 1)
  }

  private static func text(_ path: String) -> String? {
    // /proc/stat grows with the number of cores and interrupts.
    guard let octets = try? Files.read(path, limit: 4 << 20) else { return nil }
    return String(decoding: octets, as: UTF8.self)
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
