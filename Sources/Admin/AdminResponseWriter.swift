import Bytes

/// Writes answers as RFC 9112 says.
enum AdminResponseWriter {
  /// - Parameters:
  ///   - isHead: a HEAD is answered with the head of the GET (RFC 9110 section 9.3.2).
  ///   - keepsAlive: false says that the connection ends after this answer.
  ///   - now: seconds since 1970.
  static func write(
    _ response: AdminResponse, isHead: Bool, keepsAlive: Bool, now: Int64, into buffer: inout ByteBuffer
  ) {
    var head = "HTTP/1.1 \(response.status) \(reason(response.status))\r\n"
    head += "Date: \(HTTPDate.text(now))\r\n"
    head += "Content-Type: \(response.contentType)\r\n"
    head += "Content-Length: \(response.body.count)\r\n"
    // Every answer is of this moment, and never a page that a browser should guess a type for.
    head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    if response.status == 405 { head += "Allow: GET, HEAD\r\n" }
    if !keepsAlive { head += "Connection: close\r\n" }
    buffer.append(Array((head + "\r\n").utf8))
    if !isHead { buffer.append(response.body) }
  }

  private static func reason(_ status: UInt16) -> String {
    switch status {
    case 200: "OK"
    case 400: "Bad Request"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 414: "URI Too Long"
    case 431: "Request Header Fields Too Large"
    case 503: "Service Unavailable"
    case 505: "HTTP Version Not Supported"
    default: ""
    }
  }
}

/// The date of RFC 9110 section 5.6.7.
enum HTTPDate {
  /// `Sun, 06 Nov 1994 08:49:37 GMT`; moments before 1970 or after 9999 are shown as the nearest bound.
  static func text(_ seconds: Int64) -> String {
    let seconds = min(max(seconds, 0), 253_402_300_799)
    let days = Int(seconds / 86_400)
    let second = Int(seconds % 86_400)
    // Days to a civil date: years that begin in March, in eras of 400 years (146,097 days).
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let clock = [second / 3_600, second / 60 % 60, second % 60].map { padded($0, 2) }.joined(separator: ":")
    return "\(weekdays[days % 7]), \(padded(day, 2)) \(names[month - 1]) \(padded(year, 4)) \(clock) GMT"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
