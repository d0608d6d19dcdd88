import Bytes

/// The short names of attribute types, as BoringSSL spells them.
enum AttributeType {
  /// Nil for a type that is written as numbers.
  static func shortName(of type: Span<UInt8>) -> StaticString? {
    if type.count == 3, type[0] == 0x55, type[1] == 0x04 { return standardName(type[2]) }
    // PKCS #9, 1.2.840.113549.1.9
    if type.count == 9, type[0] == 0x2A, type[1] == 0x86, type[2] == 0x48, type[3] == 0x86, type[4] == 0xF7,
      type[5] == 0x0D, type[6] == 0x01, type[7] == 0x09
    {
      switch type[8] {
      case 1: return "emailAddress"
      case 2: return "unstructuredName"
      case 8: return "unstructuredAddress"
      default: return nil
      }
    }
    // COSINE, 0.9.2342.19200300.100.1
    if type.count == 10, type[0] == 0x09, type[1] == 0x92, type[2] == 0x26, type[3] == 0x89, type[4] == 0x93,
      type[5] == 0xF2, type[6] == 0x2C, type[7] == 0x64, type[8] == 0x01
    {
      switch type[9] {
      case 1: return "UID"
      case 3: return "mail"
      case 25: return "DC"
      default: return nil
      }
    }
    return nil
  }

  /// X.520, 2.5.4
  private static func standardName(_ number: UInt8) -> StaticString? {
    let index = Int(number) - 3
    if index >= 0, index < standardNames.count { return standardNames[index] }
    switch number {
    case 65: return "pseudonym"
    case 72: return "role"
    default: return nil
    }
  }

  /// From 3 on.
  private static let standardNames: InlineArray<52, StaticString> = [
    "CN", "SN", "serialNumber", "C", "L", "ST", "street", "O", "OU", "title", "description", "searchGuide",
    "businessCategory", "postalAddress", "postalCode", "postOfficeBox", "physicalDeliveryOfficeName",
    "telephoneNumber", "telexNumber", "teletexTerminalIdentifier", "facsimileTelephoneNumber",
    "x121Address", "internationaliSDNNumber", "registeredAddress", "destinationIndicator",
    "preferredDeliveryMethod", "presentationAddress", "supportedApplicationContext", "member", "owner",
    "roleOccupant", "seeAlso", "userPassword", "userCertificate", "cACertificate",
    "authorityRevocationList", "certificateRevocationList", "crossCertificatePair", "name", "GN",
    "initials", "generationQualifier", "x500UniqueIdentifier", "dnQualifier", "enhancedSearchGuide",
    "protocolInformation", "distinguishedName", "uniqueMember", "houseIdentifier", "supportedAlgorithms",
    "deltaRevocationList", "dmdName",
  ]
}
