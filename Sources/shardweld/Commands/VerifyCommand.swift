// `shardweld verify`: is a merged checkpoint still what was written, and was it made of these
// inputs?
import OrderedJSON
import Publishing
import Storage

enum VerifyCommand {
  static func run(_ flags: VerifyFlags) throws(CommandError) -> ExitCode {
    let output = Path.absolute(flags.output)
    let printer = ProgressPrinter(flags.progress)
    let traffic = Traffic(bytesPerSecond: flags.ioLimit)
    let report: VerifyReport
    do throws(PublishingError) {
      report = try OutputVerifier.verify(output, traffic) { done, total in
        printer.update(Progress(phase: "verifying", bytesDone: done, bytesTotal: total))
      }
    } catch {
      printer.finish(isComplete: false)
      throw .publishing(error)
    }
    printer.finish(isComplete: true)
    for name in report.extraFiles {
      Log(level: flags.logLevel).warning("\(name) is not in the manifest; it was added later")
    }
    var recomputed = 0
    if let base = flags.base {
      recomputed = try InputCheck(
        flags, base: base, manifest: report.manifest, traffic
      ).run()
    }
    return try show(flags, output, report, recomputed)
  }

  private static func show(
    _ flags: VerifyFlags, _ output: String, _ report: VerifyReport, _ recomputed: Int
  ) throws(CommandError) -> ExitCode {
    guard flags.json else {
      var text = "verified  \(output)\n"
      text += "shards    \(report.shardCount), \(report.tensorCount) tensors\n"
      text += "read      \(Amount.bytes(report.byteCount))\n"
      if flags.base != nil { text += "inputs    as the manifest says\n" }
      if recomputed > 0 { text += "merged    \(recomputed) tensors again, bit for bit the same\n" }
      return try CommandLineFace.show(text + "digest    \(report.manifest.outputDigest)\n")
    }
    var writer = JSONWriter(indent: 2)
    writer.object { writer in
      writer.member("output", output)
      writer.member("verified", .bool(true))
      writer.member("shards", report.shardCount)
      writer.member("tensors", report.tensorCount)
      writer.member("bytes", report.byteCount)
      writer.member("inputsChecked", .bool(flags.base != nil))
      writer.member("recomputed", recomputed)
      writer.member("extraFiles", .array(report.extraFiles.map { .string($0) }))
      writer.member("digest", report.manifest.outputDigest)
    }
    return try CommandLineFace.show(writer.text + "\n")
  }
}
