// What changed between the plan a merge began with and the one that its command makes now, in the
// words of the command line.

extension PlanCodec {
  /// The first difference between the plan on disk and a new one, naming the field; nil where both
  /// are the same plan.
  package static func difference(onDisk: MergePlan, now: MergePlan) -> String? {
    if onDisk.basePath != now.basePath {
      return "--base was \(onDisk.basePath), is now \(now.basePath)"
    }
    if let sentence = difference(onDisk.options, now.options) { return sentence }
    if let sentence = difference(onDisk.adapters, now.adapters) { return sentence }
    if let sentence = difference(onDisk.inputs, now.inputs) { return sentence }
    return onDisk == now ? nil : "this version of shardweld plans the same merge differently"
  }

  private static func difference(_ old: MergeOptions, _ new: MergeOptions) -> String? {
    func size(_ byteCount: Int64?) -> String { byteCount.map { "\($0)" } ?? "auto" }
    func rules(_ flag: String, _ selection: ModuleSelection) -> String {
      selection.texts.first { $0.flag == flag }?.rules.joined(separator: " ") ?? "not given"
    }
    var flags: [(String, String, String)] = [
      ("--layout", old.layout.rawValue, new.layout.rawValue),
      ("--max-shard-size", size(old.maxShardByteCount), size(new.maxShardByteCount)),
      ("--dtype", old.dtype.rawValue, new.dtype.rawValue),
      ("--digest", old.digest, new.digest),
      ("--accumulate", old.accumulation.rawValue, new.accumulation.rawValue),
      ("--nonfinite", old.nonFinite.rawValue, new.nonFinite.rawValue),
      ("--dequantize", old.dequantize.rawValue, new.dequantize.rawValue),
      ("--requantize", old.requantize.rawValue, new.requantize.rawValue),
      ("--lost-updates", old.lostUpdates.rawValue, new.lostUpdates.rawValue),
      ("--combine", old.combination.method.rawValue, new.combination.method.rawValue),
      ("--density", "\(old.combination.density)", "\(new.combination.density)"),
      ("--combine-rank", "\(old.combination.rank)", "\(new.combination.rank)"),
      ("--combine-seed", "\(old.combination.seed)", "\(new.combination.seed)"),
    ]
    flags += ["--scale", "--only", "--except"].map { flag in
      (flag, rules(flag, old.selection), rules(flag, new.selection))
    }
    for (flag, was, now) in flags where was != now { return "\(flag) was \(was), is now \(now)" }
    return nil
  }

  private static func difference(_ old: [PlannedAdapter], _ new: [PlannedAdapter]) -> String? {
    for (index, (was, now)) in zip(old, new).enumerated() {
      let number = index + 1
      if was.path != now.path {
        return "adapter \(number) was \(was.path), is now \(now.path)"
      }
      // NaN differs from itself; its text does not.
      if was.strength.description != now.strength.description {
        return "adapter \(number) (\(was.path)): strength was \(was.strength), "
          + "is now \(now.strength)"
      }
      if was.configDigest != now.configDigest || was.kind != now.kind {
        return "adapter \(number) (\(was.path)): its config was modified since the merge began"
      }
    }
    if old.count > new.count {
      return "adapter \(new.count + 1) (\(old[new.count].path)) is no longer given"
    }
    if new.count > old.count {
      return "adapter \(old.count + 1) (\(new[old.count].path)) was not given when the merge began"
    }
    return nil
  }

  private static func difference(_ old: [InputFile], _ new: [InputFile]) -> String? {
    struct Key: Hashable {
      var adapter: Int
      var name: String
      init(_ input: InputFile) {
        if case .adapter(let index) = input.role { adapter = index } else { adapter = -1 }
        name = input.name
      }
    }
    func title(_ input: InputFile) -> String {
      switch input.role {
      case .base: "base file \(input.name)"
      case .adapter(let index): "adapter \(index + 1) file \(input.name)"
      }
    }
    let found = Dictionary(new.map { (Key($0), $0) }, uniquingKeysWith: { first, _ in first })
    for was in old {
      guard let now = found[Key(was)] else {
        return "\(title(was)): removed since the merge began"
      }
      if was.path != now.path {
        return "\(title(was)): was at \(was.path), is now at \(now.path)"
      }
      if was.byteCount != now.byteCount {
        return "\(title(was)): had \(was.byteCount) bytes when the merge began, has "
          + "\(now.byteCount) now"
      }
      if was.modified != now.modified || was.headerDigest != now.headerDigest {
        return "\(title(was)): modified since the merge began"
      }
    }
    let known = Set(old.map(Key.init))
    if let added = new.first(where: { !known.contains(Key($0)) }) {
      return "\(title(added)): added since the merge began"
    }
    return nil
  }
}
