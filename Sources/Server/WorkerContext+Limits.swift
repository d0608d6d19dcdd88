import Bytes
import DecisionLog
import ExtAuthz
import Metrics
import System

/// Checks whose message was not read: denied, or answered as `limits.answer` says.
extension WorkerContext {
  /// Answers the check in `message`, which the reader refused, into the empty `reply`. A proxy that lets requests pass
  /// when its authorizer fails must not let this one pass: whoever shapes the message would choose that.
  mutating func answerUnread(_ error: WireError) -> Answer {
    let limit: OverloadAnswers.Limit
    if error.statusCode == .resourceExhausted {
      limit = error == .messageSize ? .message : .parts
      cells.add(error == .messageSize ? metrics.limited.message : metrics.limited.parts, 1)
    } else {
      limit = .unreadable
      cells.add(metrics.limited.unreadable, 1)
    }
    if mayShow() { show(limit, error) }
    if writesDecisions { write(limit, error) }
    let answer = overload.write(limit, into: &reply)
    if limit == .unreadable, case .failure(let status, _) = answer { return .failure(status, error.text) }
    return answer
  }

  /// Keeps a denial for the operator's page, and logs a message that is no CheckRequest: proxies do not send any.
  private mutating func show(_ limit: OverloadAnswers.Limit, _ error: WireError) {
    if limit == .unreadable {
      report(
        .unreadableCheck,
        "a check cannot be read: \(error.text), at byte \(error.offset) of \(message.count); it is answered as "
          + "limits.answer says: \(settings.overload.rawValue)")
    }
    if !overload.isDenial { return }
    shown.removeAll()
    shown.append(limit.reason)
    let reasonCount = shown.count
    shown.append(error.text)
    let texts = shown.span
    let none = texts[0..<0]
    denials.add(
      time: Int64(wallSeconds), status: limit.httpStatus, reason: texts[0..<reasonCount],
      detail: texts[reasonCount..<texts.count], method: none, host: none, path: none)
  }

  /// Writes a line of the decision log. Nothing of the message is in it but the place of the fault.
  private mutating func write(_ limit: OverloadAnswers.Limit, _ error: WireError) {
    guard let decisions else { return }
    line.begin()
    line.addTime("time", nanoseconds: clock.wallNanoseconds())
    line.add("verdict", overload.label)
    line.add("status", UInt64(limit.httpStatus))
    line.add("reason", limit.reason)
    line.add("error", error.text)
    line.add("offset", UInt64(error.offset))
    line.add("bytes", UInt64(message.count))
    endLine(decisions)
  }
}
