import Glibc
import Kernels
import Merging
import Planning
import Safetensors
import Storage
import Testing

/// What stops a merge, and what is left of it: nothing.
@Suite struct FailureTests {
  @Test func `a weight that is not finite any more is refused and named`() throws {
    let fixture = try Fixture()
    let window = Window.whole(10, 50)
    let huge = fixture.put((0..<500).map { $0 == 333 ? 1e30 : 0 }, .f32, file: 1)
    fixture.tensor([10, 50], .f16)
    fixture.tensor([10, 50], .f16, [fixture.update(window, .add(huge, scale: 1))])
    let error = try fixture.failure()
    #expect(error == .nonFinite(tensor: "t1", row: 6, column: 33, dtype: .f16))
    #expect(
      error?.sentence
        == "t1 is not finite any more at row 6, column 33 as F16, where the base is finite; look at "
        + "the adapter and its scale, or write such values with --nonfinite keep")
    #expect(error?.isFinal == true)
    #expect(error?.noSpace == false)
    fixture.options.nonFinite = .keep
    try fixture.expectReference()
  }

  @Test func `the first weight that is not finite is named for any number of threads`() throws {
    let fixture = try Fixture()
    let huge = fixture.put((0..<6000).map { $0 % 700 == 699 ? .infinity : 0 }, .f32, file: 1)
    fixture.tensor([60, 100], [fixture.update(.whole(60, 100), .add(huge, scale: 1))])
    let slice = try fixture.slice()
    let output = fixture.output
    for budget in Budgets.all {
      #expect(throws: MergingError.nonFinite(tensor: "t0", row: 6, column: 99, dtype: .bf16)) {
        try ShardMerge(slice: slice, budget: budget).run(to: output) { _ in true }
      }
    }
  }

  @Test func `what the base has not finite may stay so`() throws {
    let fixture = try Fixture()
    let window = Window.whole(4, 100)
    let source = fixture.put(
      (0..<400).map { $0 % 7 == 0 ? .infinity : $0 % 11 == 0 ? .nan : 1 }, .f16, file: 0)
    fixture.tensor(
      [4, 100], source, [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 2)))])
    fixture.tensor([4, 100], source, as: .bf16)
    try fixture.expectReference()
  }

  @Test func `an input of another size is refused`() throws {
    let fixture = try Fixture()
    fixture.tensor([4])
    let slice = try fixture.slice()
    let input = slice.inputs[1]
    try WholeFile.write(fixture.files[1] + [0], to: input.path)
    let error = try fixture.failure(of: slice)
    guard case .inputChanged(input.path, let expected, let found) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(expected == .init(byteCount: input.byteCount, modified: input.modified))
    #expect(found.byteCount == input.byteCount + 1)
    #expect(
      error?.sentence
        == "\(input.path) changed since the merge was planned: \(input.byteCount) bytes of time "
        + "\(input.modified) expected, \(found.byteCount) bytes of time \(found.modified) found; "
        + "put the file back or start anew with --restart")
    #expect(error?.isFinal == true)
  }

  @Test func `an input of another time is refused, also where it changes under way`() throws {
    let fixture = try Fixture()
    fixture.tensor([5000])
    var slice = try fixture.slice()
    let output = fixture.output
    let path = slice.inputs[0].path
    let error = #expect(throws: MergingError.self) {
      try ShardMerge(slice: slice, budget: Budgets.small).run(to: output) { _ in
        unsafe utimes(path, nil) == 0
      }
    }
    guard case .inputChanged(path, _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(try FileStatus.of(output) == nil)
    slice = try fixture.slice()
    slice.inputs[0].modified += 1
    guard case .inputChanged(path, _, _) = try fixture.failure(of: slice) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func `a stop removes the file`() throws {
    let fixture = try Fixture()
    fixture.tensor([9000])
    fixture.tensor(
      [3000], [fixture.update(.whole(3000, 1), .add(fixture.put(3000, .f32), scale: 1))])
    let slice = try fixture.slice()
    let output = fixture.output
    for limit in [0, 1] {
      for threads in [1, 3] {
        var calls = 0
        let budget = Budgets.with(Budgets.small, threads: threads)
        let error = #expect(throws: MergingError.stopped(path: output)) {
          try ShardMerge(slice: slice, budget: budget).run(to: output) { _ in
            calls += 1
            return calls <= limit
          }
        }
        #expect(
          error?.sentence
            == "stopped before \(output) was complete; run the command again to go on")
        #expect(error?.isFinal == false)
        #expect(try FileStatus.of(output) == nil)
      }
    }
  }

  @Test func `a file that exists is refused and left alone`() throws {
    let fixture = try Fixture()
    fixture.tensor([4])
    let slice = try fixture.slice()
    let output = fixture.output
    try WholeFile.write([1, 2, 3], to: output)
    let error = #expect(throws: MergingError.storage(.exists(path: output))) {
      try ShardMerge(slice: slice, budget: Budgets.small).run(to: output) { _ in true }
    }
    #expect(error?.sentence == "\(output) exists already")
    #expect(try WholeFile.read(output) == [1, 2, 3])
  }

  @Test func `a full disk is told apart`() {
    let error = MergingError.storage(.noSpace(path: "/x", neededByteCount: 5))
    #expect(error.noSpace)
    #expect(!error.isFinal)
    #expect(!MergingError.storage(.exists(path: "/x")).noSpace)
    let set = MergingError.instructionSet(.unknownInstructionSet("mmx"))
    #expect(set.sentence == KernelsError.unknownInstructionSet("mmx").sentence)
    #expect(!set.isFinal)
  }

  @Test func `an instruction set that cannot be had stops before a file is made`() async {
    await #expect(processExitsWith: .success) {
      unsafe setenv(InstructionSet.variable, "mmx", 1)
      let fixture = try Fixture()
      fixture.tensor([4])
      let expected = MergingError.instructionSet(.unknownInstructionSet("mmx"))
      #expect(try fixture.failure() == expected)
    }
  }

  @Test func `sizes that are not those of the recipes are refused`() throws {
    let fixture = try Fixture()
    fixture.tensor([4])
    fixture.tensor([4])
    let slice = try fixture.slice()
    var other = slice
    other.job.byteCount += 1
    let error = try fixture.failure(of: other)
    #expect(
      error
        == .unfitJob(
          shard: "out.safetensors", expectedByteCount: slice.job.byteCount + 1,
          foundByteCount: slice.job.byteCount))
    #expect(
      error?.sentence
        == "the plan of out.safetensors does not fit: \(slice.job.byteCount + 1) bytes expected, its "
        + "tensors give \(slice.job.byteCount); plan anew with --restart")
    #expect(error?.isFinal == true)
    other = slice
    other.job.headerByteCount += 8
    #expect(try fixture.failure(of: other)?.isFinal == true)
    other = slice
    other.job.recipes[1].offset += 8
    #expect(
      try fixture.failure(of: other)
        == .unfitJob(shard: "out.safetensors", expectedByteCount: 16, foundByteCount: 8))
  }

  @Test func `a recipe that leaves its tensor or its files is refused`() throws {
    let whole = Window.whole(6, 8)
    try expectUnfit(.shape) { $0.columns = 7 }
    try expectUnfit(.shape) { $0.shape = [-6, 8] }
    try expectUnfit(.source) { $0.source.elementCount = 47 }
    try expectUnfit(.file) { $0.source.file = 2 }
    try expectUnfit(.file) { $0.source.offset = 1 << 40 }
    try expectUnfit(.file) { $0.source.offset = -1 }
    try expectUnfit(.dtype) { $0.source.dtype = .i16 }
    func decoding(_ form: String, _ source: TensorBytes) -> Decoding {
      Decoding(
        form: form, title: "", dtype: .bf16,
        operands: [Operand(role: "codes", tensor: source, shape: [6, 8])], numbers: [],
        isTransposed: false)
    }
    try expectUnfit(.decoding) { $0.decoding = decoding("nonsense", $0.source) }
    try expectUnfit(.decoding) { $0.decoding = decoding("nibbles", $0.source) }
    try expectUnfit(.file) {
      $0.decoding = decoding("nibbles", $0.source)
      $0.decoding?.operands[0].tensor.offset = 1 << 40
    }
    try expectUnfit(.dtype) { $0.dtype = .u8 }
    try expectUnfit(.window) { $0.updates[0].window.rows = 0..<7 }
    try expectUnfit(.window) { $0.updates[0].window.columns = 8..<9 }
    func product(_ change: @escaping (inout LowRank) -> Void) -> (inout TensorRecipe) -> Void {
      { recipe in
        guard case .lowRank(var product) = recipe.updates[0].rule else { return }
        change(&product)
        recipe.updates[0].rule = .lowRank(product)
      }
    }
    try expectUnfit(.rank, product { $0.rank = 0 })
    try expectUnfit(.file, product { $0.left.rowStride = 1 << 20 })
    try expectUnfit(.file, product { $0.left.rowStride = .max })
    try expectUnfit(.file, product { $0.right.columnStride = -1 })
    for rows in [-2, 3, 4] { try expectUnfit(.file, product { $0.left.headRows = rows }) }
    try expectUnfit(.file, product { $0.right.offset = 1 << 40 })
    try expectUnfit(.dtype, product { $0.right.dtype = .i32 })
    let short = TensorBytes(file: 1, offset: 0, dtype: .f32, elementCount: 5)
    try expectUnfit(.operand) { $0.updates[0].rule = .add(short, scale: 1) }
    try expectUnfit(.operand) { $0.updates[0].rule = .replace(short, strength: 1) }
    try expectUnfit(.operand) { $0.updates[0].rule = .replaceRows([1], short, strength: 1) }
    try expectUnfit(.window) { $0.updates[0].rule = .replaceRows([6], short, strength: 1) }
    try expectUnfit(.operand) { recipe in
      guard case .lowRank(let product) = recipe.updates[0].rule else { return }
      recipe.updates = [
        Update(
          window: whole, rule: .dora(product, magnitude: short, axis: .row, strength: 1),
          adapter: 0,
          tensorNames: [], origin: "")
      ]
    }
  }

  private func expectUnfit(
    _ reason: MergingError.UnfitRecipe, _ change: (inout TensorRecipe) -> Void
  ) throws {
    let fixture = try Fixture()
    let window = Window.whole(6, 8)
    fixture.tensor([6, 8], [fixture.update(window, .lowRank(fixture.lowRank(window, rank: 2)))])
    var slice = try fixture.slice()
    change(&slice.job.recipes[0])
    let error = try fixture.failure(of: slice)
    #expect(error == .unfitRecipe(tensor: "t0", reason))
    #expect(
      error?.sentence
        == "the plan of t0 does not fit: \(reason.rawValue); plan anew with --restart")
    #expect(error?.isFinal == true)
  }
}
