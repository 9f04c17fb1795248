// The tensors of a job one after the other, with the memory they share.
import Planning
import Safetensors
import Storage

/// A shard on its way: what its tensors share, and how far it is.
final class ShardRun {
  private let context: MergeContext
  /// Nil where bytes are digested and not written.
  private let output: ShardOutput?
  /// Nil where all that is read may stay in the page cache.
  private let passing: PassingInputs?
  private let path: String
  private let crew: Crew
  private let panels: PanelStore
  private var doneByteCount: Int64 = 0
  private var doneRecipeCount = 0

  // The tensor being merged: changed at the gate of its tiles only.
  private var outputDigester: Digester?
  private var sourceDigester: Digester?
  private var tally = Tally()

  init(
    _ context: MergeContext, _ output: ShardOutput?, _ passing: PassingInputs?, path: String
  ) {
    self.context = context
    self.output = output
    self.passing = passing
    self.path = path
    crew = Crew(context.budget)
    panels = PanelStore(byteCount: context.budget.panelByteCount)
  }

  /// Makes one tensor's bytes, digests and writes them.
  func merge(
    _ recipe: TensorRecipe, _ progress: (Int64) -> Bool
  ) throws(MergingError) -> TensorDigests {
    outputDigester = Digester(.xxh3)
    sourceDigester = recipe.isCopy ? nil : Digester(.xxh3)
    tally = Tally()
    func report(_ byteCount: Int64) throws(MergingError) {
      guard progress(doneByteCount + byteCount) else { throw .stopped(path: path) }
    }
    if recipe.isCopy { try copy(recipe, report) } else { try compute(recipe, report) }
    try report(recipe.byteCount)
    doneByteCount += recipe.byteCount
    doneRecipeCount += 1
    let output = outputDigester.take()!.finish().description
    let source = sourceDigester.take()?.finish().description ?? output
    let isMeasured = !recipe.updates.isEmpty && recipe.encoding?.part.isMeasured != false
    let update = isMeasured ? tally.total : nil
    if let update { try checkLoss(recipe, update) }
    return TensorDigests(output: output, source: source, update: update)
  }

  /// The largest share of the elements an update moves that a quantised form may swallow.
  private static let lostShareMax = 0.99

  /// Refuses a weight whose update its quantised form cannot hold.
  private func checkLoss(
    _ recipe: TensorRecipe, _ update: UpdateStatistics
  ) throws(MergingError) {
    guard recipe.encoding != nil, !context.keepsLostUpdates,
      Double(update.vanished) > Self.lostShareMax * Double(update.moved)
    else { return }
    throw .lostUpdate(tensor: recipe.name, vanished: update.vanished, moved: update.moved)
  }

  /// Copies a tensor's bytes in blocks, in any dtype.
  private func copy(
    _ recipe: TensorRecipe, _ report: (Int64) throws(MergingError) -> Void
  ) throws(MergingError) {
    let budget = context.budget
    let most = min(budget.tileByteCount, TileBudget.streamByteCount)
    let block = { (tile: Int) in
      let start = Int64(tile) * Int64(most)
      return (start, Int(min(Int64(most), recipe.byteCount - start)))
    }
    let bytes = { (bench: Workbench, tile: Int) in
      unsafe bench.sourceBytes(block(tile).1)
    }
    let count = Int((recipe.byteCount + Int64(most) - 1) / Int64(most))
    let line = TileLine(
      count: count, crew,
      prepare: { (bench, tile) throws(MergingError) in
        try unsafe self.context.inputs.read(
          recipe.source.file, into: bytes(bench, tile), at: recipe.source.offset + block(tile).0)
      },
      pass: { (bench, tile) in
        unsafe self.digestOutput(UnsafeRawBufferPointer(bytes(bench, tile)))
        self.passing?.reached(recipe: self.doneRecipeCount, tile + 1, of: count)
      },
      store: { (bench, tile) throws(MergingError) in
        try unsafe self.output?.write(
          UnsafeRawBufferPointer(bytes(bench, tile)), at: recipe.offset + block(tile).0)
      },
      rest: { () throws(MergingError) in try self.keepPace() })
    try line.run { (tile) throws(MergingError) in
      try keepPace { () throws(MergingError) in try report(block(tile).0) }
    }
  }

  /// Makes a tensor tile by tile.
  private func compute(
    _ recipe: TensorRecipe, _ report: (Int64) throws(MergingError) -> Void
  ) throws(MergingError) {
    let tensor = TensorMerge(recipe, context, panels)
    for bench in crew.benches { bench.fit(tensor.budget) }
    try tensor.prepareRules()
    try tensor.prepareEncoder()
    try tensor.findNorms(crew) { (_) throws(MergingError) in try report(0) }
    for span in tensor.spans {
      try panels.hold(span.held, of: tensor, crew.benches[0])
      let first = span.tiles.lowerBound
      let line = TileLine(
        count: span.tiles.count, crew,
        prepare: { (bench, tile) throws(MergingError) in
          try tensor.makeTile(tensor.grid[first + tile], bench)
        },
        pass: { (bench, index) in
          let tile = tensor.grid[first + index]
          unsafe self.digestSource(
            UnsafeRawBufferPointer(tensor.sourceBytes(of: tile, bench)))
          unsafe self.digestOutput(
            UnsafeRawBufferPointer(tensor.outputBytes(of: tile, bench)))
          if tensor.isMeasured { self.tally.add(bench) }
          self.passing?.reached(
            recipe: self.doneRecipeCount, first + index + 1, of: tensor.grid.count)
        },
        store: { (bench, tile) throws(MergingError) in
          let tile = tensor.grid[first + tile]
          try unsafe self.output?.write(
            UnsafeRawBufferPointer(tensor.outputBytes(of: tile, bench)),
            at: recipe.offset + Int64(tensor.outputRange(of: tile).lowerBound))
        },
        rest: { () throws(MergingError) in try self.keepPace() })
      try line.run { (tile) throws(MergingError) in
        let byteCount = tensor.outputRange(of: tensor.grid[first + tile]).lowerBound
        try keepPace { () throws(MergingError) in try report(Int64(byteCount)) }
      }
    }
  }

  /// Lets the device come near what is written; `tell` is called at least once.
  private func keepPace(
    _ tell: () throws(MergingError) -> Void = { () throws(MergingError) in }
  ) throws(MergingError) {
    try tell()
    try output?.keepPace(meanwhile: tell)
  }

  private func digestOutput(_ bytes: UnsafeRawBufferPointer) {
    unsafe outputDigester?.update(bytes.bytes)
    unsafe output?.digest(bytes)
  }

  private func digestSource(_ bytes: UnsafeRawBufferPointer) {
    unsafe sourceDigester?.update(bytes.bytes)
  }
}
