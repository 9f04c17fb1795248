import Storage
import Testing

struct InvariantTests {
  @Test func `a broken invariant ends the process with its message`() async throws {
    let result = try #require(
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        invariant(1 + 1 == 3, "one and one are three")
      })
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains("invariant broken: one and one are three"))
  }

  @Test func `a kept invariant costs nothing but its check`() {
    invariant(true, "not built: \(Int("x")!)")
  }
}
