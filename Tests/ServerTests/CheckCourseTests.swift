import Testing

@testable import Server

struct CheckCourseTests {
  @Test func `a check that is judged at once has queued and been judged`() {
    var course = CheckCourse(since: 10_000)
    course.beginJudging(15_000, 2)
    #expect(course.firstSignature == 2)
    #expect(
      course.stages(now: 45_000, signatures: 20_000)
        == CheckCourse.Stages(total: 35, queued: 5, keys: 0, judged: 30, signatures: 20))
  }

  @Test func `one that waited for keys tells how long, from its arrival on`() {
    var course = CheckCourse(since: 10_000, waitedUntil: 2_010_000)
    course.beginJudging(2_011_000, 0)
    #expect(
      course.stages(now: 2_021_000, signatures: 0)
        == CheckCourse.Stages(total: 2_011, queued: 1, keys: 2_000, judged: 10, signatures: 0))
  }

  @Test func `a clock that stands still or a check that was never begun gives nothing`() {
    #expect(CheckCourse().stages(now: 0, signatures: 0) == CheckCourse.Stages())
    var course = CheckCourse(since: 10_000)
    course.beginJudging(9_000, 0)
    #expect(course.stages(now: 9_000, signatures: 0) == CheckCourse.Stages())
  }
}
