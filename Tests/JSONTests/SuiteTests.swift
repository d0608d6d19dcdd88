import Foundation
import JSON
import TestSupport
import Testing

@Suite struct `JSONTestSuite` {
  /// RFC 8259 allows duplicate names; tokens do not. `JSONDocument` refuses them unless told otherwise.
  static let duplicateNames: Set = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"]
  /// The free cases that we accept: numbers that a double cannot tell from 0 or holds inexactly.
  static let acceptedFree: Set = [
    "i_number_double_huge_neg_exp.json", "i_number_real_underflow.json", "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json", "i_number_very_big_negative_int.json",
  ]
  /// The free cases that we accept once told that numbers may lie beyond a double.
  static let acceptedBeyondDouble: Set = [
    "i_number_huge_exp.json", "i_number_neg_int_huge_exp.json", "i_number_pos_double_huge_exp.json",
    "i_number_real_neg_overflow.json", "i_number_real_pos_overflow.json",
  ]

  @Test(.enabled(if: Vectors.available))
  func `every y_ file is accepted, every n_ refused, every i_ as we decided`() throws {
    let names = try Vectors.list("json/test_parsing")
    #expect(names.count == 318)
    var relaxed = JSONSettings()
    relaxed.allowsDuplicateNames = true
    var boundless = JSONSettings()
    boundless.allowsNumbersBeyondDouble = true
    for name in names {
      let text = try Vectors.read("json/test_parsing/\(name)")
      let error = failure(text)
      switch name.first {
      case "y" where Self.duplicateNames.contains(name):
        #expect(error != nil, "\(name)")
        #expect(failure(text, relaxed) == nil, "\(name)")
      case "y": #expect(error == nil, "\(name): \(String(describing: error))")
      case "n": #expect(error != nil, "\(name)")
      default:
        #expect((error == nil) == Self.acceptedFree.contains(name), "\(name): \(String(describing: error))")
        let accepts = Self.acceptedFree.contains(name) || Self.acceptedBeyondDouble.contains(name)
        #expect((failure(text, boundless) == nil) == accepts, "\(name)")
      }
    }
  }

  @Test(.enabled(if: Vectors.available))
  func `the transform files that we accept come back the same after one rewriting`() throws {
    var settings = JSONSettings()
    settings.allowsDuplicateNames = true
    settings.allowsNumbersBeyondDouble = true
    var accepted = 0
    for name in try Vectors.list("json/test_transform") {
      let text = try Vectors.read("json/test_transform/\(name)")
      if failure(text, settings) != nil {
        #expect(name.contains("invalid_codepoint"), "\(name)")
        continue
      }
      accepted += 1
      let once = try rewritten(text, settings)
      #expect(try rewritten(once, settings) == once, "\(name)")
    }
    #expect(accepted == 16)
  }

  @Test(.enabled(if: Vectors.available))
  func `every accepted file is read by Foundation as the same value, from the text and from our rewriting`()
    throws
  {
    var settings = JSONSettings()
    settings.allowsDuplicateNames = true
    for name in try Vectors.list("json/test_parsing") where name.hasPrefix("y_") {
      let text = try Vectors.read("json/test_parsing/\(name)")
      let theirs = try JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])
      guard !name.contains("duplicated_key") else { continue }
      let ours = try JSONSerialization.jsonObject(
        with: Data(try rewritten(text, settings)), options: [.fragmentsAllowed])
      #expect((theirs as? NSObject) == (ours as? NSObject), "\(name)")
    }
  }
}
