import CLinux
import Glibc

/// Tells that something in some folders may have changed: files written, made, removed, renamed, or links
/// exchanged, as Kubernetes does with mounted ConfigMaps. It watches folders, never files: a file that is replaced
/// is another file.
public struct FolderWatch: ~Copyable, Sendable {
  private let owner: FileDescriptor

  /// Readable when something has happened: for a poller.
  public var descriptor: Int32 { owner.rawValue }

  /// Watches nothing yet.
  public init() throws(SystemError) {
    owner = try named("watch folders") { () throws(Errno) -> FileDescriptor in
      FileDescriptor(
        owning: try systemCall { inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) })
    }
  }

  /// Watches a folder, from now on; one that is watched already costs nothing.
  /// - Throws: also when the system's limit of watches is reached (`fs.inotify.max_user_watches`).
  public func add(_ folder: String) throws(SystemError) {
    let events =
      IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF
      | IN_MOVE_SELF | Int32(bitPattern: UInt32(IN_ONLYDIR))
    _ = try named("watch", folder) { () throws(Errno) -> Int32 in
      try systemCall { unsafe inotify_add_watch(owner.rawValue, folder, UInt32(bitPattern: events)) }
    }
  }

  /// Whether anything has happened since the last call. What it was is not told: whoever wants to know looks at all
  /// of it, so that an event that got lost (the queue is bounded) costs nothing.
  public func hasChanged() -> Bool {
    var found = false
    unsafe withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 8) { buffer in
      while let count = try? systemCall({ unsafe read(owner.rawValue, buffer.baseAddress, buffer.count) }),
        count > 0
      {
        found = true
      }
    }
    return found
  }
}
