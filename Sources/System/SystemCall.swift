import Glibc

/// Makes one libc call that answers -1 on failure, again when a signal interrupted it. Never inlined, and the
/// number is read right behind the call: nothing, no release and no other call, can come between and
/// overwrite it.
@inline(never)
func systemCall<Number: SignedInteger & FixedWidthInteger>(_ call: () -> Number) throws(Errno) -> Number {
  while true {
    let result = call()
    if result != -1 { return result }
    let number = errno
    if number != EINTR { throw Errno(rawValue: number) }
  }
}

/// The same for calls whose interruption ends them all the same (`close`, `epoll_wait`): never repeated.
@inline(never)
func systemCallOnce<Number: SignedInteger & FixedWidthInteger>(_ call: () -> Number) throws(Errno) -> Number {
  let result = call()
  if result != -1 { return result }
  throw Errno(rawValue: errno)
}

/// Runs a call and names it in the error.
func named<Result: ~Copyable>(
  _ operation: String, _ subject: String = "", _ body: () throws(Errno) -> Result
) throws(SystemError) -> Result {
  do {
    return try body()
  } catch {
    throw SystemError(operation, error, subject)
  }
}
