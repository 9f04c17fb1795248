// Texts that need no files around them: JSON, configs, the command line.
import Adapters
import OrderedJSON
import Planning
import Publishing
import Storage
import shardweld

extension FuzzTarget {
  static var json: FuzzTarget {
    let seeds = [
      #"{"a":[1,-0.5e+3,true,false,null,NaN,-Infinity],"b":{"":"\u00e9\ud83d\ude00\n\\"}} "#,
      "[[]]",
    ]
    return FuzzTarget("json", seeds.map { Array($0.utf8) }) { bytes in
      let json: JSON
      do throws(JSONError) { json = try JSON(parsing: bytes) } catch {
        return .refused(error.sentence)
      }
      for text in [json.compact, json.indented] {
        guard try JSON(parsing: Array(text.utf8)) == json else {
          throw BrokenPromise("JSON is another one once written")
        }
      }
      var reader = try JSONReader(bytes)
      try reader.skip()
      try reader.finish()
      return .taken
    }
  }

  /// A config of an adapter, with the scales that it gives to modules.
  static func adapterConfig(_ place: FuzzPlace) throws -> FuzzTarget {
    let patterns =
      #"{"peft_type":"LORA","r":8,"lora_alpha":16,"use_rslora":true,"rank_pattern":{"(.+)+!":4,"#
      + #""^(?!lm_)[^.]*\\.\\d{1,2}(?:a|b)?":2},"alpha_pattern":{"(?=.*q)(?P<n>\\w|[a-z\\d_])*":3}}"#
    let seeds = try configs("adapter/adapter_config.json") + [Array(patterns.utf8)]
    let modules = [
      "model.layers.10.self_attn.q_proj", "model.layers.0.mlp.experts.gate_up_proj", "lm_head",
      "base.éa_b.0", "a\nb", "",
    ]
    return FuzzTarget("adapter-config", seeds) { bytes in
      let config: AdapterConfig
      do throws(AdapterError) { config = try AdapterConfig(parsing: bytes, path: "PATH") } catch {
        return .refused(error.sentence)
      }
      let scale = config.scales()
      for module in modules {
        let scale = scale(module)
        guard scale.rank > 0, scale.alpha.isFinite, scale.value.isFinite else {
          throw BrokenPromise("a scale of \(scale.value)")
        }
      }
      return .taken
    }
  }

  /// A base's config, changed as a merge changes it.
  static func configEdit(_ place: FuzzPlace) throws -> FuzzTarget {
    let changes = [
      ConfigChange(path: ["torch_dtype"], value: "\"float16\""),
      ConfigChange(path: ["text_config", "torch_dtype"], value: "\"float16\""),
    ]
    return FuzzTarget("config-edit", try configs("base/config.json")) { bytes in
      let changed: [UInt8]
      do throws(ConfigEdit.Fault) { changed = try ConfigEdit.apply(changes, to: bytes) } catch {
        return .refused("\(error)")
      }
      guard try ConfigEdit.apply(changes, to: changed) == changed else {
        throw BrokenPromise("a change that is made is made again")
      }
      return .taken
    }
  }

  /// A file of all cases.
  private static func configs(_ name: String) throws -> [[UInt8]] {
    try FuzzPlace.caseNames.map { try WholeFile.read(Path.join(FuzzPlace.cases, "\($0)/\(name)")) }
  }

  /// Words of a command line, a line each; they are understood or not, and nothing is run.
  static var commandLine: FuzzTarget {
    let seeds = [
      "merge --base B --adapter A=0.5 --adapter=C --output O --workers auto --threads 2 --layout "
        + "source --max-shard-size 5GB --dtype bf16 --digest sha256 --accumulate f64 "
        + "--nonfinite keep --json "
        + "--memory-limit 1.5GiB --verify none --overwrite --restart --keep-job --again "
        + "--progress plain --log-level debug",
      "merge --base B --adapter A --output O --dry-run --max-shard-size auto",
      "coordinator --base B --adapter A --output O --listen tcp://*:5555 --keys K",
      "coordinator --base B --adapter A --output O --listen tcp://[::1]:* --keys K",
      "worker --connect tcp://node:5555 --keys K", "worker --job J --keys K --threads 3",
      "plan --base B --adapter A --tensors", "verify O --base B --adapter A --recompute 0.5%",
      "status O --json", "explain O model.norm.weight", "inspect O --tensors", "diff A B --all",
      "keygen K --workers 8", "completions fish", "help merge", "--version", "verify -- -O",
    ]
    let lines = seeds.map { line in Array(line.utf8.map { $0 == 0x20 ? 0x0A : $0 }) }
    return FuzzTarget("command-line", lines) { bytes in
      let words = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        .map { String(decoding: $0.filter { $0 != 0 }, as: UTF8.self) }
      return CommandLineFace.fault(in: words).map(Answer.refused) ?? .taken
    }
  }
}
