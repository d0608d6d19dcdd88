import Foundation

/// One request over HTTP/2, made of bytes: a path may hold what HTTP/1.1 and careful clients would not send.
enum HTTP2Request {
  /// The status of the answer to a GET.
  static func status(port: UInt16, path: [UInt8], host: String = "www.example.com") throws -> Int {
    let block =
      field(":method", Array("GET".utf8)) + field(":scheme", Array("http".utf8)) + field(":path", path)
      + field(":authority", Array(host.utf8))
    let request =
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, stream: 0, [])
      + frame(1, 5, stream: 1, block)
    let answer = try HTTPClient.exchange(port: port, request) { headers(in: $0) != nil }
    guard let block = headers(in: answer), let first = block.first else {
      throw Failure("no answer: \(answer)")
    }
    // The status comes first: one of the static table (RFC 7541 appendix A), or the name of entry 8 and a value.
    let known: [UInt8: Int] = [0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500]
    if let status = known[first] { return status }
    if [0x48, 0x08].contains(first), block.count >= 5, block[1] == 3,
      let status = Int(String(decoding: block[2..<5], as: UTF8.self))
    {
      return status
    }
    throw Failure("no status in \(block)")
  }

  /// A literal without indexing and without Huffman's code.
  private static func field(_ name: String, _ value: [UInt8]) -> [UInt8] {
    [0, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.count)] + value
  }

  private static func frame(_ type: UInt8, _ flags: UInt8, stream: UInt8, _ content: [UInt8]) -> [UInt8] {
    [0, 0, UInt8(content.count), type, flags, 0, 0, 0, stream] + content
  }

  /// The content of the first HEADERS frame, once it is there.
  private static func headers(in bytes: [UInt8]) -> [UInt8]? {
    var index = 0
    while index + 9 <= bytes.count {
      let count = Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
      let end = index + 9 + count
      if end > bytes.count { return nil }
      if bytes[index + 3] == 1 { return Array(bytes[(index + 9)..<end]) }
      index = end
    }
    return nil
  }
}
