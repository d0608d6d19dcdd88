import CCurl

/// libcurl, which the first look at a URL loads and nothing unloads: a service without remote keys is spared its
/// memory. Whoever calls it has `load`ed it first; no function of it is there otherwise.
@safe
enum Library {
  // Written once, before the first use.
  nonisolated(unsafe) private static let loaded: (table: countersign_curl, problem: String?) = {
    var table = unsafe countersign_curl()
    if let problem = unsafe countersign_curl_load(&table) { return unsafe (table, String(cString: problem)) }
    let result = unsafe table.global_init(Int(CURL_GLOBAL_DEFAULT))
    return unsafe (table, result == CURLE_OK ? nil : "it does not start (\(result.rawValue))")
  }()

  /// - Throws: `.library` with the reason when this machine has none that can be used.
  static func load() throws(FetchError) {
    if let problem = unsafe loaded.problem { throw .library(problem) }
  }

  static var curl: countersign_curl { unsafe loaded.table }
}
