// ggml's blocks there and back: values are bit for bit those of gguf-py, and blocks byte for byte.
import Foundation
import GGUF
import Planning
import Safetensors
import Storage
import TestSupport
import Testing

@testable import Merging

struct GGMLBlocksTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/ggml-blocks").path()

  /// The tensors of a file of fixtures.
  private static func tensors(_ file: String) throws -> [String: SampleTensor] {
    let header = try ShardHeader.read(fixtures + "/" + file)
    let bytes = try WholeFile.read(fixtures + "/" + file)
    var tensors: [String: SampleTensor] = [:]
    for entry in header.tensors {
      let start = Int(header.headerByteCount + entry.byteRange.lowerBound)
      tensors[entry.name] = SampleTensor(
        "codes", entry.dtype, entry.shape, bytes: Array(bytes[start..<start + Int(entry.byteCount)])
      )
    }
    return tensors
  }

  private static func floats(_ bytes: [UInt8]) -> [Float] {
    stride(from: 0, to: bytes.count, by: 4).map { place in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) })
    }
  }

  private static func isSame(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
    a.elementsEqual(b) { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
  }

  /// Types whose blocks can be taken apart.
  static let read = [
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
    "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4",
  ]
  /// Types that values go back into.
  static let written = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]

  private static func type(_ name: String) throws -> GGMLType {
    try #require(GGMLType.all.first { $0.name == name })
  }

  // MARK: Out of blocks

  @Test(arguments: read)
  func `a window of blocks has the values of gguf-py, wherever it begins and ends`(
    _ name: String
  ) throws {
    let tensors = try Self.tensors("blocks.safetensors")
    let codes = try #require(tensors[name + ".codes"])
    let expected = Self.floats(try #require(tensors[name + ".values"]).bytes)
    let type = try Self.type(name)
    let columns = expected.count / 4
    // Four rows are two matrices of two.
    let (decoder, reader) = try #require(
      try DecoderBench().decoder(
        "ggmlBlocks", [2, 2, columns], [codes], ["type": Double(type.id)]))
    let size = type.blockElementCount
    let cuts = [0, 1, size / 2, size - 1, size, size + 1, size * 3 / 2, columns - 1, columns]
    for rows in [0..<4, 1..<3, 3..<4] {
      for first in cuts {
        for last in cuts where last > first {
          let window = Window(rows: rows, columns: first..<last)
          // Room behind the window stays as it is.
          var values = [Float](repeating: 7, count: expected.count + 1)
          try decoder.decode(window, reader, to: &values)
          let own = rows.flatMap { expected[$0 * columns + first..<$0 * columns + last] }
          #expect(Self.isSame(values.prefix(own.count), own), "\(window)")
          #expect(values.dropFirst(own.count).allSatisfy { $0 == 7 }, "\(window)")
        }
      }
    }
  }

  @Test func `types without a definition of their own are not taken apart`() {
    for type in GGMLType.all {
      #expect((GGMLBlocks(type: Int(type.id)) != nil) == Self.read.contains(type.name), "\(type)")
    }
    for id in [-1, 4, 5, 1000, Int.max] { #expect(GGMLBlocks(type: id) == nil) }
  }

  @Test func `blocks that do not fit their weight are refused`() throws {
    func isRefused(_ shape: [Int], _ codes: SampleTensor, _ numbers: [String: Double]) throws
      -> Bool
    { try DecoderBench().decoder("ggmlBlocks", shape, [codes], numbers) == nil }
    let codes = SampleTensor("codes", .u8, [2, 18])
    #expect(try !isRefused([2, 32], codes, ["type": 2]))
    #expect(try isRefused([2, 32], codes, ["type": 8]))
    #expect(try isRefused([2, 32], codes, ["type": 1]))
    #expect(try isRefused([2, 32], codes, [:]))
    #expect(try isRefused([2, 31], codes, ["type": 2]))
    #expect(try isRefused([1, 32], codes, ["type": 2]))
    #expect(try isRefused([2, 32], SampleTensor("codes", .i8, [2, 18]), ["type": 2]))
    #expect(try isRefused([2, 32], SampleTensor("other", .u8, [2, 18]), ["type": 2]))
  }

  // MARK: Back into blocks

  /// A recipe that writes blocks, and its encoder where it fits.
  private static func encoder(
    _ name: String, rows: Int, columns: Int, _ change: (inout TensorRecipe) -> Void = { _ in }
  ) throws -> (any Encoder)? {
    let type = try Self.type(name)
    var recipe = TensorRecipe(
      name: "x", dtype: .u8,
      shape: [rows, columns / type.blockElementCount * type.blockByteCount], columns: columns,
      offset: 0, source: TensorBytes(file: 0, offset: 0, dtype: .u8, elementCount: 0),
      encoding: Encoding(
        form: "ggmlBlocks", part: .codes, shape: [rows, columns], dtype: .f32, scaleDType: .f16,
        numbers: [("type", Double(type.id))]), updates: [])
    change(&recipe)
    return Encoders.of(recipe, try #require(recipe.encoding))
  }

  @Test(arguments: written)
  func `rows become the blocks of gguf-py, whichever are taken together`(_ name: String) throws {
    let tensors = try Self.tensors("rows.safetensors")
    let values = Self.floats(try #require(tensors["values"]).bytes)
    let expected = try #require(tensors[name + ".codes"])
    let own = Self.floats(try #require(tensors[name + ".values"]).bytes)
    let rows = values.count / 64
    let encoder = try #require(try Self.encoder(name, rows: rows, columns: 64))
    #expect(encoder.bytes(of: 0..<rows) == 0..<expected.bytes.count)
    for together in [1, 5, rows] {
      for first in stride(from: 0, to: rows, by: together) {
        let taken = first..<min(rows, first + together)
        let place = taken.lowerBound * 64..<taken.upperBound * 64
        let found = encoder.encode(Array(values[place]), taken)
        #expect(found.bytes == Array(expected.bytes[encoder.bytes(of: taken)]), "rows \(taken)")
        #expect(Self.isSame(found.written, own[place]), "rows \(taken)")
        // The same values have the same place among their own scales.
        #expect(Self.isSame(found.plain(Array(values[place])), own[place]), "rows \(taken)")
      }
    }
  }

  @Test(arguments: written)
  func `other values take the nearest place on the grid of a block's scale`(_ name: String) throws {
    let encoder = try #require(try Self.encoder(name, rows: 1, columns: 32))
    let values = (0..<32).map { Float($0) * 2 / 31 - 1 }
    let found = encoder.encode(values, 0..<1)
    let (least, most) = (found.written.min()!, found.written.max()!)
    // The widest step is that of 16 codes.
    let step = (most - least) / 15
    let others = values.map { $0 * 0.9 }
    for (other, plain) in zip(others, found.plain(others)) {
      #expect(abs(other - plain) <= step * 0.51)
    }
    // What lies beyond a block's codes has the outermost.
    let far = found.plain(Array(repeating: 100, count: 16) + Array(repeating: -100, count: 16))
    #expect(far == Array(repeating: most, count: 16) + Array(repeating: least, count: 16))
  }

  @Test func `an encoding that does not fit is refused`() throws {
    let changes: [(inout TensorRecipe) -> Void] = [
      { $0.encoding!.numbers = [] }, { $0.encoding!.numbers = [("type", 12)] },
      { $0.encoding!.part = .scales }, { $0.encoding!.dtype = .bf16 }, { $0.columns = 32 },
      { $0.encoding!.shape = [64] }, { $0.encoding!.shape = [3, 64] }, { $0.shape = [2, 64] },
    ]
    for change in changes {
      #expect(try Self.encoder("Q8_0", rows: 2, columns: 64, change) == nil)
    }
    #expect(try Self.encoder("Q8_0", rows: 2, columns: 64) != nil)
    #expect(try Self.encoder("Q8_0", rows: 2, columns: 48) == nil)
  }

  // MARK: Merged

  /// Adds a weight in blocks with an update; its values as they come out of them.
  private static func weight(
    _ name: String, _ fixture: Fixture, scale: Double
  ) throws -> [Float] {
    let type = try type(name)
    let (rows, columns) = (41, 96)
    let encoder = try #require(try encoder(name, rows: rows, columns: columns))
    let bytes = encoder.encode(
      (0..<rows * columns).map { _ in Float.random(in: -1...1, using: &fixture.random) }, 0..<rows
    ).bytes
    let codes = TensorBytes(
      file: 0, offset: Int64(fixture.files[0].count), dtype: .u8, elementCount: bytes.count)
    fixture.files[0] += bytes
    let numbers = [(key: "type", value: Double(type.id))]
    let window = Window(rows: 3..<rows, columns: 0..<columns)
    fixture.recipes = [
      TensorRecipe(
        name: "x", dtype: .u8, shape: [rows, bytes.count / rows], columns: columns, offset: 0,
        source: codes,
        decoding: Decoding(
          form: "ggmlBlocks", title: name, dtype: .f32,
          operands: [Operand(role: "codes", tensor: codes, shape: [rows, bytes.count / rows])],
          numbers: numbers, isTransposed: false),
        encoding: Encoding(
          form: "ggmlBlocks", part: .codes, shape: [rows, columns], dtype: .f32, scaleDType: .f16,
          numbers: numbers),
        updates: [
          fixture.update(window, .lowRank(fixture.lowRank(window, rank: 3, scale: scale)))
        ])
    ]
    return try #require(GGMLBlocks(type: Int(type.id))).values(bytes)
  }

  @Test(arguments: written)
  func `a merged weight goes back into its blocks, however it is cut`(_ name: String) throws {
    let fixture = try Fixture()
    let base = try Self.weight(name, fixture, scale: 0.3)
    let recipe = fixture.recipes[0]
    var plain = recipe.merged
    plain.source = fixture.put(base.map(Double.init), .f32, file: 0)
    (plain.decoding, plain.encoding) = (nil, nil)
    let sums = Self.floats(Reference.bytes(plain, fixture.files))
    let encoder = try #require(Encoders.of(recipe, recipe.encoding!))
    let expected = encoder.encode(sums, 0..<recipe.merged.rows).bytes
    let slice = try fixture.slice()
    var updates: Set<UpdateStatistics> = []
    for budget in Budgets.all {
      let merged = try ShardMerge(slice: slice, budget: budget).run(to: fixture.output) { _ in true
      }
      let found = try WholeFile.read(fixture.output)
      #expect(found == fixture.expectedHeader + expected, "\(budget)")
      updates.insert(try #require(merged.tensors[0].update))
      try Folder.removeTree(fixture.output)
    }
    let update = try #require(updates.first)
    // Rows 0 to 2 have no update.
    #expect(updates.count == 1 && update.moved > 38 * 90 && update.moved <= 38 * 96)
    #expect(update.vanished < update.moved / 2 && update.changed >= update.moved - update.vanished)
  }

  @Test(arguments: ["Q4_1", "Q8_0"])
  func `numbers too large for the scales of a block are refused`(_ name: String) throws {
    let fixture = try Fixture()
    _ = try Self.weight(name, fixture, scale: 1e9)
    let error = try fixture.failure()
    #expect(error == .beyondForm(tensor: "x", row: 3, column: 0))
    #expect(
      error?.sentence
        == "x has numbers near row 3, column 0 once it is merged that are too large for the scales "
        + "of the base's quantised form; look at the adapter and its scale, or merge with "
        + "--dequantize all")
    #expect(error?.isFinal == true)
  }
}
