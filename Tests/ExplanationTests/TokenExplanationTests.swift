import Explanation
import ExtAuthz
import Testing

@Suite struct TokenExplanationTests {
  private func checks(_ told: Explanation, rule: Int = 0, token: Int = 0) throws -> [String: TokenCheck] {
    let tokens = told.tokenRules[rule].tokens
    try #require(tokens.indices.contains(token))
    return Dictionary(uniqueKeysWithValues: tokens[token].checks.map { ($0.name, $0) })
  }

  @Test(arguments: [
    ("form", "Jwt is not in the form"), ("issuer", "Jwt issuer is not configured"),
    ("times", "Jwt is expired"), ("audience", "Audiences in Jwt are not allowed"),
    ("key and signature", "Jwt verification fails"),
  ])
  func `the check that refuses is named, those before it passed, those behind it were not made`(
    name: String, text: String
  ) throws {
    let asked = try Explaining(authentication("  audiences: [shop]"))
    let bad =
      switch name {
      case "form": "abc"
      case "issuer": try asked.token(audiences: ["shop"], issuer: "https://other.example")
      case "times": try asked.token(audiences: ["shop"], expiry: Int64(Explaining.now) - 61)
      case "audience": try asked.token(audiences: ["bank"])
      default: try Explaining(authentication()).token(audiences: ["shop"])
      }
    let told = try asked.explain { $0.headers = [("authorization", "Bearer \(bad)")] }
    let names = ["form", "issuer", "times", "audience", "key and signature"]
    let found = try checks(told)
    var isBehind = false
    for one in names {
      let wanted: TokenCheck.Result = isBehind ? .notReached : one == name ? .failed : .passed
      // The other issuer's key has another name: which of both errors it is depends on that alone.
      #expect(found[one]?.result == wanted, "\(one)")
      if one == name { isBehind = true }
    }
    guard case .refused(let told) = told.tokenRules[0].outcome else {
      Issue.record("not refused")
      return
    }
    if name != "key and signature" { #expect(told.contains(text)) }
  }

  @Test func `a token beyond the limit is refused with 431, its size and the limit's name`() throws {
    let asked = try Explaining(authentication())
    let large = String(repeating: "a", count: 65_537)
    let told = try asked.explain { $0.headers = [("authorization", "Bearer \(large)")] }
    #expect(told.outcome.status == 431 && told.outcome.reason == "token_too_large")
    #expect(told.outcome.challenge == nil && told.outcome.sentence.contains("`limits.tokenBytes`"))
    #expect(told.tokenRules[0].outcome == .refused(text: "431 Jwt is larger than the limit"))
    let form = try #require(try checks(told)["form"])
    #expect(form.detail == "65537 bytes: the limit is 65536 bytes (`limits.tokenBytes`)")
  }

  @Test func `an accepted token shows every check as passed`() throws {
    let asked = try Explaining(authentication("  audiences: [shop]"))
    let token = try asked.token(audiences: ["https://shop/"])
    let told = try asked.explain { $0.headers = [("authorization", "Bearer \(token)")] }
    #expect(told.tokenRules[0].outcome == .accepted)
    #expect(try checks(told).values.allSatisfy { $0.result == .passed })
    #expect(try checks(told)["times"]?.detail.contains("in 1 hour") == true)
  }

  @Test func `a rule behind the one that accepts was not asked`() throws {
    let asked = try Explaining(
      authentication(name: "a") + authentication(name: "b", issuer: "https://zoo.example"))
    let token = try asked.token()
    let told = try asked.explain { $0.headers = [("authorization", "Bearer \(token)")] }
    #expect(told.tokenRules.map(\.outcome) == [.accepted, .notAsked])
    #expect(told.tokenRules.map(\.name) == ["foo/a jwtRules[0]", "foo/b jwtRules[0]"])
  }

  @Test func `each place that holds a token is named`() throws {
    let more = "  fromHeaders: [{name: X-Token, prefix: \"T \"}]\n  fromParams: [t]\n  fromCookies: [c]"
    let asked = try Explaining(authentication(more))
    let token = try asked.token()
    let told = try asked.explain {
      $0.path = "/?t=\(token)"
      $0.headers = [("x-token", "T \(token)"), ("cookie", "c=\(token)")]
    }
    let places = ["header `x-token` after `T `", "query parameter `t`", "cookie `c`"]
    #expect(told.tokenRules[0].places == places)
    #expect(told.tokenRules[0].tokens.map(\.place) == places)
    #expect(told.tokenRules[0].outcome == .accepted)
  }

  @Test func `of two tokens the one in front is not reached when the one behind is refused`() throws {
    let asked = try Explaining(authentication("  fromHeaders: [{name: x-a}]\n  fromParams: [t]"))
    let token = try asked.token()
    let told = try asked.explain {
      $0.path = "/?t=bad"
      $0.headers = [("x-a", token)]
    }
    #expect(try checks(told, token: 0).values.allSatisfy { $0.result == .notReached })
    #expect(try checks(told, token: 1)["form"]?.result == .failed)
  }

  /// Two issuers in the default places; the first pass takes the second one's token out of the query.
  private func twoIssuers() throws -> Explaining {
    try Explaining(authentication(name: "a") + authentication(name: "b", issuer: "https://zoo.example"))
  }

  @Test func `a second pass is shown with what it found`() throws {
    let asked = try twoIssuers()
    let mine = try asked.token()
    let other = try asked.token(issuer: "https://zoo.example")
    let told = try asked.explain {
      $0.path = "/?access_token=\(other)"
      $0.headers = [("authorization", "Bearer \(mine)")]
    }
    #expect(told.outcome.isAllowed)
    let notConfigured = Explanation.TokenRule.Outcome.refused(text: "401 Jwt issuer is not configured")
    #expect(told.tokenRules.map(\.outcome) == [notConfigured, notConfigured])
    #expect(told.secondPass?.map(\.outcome) == [.accepted, .noToken])
    #expect(told.secondPass?[0].tokens.map(\.place) == ["header `authorization` after `Bearer `"])
    #expect(told.text().contains("Second pass: no rule accepted all of its tokens"))
    #expect(told.json.contains(#""secondPass": ["#))
  }

  @Test func `a second pass that refuses shows where it stopped`() throws {
    let asked = try twoIssuers()
    let other = try asked.token(issuer: "https://zoo.example")
    let told = try asked.explain {
      $0.path = "/?access_token=\(other)"
      $0.headers = [("authorization", "Bearer rubbish")]
    }
    #expect(told.outcome.status == 401)
    #expect(told.secondPass?.count == 2)
    #expect(told.secondPass?.last?.outcome == .notAsked)
    #expect(told.text().contains("not asked: a rule before it refused a token"))
  }

  @Test func `without an accepted token there is no second pass`() throws {
    let told = try twoIssuers().explain { $0.headers = [("authorization", "Bearer rubbish")] }
    #expect(told.outcome.status == 401 && told.secondPass == nil)
    #expect(!told.text().contains("Second pass"))
    #expect(told.json.contains(#""secondPass": null"#))
  }

  @Test func `a preflight asks no rule`() throws {
    let asked = try Explaining(authentication())
    let told = try asked.explain {
      $0.method = "OPTIONS"
      $0.headers = [("origin", "https://a"), ("access-control-request-method", "GET")]
    }
    #expect(told.isPreflight && told.tokenRules[0].outcome == .notAsked)
    #expect(told.text().contains("a CORS preflight"))
  }

  @Test func `a required token that is missing is told as such`() throws {
    let told = try Explaining(authentication("  presence: REQUIRED")).explain()
    #expect(told.requiresToken && told.tokenRules[0].outcome == .noToken)
    #expect(told.outcome.status == 401 && told.outcome.sentence == "a required token is missing")
  }
}

@Suite struct TimeWordsTests {
  @Test(arguments: [
    (0, "1970-01-01 00:00:00 UTC"), (951_782_399, "2000-02-28 23:59:59 UTC"),
    (951_782_400, "2000-02-29 00:00:00 UTC"), (4_107_542_399, "2100-02-28 23:59:59 UTC"),
    (4_107_542_400, "2100-03-01 00:00:00 UTC"), (1_800_000_000, "2027-01-15 08:00:00 UTC"),
    (253_402_300_799, "9999-12-31 23:59:59 UTC"),
  ])
  func `a time is a date`(seconds: UInt64, date: String) {
    #expect(TimeWords.date(seconds) == date)
  }

  @Test func `a time beyond the calendar is a number`() {
    #expect(TimeWords.date(253_402_300_800) == nil)
    #expect(TimeWords.text(.max, now: 0) == "18446744073709551615, beyond the year 9999")
  }

  @Test(arguments: [
    (0, "0 seconds"), (1, "1 second"), (61, "1 minute 1 second"), (3_600, "1 hour"),
    (90_061, "1 day 1 hour"), (7_200, "2 hours"), (400 * 86_400, "1 year 34 days"),
  ])
  func `a duration is told in its two largest units`(seconds: UInt64, text: String) {
    #expect(TimeWords.duration(seconds) == text)
  }

  @Test func `before and after now differ`() {
    #expect(TimeWords.text(100, now: 100).hasSuffix(", now"))
    #expect(TimeWords.text(160, now: 100).hasSuffix(", in 1 minute"))
    #expect(TimeWords.text(40, now: 100).hasSuffix(", 1 minute ago"))
  }
}
