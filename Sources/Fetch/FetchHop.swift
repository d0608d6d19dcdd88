import Bytes
import CCurl

/// Where a fetch is: which hop, which endpoint, and how much time is left. The decisions between two transfers
/// are made here.
struct FetchHop {
  let request: FetchRequest
  private var address: WebAddress
  private var endpoint = 0
  private var redirects = 0
  private let deadline: UInt64

  /// - Parameter now: monotonic nanoseconds.
  init(_ request: FetchRequest, now: UInt64) throws(FetchError) {
    self.request = request
    address = try WebAddress(request.url)
    deadline = now &+ UInt64(max(1, request.timeoutMilliseconds)) &* 1_000_000
  }

  enum Next {
    case answer(FetchAnswer)
    case failed(FetchError)
    case again(FetchHop)
  }

  func transfer(now: UInt64) throws(FetchError) -> Transfer {
    if now >= deadline { throw .timeout }
    let left = Int((deadline - now) / 1_000_000)
    let place = request.endpoints.indices.contains(endpoint) ? request.endpoints[endpoint] : nil
    // Through a proxy no socket shows the address: one that the URL itself names is judged here.
    let literal = place?.host ?? address.host
    if let named = IPAddress(literal.filter { $0 != "[" && $0 != "]" }),
      !request.addressGuard.permits(named)
    {
      throw .blockedAddress("\(named)")
    }
    return try Transfer(request, to: address, endpoint: place, milliseconds: left)
  }

  func next(after transfer: Transfer, _ result: CURLcode) -> Next {
    guard result == CURLE_OK else {
      let error = error(of: transfer, result)
      switch error {
      case .connect, .resolve, .blockedAddress:
        guard endpoint + 1 < request.endpoints.count else { return .failed(error) }
        var hop = self
        hop.endpoint += 1
        return .again(hop)
      default: return .failed(error)
      }
    }
    let status = transfer.number(CURLINFO_RESPONSE_CODE)
    switch status {
    // Istio takes any 2xx (semantics 1.8). Among them is 206, which nobody asked for: a part of a document does
    // not parse, and the whole may come under any name.
    case 200..<300:
      return transfer.body.isEmpty ? .failed(.emptyBody(status: status)) : .answer(answer(transfer, status))
    case 304 where request.entityTag != nil: return .answer(answer(transfer, status))
    case 301, 302, 303, 307, 308: return redirect(transfer)
    default: return .failed(.status(status))
    }
  }

  private func answer(_ transfer: Transfer, _ status: Int) -> FetchAnswer {
    FetchAnswer(
      status: status, body: transfer.body, entityTag: transfer.header("etag"),
      freshness: Freshness(cacheControl: transfer.header("cache-control"), age: transfer.header("age")),
      contentType: transfer.header("content-type"),
      connection: FetchConnection(
        address: transfer.text(CURLINFO_PRIMARY_IP) ?? "", peerSubject: transfer.peerSubject,
        peerIssuer: transfer.peerIssuer, redirects: redirects))
  }

  private func redirect(_ transfer: Transfer) -> Next {
    if redirects >= request.maximumRedirects {
      return .failed(.redirect("more than \(request.maximumRedirects) of them"))
    }
    guard let text = transfer.text(CURLINFO_REDIRECT_URL) else {
      return .failed(.redirect("it says not where"))
    }
    let target: WebAddress
    do { target = try WebAddress(text) } catch { return .failed(.redirect("\(error)")) }
    let hosts = [address.host, request.trust.serverName?.lowercased()]
    guard hosts.contains(target.host) else {
      return .failed(.redirect("from `\(address.host)` to another host, `\(target.host)`"))
    }
    if address.scheme == "https" && target.scheme == "http" && !request.trust.forcesTLS {
      return .failed(.redirect("from https to http"))
    }
    var hop = self
    hop.redirects += 1
    hop.address = target
    hop.address.host = address.host
    return .again(hop)
  }

  private func error(of transfer: Transfer, _ result: CURLcode) -> FetchError {
    if transfer.isTooLong || result == CURLE_FILESIZE_EXCEEDED {
      return .tooLong(limit: request.maximumBytes)
    }
    let text = transfer.failure(result)
    switch result {
    case CURLE_OPERATION_TIMEDOUT: return .timeout
    case CURLE_COULDNT_RESOLVE_HOST: return .resolve(host: address.host)
    case CURLE_COULDNT_CONNECT:
      if let blocked = transfer.blockedAddress { return .blockedAddress(blocked) }
      return .connect(text)
    case CURLE_COULDNT_RESOLVE_PROXY: return .connect(text)
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
      return .tls(transfer.tlsProblem ?? text)
    default: return .broken(text)
    }
  }
}
