import Bytes
import Glibc

/// Whole files, at start and at reload. Blocking; never on a worker.
public enum Files {
  /// What stands at a path, links followed.
  public enum Kind: Sendable, Hashable { case file, folder, other }

  /// What stands at the path; nil when nothing does.
  /// - Throws: when that cannot be found out (a folder above that may not be entered).
  public static func kind(_ path: String) throws(SystemError) -> Kind? {
    do {
      let status = try status(path)
      return switch status.st_mode & S_IFMT {
      case S_IFREG: .file
      case S_IFDIR: .folder
      default: .other
      }
    } catch {
      if error == .noSuchFile || error == .notFolder { return nil }
      throw SystemError("look at", error, path)
    }
  }

  /// Reads a file whole; pipes too, until their end.
  /// - Parameter limit: octets; a longer file is an error (`fileTooLarge`) and at most one octet more is
  ///   read.
  public static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
    try read(try open(path, O_RDONLY, mode: 0, operation: "read"), path, limit: limit)
  }

  /// The same of a file that is open.
  static func read(
    _ file: borrowing FileDescriptor, _ path: String, limit: Int
  ) throws(SystemError) -> [UInt8] {
    let number = file.rawValue
    var octets: [UInt8] = []
    let piece = 65_536
    while true {
      let wanted = min(piece, limit - octets.count) + 1
      let held = octets.count
      octets.append(contentsOf: repeatElement(0, count: wanted))
      let got = try named("read", path) { () throws(Errno) -> Int in
        try systemCall {
          unsafe octets.withUnsafeMutableBytes { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return unsafe Glibc.read(number, start + held, wanted)
          }
        }
      }
      octets.removeLast(wanted - got)
      if octets.count > limit {
        throw SystemError("read", .fileTooLarge, path, hint: "more than \(limit) octets")
      }
      if got == 0 { return octets }
    }
  }

  /// Writes a file whole and atomically: a reader sees the old content or the new, also after a crash. The
  /// file is new in the folder under another name until it is complete, and has exactly `mode` from its first
  /// octet (0600 for anything secret).
  public static func write(_ octets: Span<UInt8>, to path: String, mode: UInt32 = 0o644) throws(SystemError) {
    let suffix = String(try Randomness.system.word(), radix: 36)
    let temporary = path + ".new-" + suffix
    let file = try open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: mode, operation: "write")
    do throws(Errno) {
      // The umask may have cut the mode; fchmod says exactly what was asked.
      _ = try systemCall { fchmod(file.rawValue, mode_t(mode)) }
      try writeAll(octets, to: file.rawValue)
      _ = try systemCall { fsync(file.rawValue) }
      _ = try systemCall { unsafe rename(temporary, path) }
    } catch {
      _ = unsafe unlink(temporary)
      throw SystemError("write", error, path)
    }
    // The rename itself reaches the disk with its folder. Some file systems refuse this; the content is safe
    // there.
    if let folder = try? open(folder(of: path), O_RDONLY | O_DIRECTORY, mode: 0, operation: "open") {
      _ = fsync(folder.rawValue)
    }
  }

  /// Writes text whole and atomically.
  public static func write(_ text: String, to path: String, mode: UInt32 = 0o644) throws(SystemError) {
    try write(Array(text.utf8).span, to: path, mode: mode)
  }

  /// Removes a file; one that is not there is no error.
  public static func remove(_ path: String) throws(SystemError) {
    do {
      _ = try systemCall { unsafe unlink(path) }
    } catch {
      if error != .noSuchFile { throw SystemError("remove", error, path) }
    }
  }

  /// Makes a folder and those above it; one that is there is left as it is.
  public static func makeFolder(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
    if let kind = try kind(path) {
      if kind == .folder { return }
      throw SystemError("make folder", .notFolder, path)
    }
    let above = folder(of: path)
    if above != path && above != "." && above != "/" { try makeFolder(above, mode: mode) }
    do {
      _ = try systemCall { unsafe mkdir(path, mode_t(mode)) }
    } catch {
      // Another process may have made it meanwhile.
      if error == .exists, try kind(path) == .folder { return }
      throw SystemError("make folder", error, path)
    }
  }

  /// The folder part of a path: `.` for a bare name.
  static func folder(of path: String) -> String {
    let trimmed = path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
  }

  static func open(
    _ path: String, _ flags: Int32, mode: UInt32, operation: String
  ) throws(SystemError) -> FileDescriptor {
    if path.utf8.contains(0) { throw SystemError(operation, .invalidArgument, path) }
    return try named(operation, path) { () throws(Errno) -> FileDescriptor in
      FileDescriptor(owning: try systemCall { unsafe Glibc.open(path, flags | O_CLOEXEC, mode_t(mode)) })
    }
  }

  static func status(_ path: String) throws(Errno) -> stat {
    if path.utf8.contains(0) { throw .invalidArgument }
    var status = stat()
    _ = try systemCall { unsafe stat(path, &status) }
    return status
  }

  private static func writeAll(_ octets: Span<UInt8>, to descriptor: Int32) throws(Errno) {
    var done = 0
    while done < octets.count {
      let rest = octets[done..<octets.count]
      done += try systemCall {
        unsafe rest.withUnsafeBufferPointer { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      }
    }
  }
}
