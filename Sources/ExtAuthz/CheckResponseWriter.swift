public import Bytes
public import Check

/// Appends `envoy.service.auth.v3.CheckResponse` messages, without gRPC's frame around them. Sizes are
/// computed before octets are written; nothing is allocated beyond the output's own growth.
///
/// Every header is spelled with `append` present and false and `append_action` OVERWRITE_IF_EXISTS_OR_ADD:
/// proxies disagree on which of the two counts and on what a missing one means, and a header that were
/// appended would leave the client's own beside it. An empty value carries `keep_empty_value`, or newer
/// proxies would drop the header.
///
/// All texts must be UTF-8, as proto3 demands: a proxy that cannot parse an answer takes it for a failure,
/// not for a denial. That holds for whatever JSON texts and base64 they are made of.
public enum CheckResponseWriter {
  /// The request passes, changed as `changes` says. The status stands there although it is the default: Envoy
  /// takes an empty message for an allowing one too, but an answer that opens the gate should not look like
  /// no answer.
  public static func writeAllowed(changes: borrowing RequestChanges, into output: inout ByteBuffer) {
    FieldWriter.appendHead(1, 0, into: &output)
    if changes.isEmpty { return }
    let octets = changes.octets.span
    var size = 0
    for header in changes.setHeaders { size += FieldWriter.size(optionSize(header)) }
    for name in changes.removedHeaders { size += FieldWriter.size(Int(name.count)) }
    for name in changes.removedParameters { size += FieldWriter.size(Int(name.count)) }

    output.reserve(FieldWriter.size(size))
    FieldWriter.appendHead(3, size, into: &output)
    for header in changes.setHeaders { appendOption(header, in: octets, into: &output) }
    for name in changes.removedHeaders { FieldWriter.appendRepeatedText(5, octets[name], into: &output) }
    for name in changes.removedParameters { FieldWriter.appendRepeatedText(8, octets[name], into: &output) }
  }

  /// The request does not pass: a status that is not OK, and what the client is answered with.
  public static func writeDenied(_ response: borrowing DeniedResponse, into output: inout ByteBuffer) {
    write(response, as: 2, into: &output)
  }

  /// The authorizer failed: the proxy's `failure_mode_allow` decides whether the request passes, and if not
  /// this is the client's answer. Envoy below 1.37 knows no such answer and denies with 403 and no body.
  public static func writeFailed(_ response: borrowing DeniedResponse, into output: inout ByteBuffer) {
    write(response, as: 5, into: &output)
  }

  private static func write(
    _ response: borrowing DeniedResponse, as member: UInt8, into output: inout ByteBuffer
  ) {
    let octets = response.octets.span
    // status { code }
    FieldWriter.appendHead(1, 2, into: &output)
    FieldWriter.appendNumber(1, UInt64(response.status.statusCode.rawValue), into: &output)

    // denied_response or error_response { status { code }, headers, body }
    let code = UInt64(response.status.code)
    let statusSize = 1 + Varint.size(code)
    var size = FieldWriter.size(statusSize) + FieldWriter.textSize(Int(response.body.count))
    for header in response.headers { size += FieldWriter.size(optionSize(header)) }
    output.reserve(FieldWriter.size(size))
    FieldWriter.appendHead(member, size, into: &output)
    FieldWriter.appendHead(1, statusSize, into: &output)
    FieldWriter.appendNumber(1, code, into: &output)
    for header in response.headers { appendOption(header, in: octets, into: &output) }
    FieldWriter.appendText(3, octets[response.body], into: &output)

    appendMetadata(response.metadata, in: octets, into: &output)
  }

  // MARK: Headers

  /// `HeaderValue { key, value }`.
  private static func headerSize(_ header: Check.Pair) -> Int {
    FieldWriter.textSize(Int(header.name.count)) + FieldWriter.textSize(Int(header.value.count))
  }

  /// `HeaderValueOption { header, append, append_action, keep_empty_value }`.
  private static func optionSize(_ header: Check.Pair) -> Int {
    FieldWriter.size(headerSize(header)) + 4 + (header.value.isEmpty ? 2 : 0)
  }

  /// Both kinds of answer have their headers in field 2.
  private static func appendOption(
    _ header: Check.Pair, in octets: Span<UInt8>, into output: inout ByteBuffer
  ) {
    FieldWriter.appendHead(2, optionSize(header), into: &output)
    FieldWriter.appendHead(1, headerSize(header), into: &output)
    FieldWriter.appendText(1, octets[header.name], into: &output)
    FieldWriter.appendText(2, octets[header.value], into: &output)
    // append: a BoolValue that is there and false; append_action: OVERWRITE_IF_EXISTS_OR_ADD.
    FieldWriter.appendHead(2, 0, into: &output)
    FieldWriter.appendNumber(3, 2, into: &output)
    if header.value.isEmpty { FieldWriter.appendNumber(4, 1, into: &output) }
  }

  // MARK: Metadata

  /// `dynamic_metadata`: a Struct whose fields are texts.
  private static func appendMetadata(
    _ pairs: [Check.Pair], in octets: Span<UInt8>, into output: inout ByteBuffer
  ) {
    if pairs.isEmpty { return }
    var size = 0
    for pair in pairs { size += FieldWriter.size(structEntrySize(pair)) }
    output.reserve(FieldWriter.size(size))
    FieldWriter.appendHead(4, size, into: &output)
    for pair in pairs {
      FieldWriter.appendHead(1, structEntrySize(pair), into: &output)
      FieldWriter.appendText(1, octets[pair.name], into: &output)
      FieldWriter.appendHead(2, FieldWriter.size(Int(pair.value.count)), into: &output)
      // Value.string_value is a member of a oneof: it stands there even when it is empty.
      FieldWriter.appendRepeatedText(3, octets[pair.value], into: &output)
    }
  }

  private static func structEntrySize(_ pair: Check.Pair) -> Int {
    FieldWriter.textSize(Int(pair.name.count)) + FieldWriter.size(FieldWriter.size(Int(pair.value.count)))
  }
}
