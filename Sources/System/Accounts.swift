import Glibc

/// Users and groups of this machine, by name or number.
public enum Accounts {
  /// The number of a user: a number as it is, a name by the machine's own tables.
  public static func user(_ text: String) -> UInt32? {
    if let number = UInt32(text) { return number == .max ? nil : number }
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>?
    var buffer = [CChar](repeating: 0, count: 16_384)
    let result = unsafe getpwnam_r(text, &entry, &buffer, buffer.count, &found)
    return unsafe result == 0 && found != nil ? entry.pw_uid : nil
  }

  /// The number of a group, likewise.
  public static func group(_ text: String) -> UInt32? {
    if let number = UInt32(text) { return number == .max ? nil : number }
    var entry = unsafe Glibc.group()
    var found: UnsafeMutablePointer<Glibc.group>?
    // The members' names are part of it.
    var buffer = [CChar](repeating: 0, count: 262_144)
    let result = unsafe getgrnam_r(text, &entry, &buffer, buffer.count, &found)
    return unsafe result == 0 && found != nil ? entry.gr_gid : nil
  }
}
