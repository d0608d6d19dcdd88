public import Metrics
import Bytes
import System

/// Which path is answered by what. Exact paths; nothing is decoded, so `/%6Cives` is not `/lives`.
public struct AdminRouter: Sendable {
  private var routes: [String: @Sendable (AdminRequest) -> AdminResponse] = [:]

  public init() {}

  /// Answers a path by a closure, which runs on the admin thread: it may take its time, but one page is made
  /// at a time.
  public mutating func answer(_ path: String, with page: @escaping @Sendable (AdminRequest) -> AdminResponse)
  {
    routes[path] = page
  }

  /// The answer to a request: 405 for a method other than GET and HEAD, 404 for a path that nothing answers.
  public func respond(to request: AdminRequest) -> AdminResponse {
    if request.method == .other { return AdminResponse(status: 405, text: "only GET and HEAD are served\n") }
    guard let page = routes[request.path] else {
      return AdminResponse(status: 404, text: "nothing here; served are \(paths.joined(separator: " "))\n")
    }
    return page(request)
  }

  /// The paths that are answered, sorted.
  public var paths: [String] { routes.keys.sorted() }

  /// `/livez`, `/readyz` and `/metrics`.
  /// - Parameter metrics: makes the text of a scrape in the format that the client wants.
  public static func standard(
    status: ServiceStatus, metrics: @escaping @Sendable (ExpositionFormat) -> [UInt8]
  ) -> AdminRouter {
    var router = AdminRouter()
    router.answer("/livez") { _ in status.liveness() }
    router.answer("/readyz") { request in
      // As Kubernetes' own components are asked.
      request.query.split(separator: "&").contains { $0 == "verbose" || $0.hasPrefix("verbose=") }
        ? status.verboseReadiness() : status.readiness()
    }
    router.answer("/metrics") { request in
      let format = ExpositionFormat(accept: request.accept)
      return AdminResponse(contentType: "\(format.contentType)", body: metrics(format))
    }
    return router
  }

  /// `/`, `/config` and `/keys`.
  /// - Parameters:
  ///   - overview: what is loaded at the moment.
  ///   - now: wall clock seconds.
  public mutating func show(
    _ overview: @escaping @Sendable () -> Overview, now: @escaping @Sendable () -> Int64
  ) {
    answer("/") { _ in OverviewPage(overview(), now: now()).response }
    answer("/config") { _ in AdminResponse(json: overview().configuration) }
    answer("/keys") { _ in AdminResponse(json: overview().keys) }
    answer("/page.css") { _ in
      AdminResponse(contentType: "text/css; charset=utf-8", body: Array(OverviewPage.style.utf8))
    }
    answer("/page.js") { _ in
      AdminResponse(contentType: "text/javascript; charset=utf-8", body: Array(OverviewPage.script.utf8))
    }
  }
}

/// The usual page of metrics: what the service has counted, the process, the allocator, and what the caller
/// adds.
public func metricsPage(
  _ registry: MetricsRegistry, and samples: [MetricSample] = [], format: ExpositionFormat = .text
) -> [UInt8] {
  let facts = ProcessFacts.now()
  var all = samples
  all += MetricSample.process(
    cpuSeconds: facts.cpuSeconds, residentBytes: facts.residentBytes, virtualBytes: facts.virtualBytes,
    startTimeSeconds: facts.startTimeSeconds, openDescriptors: facts.openDescriptors,
    maximumDescriptors: facts.maximumDescriptors)
  if let statistics = AllocatorStatistics.now() { all += MetricSample.allocator(statistics) }
  var buffer = ByteBuffer(capacity: 16_384)
  registry.render(into: &buffer, and: all, format: format)
  return buffer.copy()
}
