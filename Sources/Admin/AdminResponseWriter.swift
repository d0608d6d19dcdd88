import Bytes
import System

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
    // A page shows what clients have chosen: it may run and load nothing but what this server serves.
    head += "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    head += "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"
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
    let time = CivilTime(secondsSince1970: seconds)
    let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return "\(weekdays[time.weekday]), \(CivilTime.padded(time.day, 2)) \(names[time.month - 1]) "
      + "\(CivilTime.padded(time.year, 4)) \(time.clock) GMT"
  }
}
