import Bytes
import Check
import ExtAuthz
import ExtAuthzTestMessages
import SwiftProtobuf
import TestSupport
import Testing

/// Our writer against swift-protobuf's reader.
struct CheckResponseWriterTests {
  private func allowed(_ changes: borrowing RequestChanges) throws -> (octets: [UInt8], WireCheckResponse) {
    // Something stands in the output before: a frame's header.
    var output = ByteBuffer(capacity: 1)
    output.append("before")
    CheckResponseWriter.writeAllowed(changes: changes, into: &output)
    let octets = Array(output.copy().dropFirst(6))
    return (octets, try WireCheckResponse(serializedBytes: octets))
  }

  private func denied(_ response: borrowing DeniedResponse) throws -> (octets: [UInt8], WireCheckResponse) {
    var output = ByteBuffer(capacity: 1)
    CheckResponseWriter.writeDenied(response, into: &output)
    return (output.copy(), try WireCheckResponse(serializedBytes: output.copy()))
  }

  // MARK: Allowed

  @Test func `an answer without changes is a status that is OK and nothing else`() throws {
    let (octets, message) = try allowed(RequestChanges())
    #expect(octets == [0x0A, 0x00])
    #expect(message.hasStatus && message.status.code == 0)
    #expect(message.httpResponse == nil)
  }

  @Test func `a header that is set replaces what the client sent, spelled so that every proxy agrees`() throws
  {
    var changes = RequestChanges()
    changes.setHeader(Array("x-user".utf8).span) { $0.append("good") }
    let (octets, message) = try allowed(changes)
    let option = try #require(message.okResponse.headers.first)
    #expect(option.header.key == "x-user" && option.header.value == "good")
    #expect(option.hasAppend && !option.append.value)
    #expect(option.appendAction == .overwriteIfExistsOrAdd)
    #expect(!option.keepEmptyValue)
    // The spelling that was tried against real proxies.
    #expect(octets.suffix(4) == [0x12, 0x00, 0x18, 0x02])
  }

  @Test func `an empty value is kept`() throws {
    var changes = RequestChanges()
    changes.setHeader(Array("x-empty".utf8).span) { _ in }
    let option = try #require(try allowed(changes).1.okResponse.headers.first)
    #expect(option.header.key == "x-empty" && option.header.value.isEmpty)
    #expect(option.keepEmptyValue)
  }

  @Test func `random changes arrive as they were made`() throws {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    var changes = RequestChanges()
    var output = ByteBuffer(capacity: 1)
    for _ in 0..<3_000 {
      changes.reset()
      output.removeAll()
      for _ in 0..<Int.random(in: 0...4, using: &random.generator) {
        changes.removeHeader(Array(random.text(6).utf8).span)
      }
      for _ in 0..<Int.random(in: 0...4, using: &random.generator) {
        let value = random.text()
        changes.setHeader(Array(random.text(6).utf8).span) { $0.append(Array(value.utf8)) }
      }
      for _ in 0..<Int.random(in: 0...3, using: &random.generator) {
        changes.removeParameter(Array(random.text(6).utf8).span)
      }
      CheckResponseWriter.writeAllowed(changes: changes, into: &output)
      let message = try WireCheckResponse(serializedBytes: output.copy())
      let octets = changes.octets.copy()
      func text(_ range: ByteRange) -> String { String(decoding: octets[range.indices], as: UTF8.self) }
      #expect(message.status.code == 0)
      #expect(message.okResponse.headers.map(\.header.key) == changes.setHeaders.map { text($0.name) })
      #expect(message.okResponse.headers.map(\.header.value) == changes.setHeaders.map { text($0.value) })
      #expect(message.okResponse.headers.allSatisfy { $0.hasAppend && !$0.append.value })
      #expect(message.okResponse.headers.allSatisfy { $0.keepEmptyValue == $0.header.value.isEmpty })
      #expect(message.okResponse.headersToRemove == changes.removedHeaders.map(text))
      #expect(message.okResponse.queryParametersToRemove == changes.removedParameters.map(text))
      #expect(message.okResponse.unknownFields.data.isEmpty && message.unknownFields.data.isEmpty)
    }
  }

  // MARK: Denied

  @Test func `a denial carries status, headers, body and metadata`() throws {
    var response = DeniedResponse()
    response.reset(.unauthorized)
    response.setBody("Jwt is missing")
    response.addHeader("www-authenticate") { $0.append("Bearer realm=\"http://host/\"") }
    response.addHeader("set-cookie") { $0.append("a=1") }
    response.addHeader("set-cookie") { $0.append("b=2") }
    response.addMetadata("reason") { $0.append("jwt-missing") }
    response.addMetadata("rule") { _ in }
    let message = try denied(response).1
    #expect(message.status.code == 16)
    #expect(message.deniedResponse.status.code == 401)
    #expect(message.deniedResponse.body == "Jwt is missing")
    #expect(
      message.deniedResponse.headers.map { "\($0.header.key): \($0.header.value)" } == [
        "www-authenticate: Bearer realm=\"http://host/\"", "set-cookie: a=1", "set-cookie: b=2",
      ])
    #expect(message.deniedResponse.headers.allSatisfy { $0.hasAppend && !$0.append.value })
    #expect(
      message.dynamicMetadata.fields == [
        "reason": .init(stringValue: "jwt-missing"), "rule": .init(stringValue: ""),
      ])
  }

  @Test func `a denial of nothing but a status is still a denial`() throws {
    let (octets, message) = try denied(DeniedResponse())
    #expect(octets == [0x0A, 0x02, 0x08, 0x07, 0x12, 0x05, 0x0A, 0x03, 0x08, 0x93, 0x03])
    #expect(message.status.code == 7)
    #expect(message.deniedResponse.status.code == 403)
    #expect(!message.hasDynamicMetadata)
  }

  @Test func `nothing of one denial is left in the next`() throws {
    var response = DeniedResponse()
    response.reset(.unauthorized)
    response.setBody("first")
    response.addHeader("a") { $0.append("b") }
    response.addMetadata("c") { $0.append("d") }
    response.reset(.forbidden)
    #expect(try denied(response).octets == denied(DeniedResponse()).octets)
  }

  @Test func `no status that a client can be answered with ever lets the request pass`() throws {
    var response = DeniedResponse()
    var seen = 0
    for code in -1...1000 {
      guard let status = HTTPStatus(code) else { continue }
      seen += 1
      response.reset(status)
      let message = try denied(response).1
      #expect(message.status.code != 0)
      #expect(message.deniedResponse.status.code == code)
    }
    #expect(seen == 1 + 10 + 8 + 18 + 8 + 11)
  }

  @Test func `random denials arrive as they were made`() throws {
    var random = RandomMessages(SeededGenerator(announcing: #function))
    let statuses = (0...599).compactMap { HTTPStatus($0) }
    var response = DeniedResponse()
    for _ in 0..<3_000 {
      let status = try #require(statuses.randomElement(using: &random.generator))
      response.reset(status)
      let body = random.text(100)
      if !random.chance(4) { response.setBody { $0.append(Array(body.utf8)) } }
      let hasBody = !response.body.isEmpty
      var headers: [String] = []
      var metadata: [String] = []
      for _ in 0..<Int.random(in: 0...3, using: &random.generator) {
        let value = random.text()
        headers.append(value)
        response.addHeader("x-header") { $0.append(Array(value.utf8)) }
      }
      for _ in 0..<Int.random(in: 0...2, using: &random.generator) {
        let value = random.text()
        metadata.append(value)
        response.addMetadata("key") { $0.append(Array(value.utf8)) }
      }
      let message = try denied(response).1
      #expect(message.deniedResponse.status.code == Int32(status.code))
      #expect(message.deniedResponse.body == (hasBody ? body : ""))
      #expect(message.deniedResponse.headers.map(\.header.value) == headers)
      #expect(message.deniedResponse.headers.allSatisfy { $0.header.key == "x-header" })
      #expect(message.deniedResponse.headers.allSatisfy { $0.keepEmptyValue == $0.header.value.isEmpty })
      #expect(message.dynamicMetadata.fields["key"]?.stringValue == metadata.last)
      #expect(message.deniedResponse.unknownFields.data.isEmpty && message.unknownFields.data.isEmpty)
    }
  }

  // MARK: Failed

  @Test func `a failure is told apart from a denial and never lets the request pass`() throws {
    var response = DeniedResponse()
    response.reset(.serviceUnavailable)
    response.setBody("no keys yet")
    var output = ByteBuffer()
    CheckResponseWriter.writeFailed(response, into: &output)
    let message = try WireCheckResponse(serializedBytes: output.copy())
    #expect(message.status.code == 14)
    guard case .errorResponse(let error) = message.httpResponse else {
      Issue.record("not an error response")
      return
    }
    #expect(error.status.code == 503)
    #expect(error.body == "no keys yet")
  }

  // MARK: Statuses

  @Test(arguments: [
    0, 99, 101, 102, 209, 225, 227, 306, 309, 418, 419, 425, 427, 430, 451, 499, 509, 512, 599, 65_937, .max,
    .min,
  ])
  func `a status that the proxy does not know cannot be made`(_ code: Int) {
    #expect(!HTTPStatus.isValid(code))
    #expect(HTTPStatus(code) == nil)
  }

  @Test(arguments: [
    (401, StatusCode.unauthenticated), (403, .permissionDenied), (302, .unauthenticated),
    (200, .permissionDenied),
    (429, .resourceExhausted), (500, .internal), (503, .unavailable), (504, .deadlineExceeded),
    (100, .permissionDenied),
  ])
  func `a status has its code`(_ code: Int, _ expected: StatusCode) throws {
    #expect(try #require(HTTPStatus(code)).statusCode == expected)
  }
}
