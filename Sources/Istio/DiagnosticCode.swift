/// The closed list of what can be wrong with a resource; `rawValue` is the stable name. Errors of the text
/// itself have the names of `YAMLError.code` instead (`yaml-…`).
public enum DiagnosticCode: String, Sendable, CaseIterable {
  // The object.
  case notAResource = "not-a-resource"
  case unknownKind = "unknown-kind"
  case unknownGroup = "unknown-api-group"
  case unsupportedVersion = "unsupported-version"
  case missingName = "missing-name"
  case invalidName = "invalid-name"
  case invalidTime = "invalid-time"
  case duplicateResource = "duplicate-resource"

  case unenforcedKind = "unenforced-kind"

  /// `{{` in a text of a resource.
  case unrenderedTemplate = "unrendered-template"
  case tooManyFindings = "too-many-findings"

  // Any field.
  case unknownField = "unknown-field"
  case missingField = "missing-field"
  case wrongType = "wrong-type"
  case nullValue = "null-value"
  case emptyValue = "empty-value"
  case emptyList = "empty-list"
  case tooMany = "too-many"
  case tooLong = "too-long"
  case unknownValue = "unknown-value"

  // To what it is attached.
  case severalAttachments = "several-attachments"
  case invalidSelector = "invalid-selector"
  case emptySelector = "empty-selector"
  case invalidTarget = "invalid-target-ref"

  // RequestAuthentication.
  case missingIssuer = "missing-issuer"
  case severalKeySources = "several-key-sources"
  case invalidURI = "invalid-uri"
  case invalidKeys = "invalid-jwks"
  case skippedKey = "skipped-jwk"
  case privateKey = "private-key-material"
  case invalidHeaderName = "invalid-header-name"
  case invalidDuration = "invalid-duration"
  case literalIssuer = "literal-issuer"
  case uselessLocation = "useless-token-location"
  case notAKeySet = "not-a-key-set"
  case unreachableClaim = "unreachable-claim"

  // AuthorizationPolicy.
  case invalidDryRun = "invalid-dry-run"
  case missingRules = "missing-rules"
  case missingProvider = "missing-provider"
  case unexpectedProvider = "unexpected-provider"
  case customAction = "custom-action"
  case unsupportedWithCustom = "unsupported-with-custom"
  case emptySource = "empty-source"
  case emptyOperation = "empty-operation"
  case serviceAccountsNotAlone = "service-accounts-not-alone"
  case invalidServiceAccount = "invalid-service-account"
  case invalidTrustDomain = "invalid-trust-domain"
  case invalidAddress = "invalid-address"
  case invalidPort = "invalid-port"
  case invalidPathTemplate = "invalid-path-template"
  case unknownConditionKey = "unknown-condition-key"
  case unsupportedConditionKey = "unsupported-condition-key"
  case invalidConditionKey = "invalid-condition-key"
  case denyOnlyHTTP = "deny-only-http"
  case neverMatches = "never-matches"
  case literalAsterisk = "literal-asterisk"
  case literalPattern = "literal-pattern"
  case dottedClaim = "dotted-claim"
}
