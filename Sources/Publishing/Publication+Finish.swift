// The last steps: everything beside the shards, the index after all else, then the name.
package import Ledger
import OrderedJSON
import Planning
import Storage

extension Publication {
  /// Completes publish/ and gives it the output's name, all durably. May be repeated after a crash
  /// at any point; then it goes on where it was.
  ///
  /// An output that is there already and not empty is refused, or with `overwrite` replaced: both
  /// swap names in one step where the file system can, and the old one is removed after.
  package func finish(
    commits: [CommitRecord], overwrite: Bool
  ) throws(PublishingError) -> PublishedSummary {
    var place = try currentPlace()
    if place == .growing {
      try checkName(overwrite: overwrite)
      try complete(commits)
      place = try currentPlace()
    }
    if place == .ready {
      try checkName(overwrite: overwrite)
      try checkNewest()
      try giveName(overwrite: overwrite)
      place = try currentPlace()
    }
    guard place == .published else { throw .lost(folder: folder.path) }
    try PublishingError.wrapping { () throws(StorageError) in
      // Where both are one folder, a host remembers the old name, and nothing is to be removed.
      if try FileStatus.of(folder.publish)?.inode != FileStatus.of(output)?.inode {
        try Folder.removeTree(folder.publish)
      }
      try Folder.removeTree(folder.replaced)
    }
    return try summary()
  }

  private func currentPlace() throws(PublishingError) -> FinishMarker.Place {
    try PublishingError.wrappingLedger { () throws(LedgerError) in
      try FinishMarker.place(in: folder)
    }
  }

  /// A coordinator that was taken for dead must not publish what its successor works on.
  private func checkNewest() throws(PublishingError) {
    guard let epoch else { return }
    try PublishingError.wrappingLedger { () throws(LedgerError) in
      try EpochRecord.checkNewest(epoch, in: folder)
    }
  }

  // MARK: What the output holds

  /// Fills publish/ and says so in finish.json.
  private func complete(_ commits: [CommitRecord]) throws(PublishingError) {
    let ordered = try ordered(commits)
    try checkNewest()
    for (job, commit) in zip(plan.jobs, ordered) {
      // A crash may have come between a shard's commit and its name.
      let isUnplaced = try PublishingError.wrapping { () throws(StorageError) in
        try FileStatus.of(folder.shard(commit.attempt)) != nil
      }
      if isUnplaced { try place(commit.attempt, job: job) }
      try ShardCheck.check(folder.published(job.shardName), against: job)
    }
    try checkSideFileNames()
    try removeStrays()

    var files: [FileDigest] = []
    for file in sideFiles { files.append(try copy(file.from, to: file.name)) }
    if let config = try editedConfig() { files.append(try write(config, to: "config.json")) }
    let index = plan.hasIndex ? try indexBytes() : nil
    if let index { files.append(FileDigest(name: indexName, bytes: index)) }

    let manifest = Manifest(
      tool: tool, plan: plan,
      commits: ordered.map { Manifest.CommitDigests(shard: $0.digest, tensors: $0.tensors) },
      adapterFiles: adapterFiles, earlierAdapters: earlierAdapters, files: files)
    let manifestFile = try write(manifest.encode(), to: JobFolder.manifestName)
    try flushFolders(folder.publish)
    if let index { _ = try write(index, to: indexName) }

    let status = try PublishingError.wrapping { () throws(StorageError) in
      try Folder.flush(folder.path)
      return try FileStatus.of(folder.publish)
    }
    guard let status else { throw .lost(folder: folder.path) }
    try checkNewest()
    try PublishingError.wrappingLedger { () throws(LedgerError) in
      try FinishMarker(
        output: output, manifestDigest: manifestFile.digest, inode: status.inode
      ).write(in: folder)
    }
  }

  /// One record per job, in the plan's order.
  private func ordered(_ commits: [CommitRecord]) throws(PublishingError) -> [CommitRecord] {
    let byJob = Dictionary(commits.map { ($0.job, $0) }, uniquingKeysWith: { first, _ in first })
    let ordered = plan.jobs.compactMap { job in
      byJob[job.id].flatMap { $0.fits(job, digest: plan.options.digest) ? $0 : nil }
    }
    guard ordered.count == plan.jobs.count else {
      throw .incomplete(
        output: output, committed: ordered.count, planned: plan.jobs.count)
    }
    return ordered
  }

  private var indexName: String { ShardIndex.fileName(of: plan.jobs.lazy.map(\.shardName)) }

  /// Names that the merge itself writes.
  private var ownNames: Set<String> {
    var names = Set(plan.jobs.map(\.shardName))
    names.formUnion(["config.json", indexName, JobFolder.manifestName])
    return names
  }

  private func checkSideFileNames() throws(PublishingError) {
    var taken = ownNames
    for file in sideFiles {
      guard Path.staysInside(file.name), taken.insert(file.name).inserted else {
        throw .sideFileName(file.name)
      }
    }
  }

  /// Removes what an earlier, interrupted try left and this one does not write.
  private func removeStrays() throws(PublishingError) {
    let shards = Set(plan.jobs.map(\.shardName))
    let folders = Set(shards.flatMap { name in Self.foldersAbove(name) })
    func sweep(_ below: String) throws(StorageError) {
      for name in try Folder.list(Path.join(folder.publish, below)) {
        let relative = below.isEmpty ? name : below + "/" + name
        if shards.contains(relative) { continue }
        if folders.contains(relative) {
          try sweep(relative)
        } else {
          try Folder.removeTree(Path.join(folder.publish, relative))
        }
      }
    }
    try PublishingError.wrapping { () throws(StorageError) in
      try Folder.create(folder.publish, below: folder.path)
      try sweep("")
    }
  }

  private static func foldersAbove(_ name: String) -> [String] {
    var folders: [String] = []
    var above = Path.parent(name)
    while above != "." {
      folders.append(above)
      above = Path.parent(above)
    }
    return folders
  }

  private func editedConfig() throws(PublishingError) -> [UInt8]? {
    guard let baseConfig else { return nil }
    let path = Path.join(plan.basePath, "config.json")
    do throws(ConfigEdit.Fault) {
      return try ConfigEdit.apply(plan.configChanges, to: baseConfig)
    } catch {
      switch error {
      case .json(let reason): throw .config(path: path, reason)
      case .notAnObject(let member): throw .configMember(path: path, member: member)
      }
    }
  }

  /// Our index; the base's own bytes where they say the same and the base's shards are kept.
  private func indexBytes() throws(PublishingError) -> [UInt8] {
    let index = ShardIndex(of: plan.jobs)
    guard plan.options.layout == .source else { return index.encode() }
    let path = Path.join(plan.basePath, indexName)
    let base = try PublishingError.wrapping { () throws(StorageError) -> [UInt8]? in
      try FileStatus.of(path) == nil ? nil : try WholeFile.read(path)
    }
    guard let base else { return index.encode() }
    do throws(PlanError) {
      return try ShardIndex.decode(base) == index ? base : index.encode()
    } catch {
      return index.encode()  // the base's is no index: ours takes its place
    }
  }

  // MARK: Writing

  private func write(_ bytes: [UInt8], to name: String) throws(PublishingError) -> FileDigest {
    try PublishingError.wrapping { () throws(StorageError) in
      try WholeFile.write(bytes, to: Path.join(folder.publish, name))
    }
    return FileDigest(name: name, bytes: bytes)
  }

  /// Copies a side file's bytes durably; a link is copied as the file it leads to.
  private func copy(_ from: String, to name: String) throws(PublishingError) -> FileDigest {
    try PublishingError.wrapping { () throws(StorageError) in
      let target = Path.join(folder.publish, name)
      try Folder.create(Path.parent(target), below: folder.path)
      let source = try File.open(from)
      let byteCount = try source.status().byteCount
      let copy = try File.create(target)
      var digester = Digester(.xxh3)
      var offset: Int64 = 0
      try BlockReader(upTo: byteCount).read(source, 0..<byteCount) { block throws(StorageError) in
        digester.update(block)
        try copy.write(block, at: offset)
        offset += Int64(block.byteCount)
      }
      try copy.flush()
      try copy.close()
      return FileDigest(
        name: name, byteCount: byteCount, digest: digester.finish().description)
    }
  }

  /// Flushes a folder and all folders below.
  private func flushFolders(_ path: String) throws(PublishingError) {
    func flush(_ path: String) throws(StorageError) {
      for name in try Folder.list(path) {
        let below = Path.join(path, name)
        if try FileStatus.of(below)?.isFolder == true { try flush(below) }
      }
      try Folder.flush(path)
    }
    try PublishingError.wrapping { () throws(StorageError) in try flush(path) }
  }

  // MARK: The name

  /// Refuses a name that something has which may not be replaced.
  private func checkName(overwrite: Bool) throws(PublishingError) {
    let (status, isEmpty) = try PublishingError.wrapping { () throws(StorageError) in
      let status = try FileStatus.of(output)
      let isEmpty = status?.isFolder == true ? try Folder.list(output).isEmpty : false
      return (status, isEmpty)
    }
    guard let status else { return }
    guard status.isFolder else { throw .outputNotAFolder(path: output) }
    guard isEmpty || overwrite else { throw .outputExists(path: output) }
  }

  /// Gives publish/ the output's name; what has it takes publish/'s, or that of `replaced` where
  /// the file system cannot swap.
  private func giveName(overwrite: Bool) throws(PublishingError) {
    let isDone = try PublishingError.wrapping { () throws(StorageError) in
      do throws(StorageError) {
        try Folder.move(from: folder.publish, to: output)
        return true
      } catch .exists {
        return false
      }
    }
    if isDone { return }
    guard overwrite else { throw .outputExists(path: output) }
    try PublishingError.wrapping { () throws(StorageError) in
      if try Folder.exchange(folder.publish, output) { return }
      try Folder.removeTree(folder.replaced)
      try Folder.move(from: output, to: folder.replaced)
      try Folder.move(from: folder.publish, to: output)
    }
  }

  /// Told by the manifest that was published.
  private func summary() throws(PublishingError) -> PublishedSummary {
    let manifest = try OutputVerifier.manifest(of: output)
    return PublishedSummary(
      output: output, shardCount: manifest.shards.count,
      tensorCount: manifest.shards.reduce(0) { $0 + $1.tensors.count },
      byteCount: manifest.shards.reduce(0) { $0 + $1.byteCount },
      fileCount: manifest.files.count, outputDigest: manifest.outputDigest)
  }
}
