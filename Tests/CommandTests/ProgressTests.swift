import Testing

@testable import shardweld

struct ProgressTextTests {
  private let plain = ProgressText.Style(isColored: false, isUnicode: false)
  private let progress = Progress(
    phase: "merging", jobsDone: 18, jobsTotal: 30, bytesDone: 2_964_000_000,
    bytesTotal: 4_940_000_000, workers: 4)

  private func bar(_ columns: Int, _ style: ProgressText.Style? = nil) -> String {
    ProgressText.bar(
      progress, rate: 1_200_000_000, secondsLeft: 2, columns: columns, style: style ?? plain)
  }

  @Test func `a bar fills the terminal and leaves out what does not fit`() {
    #expect(
      bar(80) == "merging  #########-------  60 %  2.96 of 4.94 GB  1.2 GB/s  2 s left  4 workers")
    #expect(bar(70) == "merging  ##########-------  60 %  2.96 of 4.94 GB  1.2 GB/s  2 s left")
    #expect(bar(60) == "merging  ##########-------  60 %  2.96 of 4.94 GB  2 s left")
    #expect(bar(40) == "merging  ########------  60 %  2 s left")
    #expect(bar(30) == "merging  ########------  60 %")
    #expect(bar(12) == "60 %")
    #expect(bar(3) == "60")
    for columns in 1...200 { #expect(bar(columns).count < max(2, columns)) }
  }

  @Test func `blocks and colour are used where the terminal has them`() {
    let style = ProgressText.Style(isColored: true, isUnicode: true)
    #expect(bar(30, style) == "merging  \u{1B}[32m████████\u{1B}[0m░░░░░░  60 %")
  }

  @Test func `work without bytes shows its phase`() {
    let waiting = Progress(phase: "waiting for workers", workers: 1)
    #expect(
      ProgressText.bar(waiting, rate: nil, secondsLeft: nil, columns: 80, style: plain)
        == "waiting for workers  1 worker")
    #expect(
      ProgressText.line(waiting, rate: nil, secondsLeft: nil) == "waiting for workers, 1 worker")
  }

  @Test func `a line tells all`() {
    #expect(
      ProgressText.line(progress, rate: 1_200_000_000, secondsLeft: 192)
        == "merging 60 %, 2.96 of 4.94 GB, 1.2 GB/s, 3 min 12 s left, 18 of 30 jobs, 4 workers")
  }

  @Test func `an object tells all to a program`() {
    #expect(
      ProgressText.json(progress, rate: 7, secondsLeft: nil, milliseconds: 1500) == """
        {"phase":"merging","jobsDone":18,"jobsTotal":30,"bytesDone":2964000000,\
        "bytesTotal":4940000000,"workers":4,"bytesPerSecond":7,"secondsLeft":null,\
        "milliseconds":1500}
        """)
  }

  @Test func `all is a hundred percent and less is not`() {
    #expect(Progress(phase: "p", bytesDone: 999_999, bytesTotal: 1_000_000).percent == 99)
    #expect(Progress(phase: "p", bytesDone: 1_000_000, bytesTotal: 1_000_000).percent == 100)
    #expect(Progress(phase: "p", bytesDone: 2_000_000, bytesTotal: 1_000_000).percent == 100)
    #expect(Progress(phase: "p").percent == 0)
  }

  @Test func `the environment decides on colour and blocks`() {
    #expect(
      ProgressText.Style(environment: ["LANG": "en_US.UTF-8"])
        == .init(isColored: true, isUnicode: true))
    #expect(
      ProgressText.Style(environment: ["LANG": "en_US.utf8", "LC_ALL": "C", "NO_COLOR": "1"])
        == .init(isColored: false, isUnicode: false))
    #expect(
      ProgressText.Style(environment: ["LC_ALL": "", "LC_CTYPE": "C.UTF-8", "NO_COLOR": ""])
        == .init(isColored: true, isUnicode: true))
  }
}

struct ProgressDisplayTests {
  private let style = ProgressText.Style(isColored: false, isUnicode: false)

  private func reading(_ megabytes: Int64, _ phase: String = "merging") -> Progress {
    Progress(phase: phase, bytesDone: megabytes * 1_000_000, bytesTotal: 1_000_000_000)
  }

  @Test func `auto is a bar on a terminal that can erase`() {
    let auto = ProgressMode.auto
    #expect(auto.resolved(isTerminal: true, environment: [:]) == .bar)
    #expect(auto.resolved(isTerminal: false, environment: [:]) == .plain)
    #expect(auto.resolved(isTerminal: true, environment: ["TERM": "dumb"]) == .plain)
    #expect(ProgressMode.bar.resolved(isTerminal: false, environment: [:]) == .bar)
    #expect(ProgressMode.bar.resolved(isTerminal: true, environment: ["TERM": "dumb"]) == .plain)
    #expect(ProgressMode.json.resolved(isTerminal: true, environment: [:]) == .json)
    #expect(ProgressMode.none.resolved(isTerminal: true, environment: [:]) == .none)
  }

  @Test func `a bar is drawn at most ten times a second`() {
    var display = ProgressDisplay(mode: .bar, style: style)
    var drawn = 0
    for now in stride(from: Int64(0), to: 1000, by: 5) {
      if display.update(reading(now), now: now, columns: 80) != nil { drawn += 1 }
    }
    #expect(drawn == 10)
    #expect(display.update(reading(999, "publishing"), now: 996, columns: 80) != nil)
  }

  @Test func `a bar goes when the run ends and a complete run is summed up`() {
    var display = ProgressDisplay(mode: .bar, style: style)
    _ = display.update(reading(0), now: 0, columns: 80)
    _ = display.update(reading(1000), now: 4000, columns: 80)
    #expect(
      display.finish(isComplete: true, now: 4000)
        == [.bar(""), .line("shardweld: done: 1.00 GB in 4.0 s, 250 MB/s")])
    #expect(display.finish(isComplete: true, now: 5000) == [])
    var stopped = ProgressDisplay(mode: .bar, style: style)
    _ = stopped.update(reading(10), now: 0, columns: 80)
    #expect(stopped.finish(isComplete: false, now: 1000) == [.bar("")])
  }

  @Test func `plain lines come at each ten percent or ten seconds`() {
    var display = ProgressDisplay(mode: .plain, style: style)
    var lines: [ProgressDisplay.Output] = []
    let readings: [(Int64, Int64)] = [
      (0, 0), (50, 2000), (100, 4000), (110, 6000), (120, 14_000), (205, 14_500), (205, 15_000),
    ]
    for (megabytes, now) in readings {
      if let line = display.update(reading(megabytes), now: now, columns: 80) { lines.append(line) }
    }
    #expect(
      lines == [
        .line("shardweld: merging 0 %, 0 B of 1.00 GB"),
        .line("shardweld: merging 10 %, 100 MB of 1.00 GB, 25 MB/s, 36 s left"),
        .line("shardweld: merging 12 %, 120 MB of 1.00 GB, 8.6 MB/s, 1 min 43 s left"),
        .line("shardweld: merging 20 %, 205 MB of 1.00 GB, 14 MB/s, 59 s left"),
      ])
  }

  @Test func `work that was done before this run counts for no rate`() {
    var display = ProgressDisplay(mode: .plain, style: style)
    _ = display.update(reading(900), now: 0, columns: 80)
    #expect(
      display.update(reading(910), now: 10_000, columns: 80)
        == .line("shardweld: merging 91 %, 910 MB of 1.00 GB, 1.0 MB/s, 1 min 30 s left"))
    #expect(
      display.finish(isComplete: true, now: 10_000)
        == [.line("shardweld: done: 10.0 MB in 10 s, 1.0 MB/s")])
  }

  @Test func `objects come once a second and the last says how it ended`() {
    var display = ProgressDisplay(mode: .json, style: style)
    #expect(display.update(reading(1), now: 0, columns: 80) != nil)
    #expect(display.update(reading(2), now: 900, columns: 80) == nil)
    #expect(display.update(reading(3), now: 1000, columns: 80) != nil)
    #expect(
      display.finish(isComplete: false, now: 1200) == [
        .line(
          """
          {"phase":"stopped","jobsDone":0,"jobsTotal":0,"bytesDone":3000000,\
          "bytesTotal":1000000000,"workers":null,"bytesPerSecond":2000000,"secondsLeft":499,\
          "milliseconds":1200}
          """)
      ])
  }

  @Test func `the rate is that of the last seconds`() {
    var meter = ProgressMeter()
    for second in 0..<60 {
      // 100 MB/s at first, 10 MB/s in the end.
      let megabytes = second < 30 ? second * 100 : 3000 + (second - 30) * 10
      meter.read(Int64(megabytes) * 1_000_000, now: Int64(second) * 1000)
    }
    #expect(meter.rate == 10_000_000)
  }

  @Test func `bytes taken back are no negative rate`() {
    var meter = ProgressMeter()
    meter.read(500, now: 0)
    meter.read(100, now: 1000)
    #expect(meter.rate == 0)
    #expect(meter.secondsLeft(Progress(phase: "p", bytesDone: 1, bytesTotal: 2)) == nil)
  }

  @Test func `nothing is shown where nothing is wanted`() {
    var display = ProgressDisplay(mode: .none, style: style)
    #expect(display.update(reading(1), now: 0, columns: 80) == nil)
    #expect(display.finish(isComplete: true, now: 1) == [])
  }
}
