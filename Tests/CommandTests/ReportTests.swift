import OrderedJSON
import Planning
import Publishing
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Publishing
@testable import shardweld

struct ReportTests {
  /// A manifest of made-up tensors; nil stands for a copy.
  static func manifest(_ tensors: [(String, UpdateStatistics?)]) -> Manifest {
    let digest = ToldMerge.digest("d")
    return Manifest(
      tool: "shardweld 0", options: MergeOptions(), base: [],
      adapters: [
        .init(name: "style<b>", kind: "LORA", strength: 0.5, configDigest: digest, files: [])
      ],
      earlierAdapters: [], files: [],
      shards: [
        .init(
          name: "model.safetensors", byteCount: Int64(1000 + tensors.count * 200), digest: digest,
          tensors: tensors.map { name, statistics in
            .init(
              name: name, dtype: .bf16, shape: [10, 10], digest: digest, sourceDigest: digest,
              updates: statistics == nil ? [] : [.init(adapter: 0, text: "lora from a")],
              statistics: statistics)
          })
      ])
  }

  static func numbers(
    _ ratio: Double, lost: Double = 0.25, vanished: Int = 10, overflowed: Int = 0
  ) -> UpdateStatistics {
    UpdateStatistics(
      baseNorm: 4, updateNorm: 4 * ratio, lostNorm: 4 * ratio * lost, largest: ratio,
      moved: ratio == 0 ? 0 : 100, changed: ratio == 0 ? 0 : 100 - vanished,
      vanished: ratio == 0 ? 0 : vanished, overflowed: overflowed)
  }

  static func q(_ layer: Int) -> String { "model.layers.\(layer).q.weight" }
  static func expert(_ number: Int) -> String { "model.layers.0.mlp.experts.\(number).up.weight" }

  /// One of each flag among others.
  static let flagged = manifest(
    [
      (q(0), numbers(0.01)), (q(1), numbers(0.01)), (q(2), numbers(0.02)),
      (q(3), numbers(0.25)), (q(4), numbers(0.01, lost: 1, vanished: 100)),
      (expert(0), numbers(0.01)), (expert(1), nil), (expert(2), numbers(0)),
      ("model.norm.weight", nil), ("lm_head.weight", numbers(2)),
      ("lm_head.bias", numbers(0)), ("embed.weight", numbers(0.01, overflowed: 3)),
    ])

  @Test func `places are read from names`() {
    let expert = TensorPlace("model.layers.7.mlp.experts.12.up_proj.weight")
    #expect(expert.module == "model.layers.*.mlp.experts.*.up_proj.weight")
    #expect(expert.layer == 7 && expert.expert == 12)
    #expect(expert.group.name == "model.layers.7.mlp.experts.*.up_proj.weight")
    let sequence = TensorPlace("encoder.blocks.3.mlp.2.weight")
    #expect(sequence.module == "encoder.blocks.*.mlp.2.weight")
    #expect(sequence.layer == 3 && sequence.expert == nil)
    let bare = TensorPlace("lm_head.weight")
    #expect(bare.module == "lm_head.weight" && bare.layer == nil)
    #expect(TensorPlace("experts.4.w").layer == nil)
  }

  @Test func `every flag is raised where it should and nowhere else`() throws {
    let report = try MergeReport(Self.flagged, output: "/out")
    #expect(
      report.suspicions.map { [$0.kind.rawValue, $0.subject, $0.finding] } == [
        [
          "vanished", Self.q(4),
          "100 % of the update is lost in rounding to BF16; 100 % of the elements it moves are as in the base",
        ],
        ["empty", "lm_head.bias", "the update is zeros everywhere"],
        [
          "untouchedExperts", "model.layers.0.mlp.experts.*.up.weight",
          "2 of 3 experts did not change: 1, 2",
        ],
        ["larger", "lm_head.weight", "the update is 2 times the weight"],
        ["overflowed", "embed.weight", "3 elements finite in the base and not in the output"],
        ["uneven", Self.q(3), "ratio 0.25, in the middle of all layers it is 0.01"],
      ])
    #expect(Set(report.suspicions.map(\.kind)) == Set(Suspicion.Kind.allCases))
    let zeros = UpdateStatistics(updateNorm: 1, largest: 1, moved: 1, changed: 1)
    let grown = try MergeReport(Self.manifest([("bias", zeros)]), output: "/out")
    #expect(grown.suspicions.map(\.finding) == ["the weight was zeros everywhere"])
  }

  @Test func `a table tells modules, or all tensors`() throws {
    let manifest = Self.manifest([
      (Self.expert(0), Self.numbers(0.5)), (Self.expert(1), Self.numbers(0.5)), ("norm", nil),
    ])
    let report = try MergeReport(manifest, output: "/out")
    #expect(
      report.text(all: false) == """
        report    /out
        adapter   style<b> (LORA) × 0.5
        tensors   3: 2 changed by updates
        update    0.5 of the weights: norm 2.828 beside 5.657
        largest   0.5
        changed   90.0 % of 200 elements
        rounding  25.0 % of the update lost; 10.0 % of the elements moved are as in the base

        ratio  largest  changed    lost  overflow  tensors  name
          0.5      0.5   90.0 %  25.0 %         0        2  model.layers.0.mlp.experts.*.up.weight

        nothing looks wrong

        """)
    let all = report.text(all: true)
    #expect(all.contains("1  \(Self.expert(0))\n") && all.contains("1  \(Self.expert(1))\n"))
    let flags = try MergeReport(Self.flagged, output: "/out").text(all: false)
    #expect(flags.contains("\nuntouched experts   model.layers.0.mlp.experts.*.up.weight"))
    #expect(flags.contains("\noverflow  3 elements no longer finite\n"))
    var taken = Self.manifest([("norm", nil)])
    let own = Manifest.Origin(adapter: 0, text: "the adapter's own tensor")
    taken.shards[0].tensors[0].updates = [own]
    #expect(
      try MergeReport(taken, output: "/out").text(all: false)
        .hasSuffix("1: 0 changed by updates, 1 the adapter's own, not measured\n"))
    let none = try MergeReport(Self.manifest([("norm", nil)]), output: "/out")
    #expect(none.text(all: false).hasSuffix("tensors  1: 0 changed by updates\n"))
  }

  @Test func `JSON holds every tensor, module and flag`() throws {
    let manifest = Self.manifest([("layers.3.q", Self.numbers(2)), ("norm", nil)])
    let report = try MergeReport(manifest, output: "/out")
    let statistics = """
      {
          "baseNorm": 4.0,
          "updateNorm": 8.0,
          "lostNorm": 2.0,
          "largest": 2.0,
          "moved": 100,
          "changed": 90,
          "vanished": 10,
          "overflowed": 0
        }
      """
    let deeper = statistics.split(separator: "\n").joined(separator: "\n  ")
    #expect(
      report.json == """
        {
          "kind": "report",
          "output": "/out",
          "digest": "\(manifest.outputDigest)",
          "tensorCount": 2,
          "changedCount": 1,
          "takenCount": 0,
          "total": {
            "tensorCount": 1,
            "elementCount": 100,
            "ratio": 2.0,
            "lost": 0.25,
            "statistics": \(statistics.split(separator: "\n").joined(separator: "\n  "))
          },
          "modules": [
            {
              "name": "layers.3.q",
              "module": "layers.*.q",
              "layer": 3,
              "tensorCount": 1,
              "elementCount": 100,
              "ratio": 2.0,
              "lost": 0.25,
              "statistics": \(deeper.split(separator: "\n").joined(separator: "\n  "))
            }
          ],
          "tensors": [
            {
              "name": "layers.3.q",
              "dtype": "BF16",
              "shape": [
                10,
                10
              ],
              "ratio": 2.0,
              "lost": 0.25,
              "statistics": \(deeper.split(separator: "\n").joined(separator: "\n  "))
            }
          ],
          "flags": [
            {
              "flag": "larger",
              "name": "layers.3.q",
              "finding": "the update is 2 times the weight"
            }
          ]
        }

        """)
    let zeros = UpdateStatistics(updateNorm: 1, largest: 1, moved: 1, changed: 1)
    let grown = try MergeReport(Self.manifest([("b", zeros)]), output: "/out")
    #expect(try ToldMerge.parse(grown.json)["total"]?["ratio"] == .null)
  }

  /// Tags that stand open; nil where one is closed that is not, or the page is cut off.
  static func openTags(_ html: String) -> [String]? {
    var open: [String] = []
    for part in html.split(separator: "<").dropFirst() {
      guard let end = part.firstIndex(of: ">") else { return nil }
      let tag = part[..<end]
      if tag.hasPrefix("!") || tag.hasPrefix("meta") { continue }
      if tag.hasPrefix("/") {
        guard open.popLast() == String(tag.dropFirst()) else { return nil }
      } else {
        open.append(String(tag.prefix { $0 != " " }))
      }
    }
    return open
  }

  @Test func `the page is whole, needs nothing else and shows every flag`() throws {
    let html = ReportPage(try MergeReport(Self.flagged, output: "/out/<x>")).html
    #expect(Self.openTags(html) == [])
    for word in ["http", "src=", "href", "url(", "@import", "<script"] {
      #expect(!html.contains(word), "\(word)")
    }
    for kind in Suspicion.Kind.allCases { #expect(html.contains("<b>\(kind.words)</b>")) }
    #expect(html.contains("/out/&lt;x&gt;") && html.contains("style&lt;b&gt;"))
    #expect(html.contains("<title>model.layers.3.q.weight: ratio 0.25, largest 0.25,"))
    // A field for each module of each layer; those of flags have an edge.
    #expect(html.components(of: "<rect ") == 9)
    #expect(html.components(of: "stroke=") == 6)
    let none = ReportPage(try MergeReport(Self.manifest([("n", nil)]), output: "/out")).html
    #expect(Self.openTags(none) == [] && none.contains("<p>No tensor changed.</p>"))
  }

  @Test func `a hundred layers of experts make one field each`() throws {
    var tensors: [(String, UpdateStatistics?)] = []
    for layer in 0..<100 {
      for module in 0..<19 { tensors.append(("layers.\(layer).m\(module)", Self.numbers(0.01))) }
      for expert in 0..<64 {
        tensors.append(("layers.\(layer).experts.\(expert).w", Self.numbers(0.01)))
      }
    }
    let report = try MergeReport(Self.manifest(tensors), output: "/out")
    #expect(report.modules.count == 2000 && report.modules.last?.tensorCount == 64)
    let html = ReportPage(report).html
    #expect(html.components(of: "<rect ") == 2000 && html.utf8.count < 2_000_000)
    #expect(Self.openTags(html) == [])
  }

  @Test func `a manifest without statistics is refused, and an unfinished merge too`() throws {
    var manifest = Self.flagged
    manifest.shards[0].tensors[1].statistics = nil
    let error = #expect(throws: CommandError.self) {
      try MergeReport(manifest, output: "/out")
    }
    #expect(error?.exitCode == .badInput)
    #expect(
      error?.sentence
        == "/out: its manifest has no statistics of \"model.layers.1.q.weight\", which shardweld 0 did not measure; merge again with this version to have them"
    )
    var flags = ReportFlags()
    flags.output = "/nowhere/at/all"
    #expect(
      #expect(throws: CommandError.self) { try ReportCommand.text(flags) }?.exitCode == .badInput)
  }

  @Test func `the command prints a table or JSON, or writes a page`() throws {
    let scratch = Scratch()
    try WholeFile.write(Self.flagged.encode(), to: scratch.path + "/shardweld.json")
    var flags = ReportFlags()
    flags.output = scratch.path
    #expect(try ReportCommand.text(flags).hasPrefix("report    \(scratch.path)\n"))
    flags.json = true
    let json = try ToldMerge.parse(try ReportCommand.text(flags))
    #expect(json["flags"]?.elements?.count == 6 && json["changedCount"]?.int == 10)
    flags.json = false
    flags.html = scratch.path + "/page.html"
    #expect(try ReportCommand.text(flags) == "report  \(scratch.path)/page.html\n")
    let page = String(decoding: try WholeFile.read(scratch.path + "/page.html"), as: UTF8.self)
    #expect(page.hasPrefix("<!DOCTYPE html>\n") && page.hasSuffix("</html>\n"))
  }

  @Test(
    arguments: [
      (["--json", "--html", "x"], "--json and --html exclude each other; give one of them"),
      (["--all", "--json"], "--all and --json exclude each other; give one of them"),
      (["--all", "--html", "x"], "--all and --html exclude each other; give one of them"),
    ])
  func `forms exclude each other`(words: [String], sentence: String) {
    let error = #expect(throws: UsageError.self) {
      try ReportFlags.declaration.parse(["OUT"] + words)
    }
    #expect(error?.sentence == sentence)
  }

  @Test func `shares are not told as nothing or all where they are not`() {
    let shares = [0, 0.0001, 0.001, 0.1234, 0.999, 0.9999, 1, 1.5].map { Amount.percent($0) }
    #expect(
      shares == ["0 %", "<0.1 %", "0.1 %", "12.3 %", "99.9 %", ">99.9 %", "100 %", "100 %"])
    #expect(Amount.percent(0, of: 0) == "0 %" && Amount.percent(1, of: 8) == "12.5 %")
  }
}

extension String {
  fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
