extension JSONError: CustomStringConvertible {
  /// For people: what is wrong and at which byte of the text, counted from 0.
  public var description: String {
    switch self {
    case .notBase64URL: "not base64url: letters, digits, `-` and `_`, without padding"
    case .tooLong: "longer than 2 GiB"
    case .notUTF8: "not UTF-8 text"
    case .byteOrderMark: "a byte order mark is at the beginning, which JSON forbids"
    case .unexpectedEnd(let at): "it ends at byte \(at), where more is expected"
    case .unexpectedCharacter(let at): "byte \(at) is not JSON"
    case .invalidNumber(let at): "byte \(at): not a number as JSON writes it"
    case .numberBeyondDouble(let at): "byte \(at): a number beyond the largest double"
    case .invalidEscape(let at): "byte \(at): not an escape of JSON"
    case .loneSurrogate(let at): "byte \(at): half of a surrogate pair"
    case .controlCharacter(let at): "byte \(at): a control character must be escaped"
    case .duplicateName(let at): "byte \(at): a member with the name of another one"
    case .tooDeep(let at): "byte \(at): nested deeper than is read"
    case .tooManyValues(let at): "byte \(at): more values than are read"
    case .trailingText(let at): "byte \(at): something follows the document"
    }
  }
}
