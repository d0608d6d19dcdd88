import Configuration
import Istio
import Testing

/// Reads a configuration file's text.
func configuration(_ text: String) throws -> ServiceConfiguration {
  try ServiceConfiguration(file: "c.yaml", text: Array(text.utf8))
}

/// The findings about a text, as lines; empty when it is accepted.
func findings(_ text: String) -> [String] {
  do throws(ServiceConfiguration.Refused) {
    _ = try ServiceConfiguration(file: "c.yaml", text: Array(text.utf8))
    return []
  } catch {
    return error.diagnostics.map(\.description)
  }
}

/// Expects exactly one finding, at this place, that says this.
func expectFinding(
  _ text: String, at place: String, saying words: String..., location: SourceLocation = #_sourceLocation
) {
  let found = findings(text)
  #expect(found.count == 1, "\(found)", sourceLocation: location)
  guard let first = found.first else { return }
  #expect(first.hasPrefix("c.yaml:\(place): error: "), "\(first)", sourceLocation: location)
  for word in words { #expect(first.contains(word), "\(first)", sourceLocation: location) }
}
