// Calls on open files.
import Glibc
package import Storage

extension SimulatedProcess {
  package func open(_ path: String, _ way: Opening) -> Int32 {
    let kind: DiskOperation.Kind
    switch way {
    case .reading, .updating: kind = .open
    case .creating: kind = .create
    case .folder: kind = .openFolder
    }
    return Int32(perform(kind, path) { _ in Int(opened(path, way)) })
  }

  private func opened(_ path: String, _ way: Opening) -> Int32 {
    var isWritable = false
    let node: Int32
    if case .creating(let mode) = way {
      node = disk.image.create(path, isFolder: false, mode: mode, now: disk.milliseconds)
      guard node >= 0 else { return node }
      isWritable = true
    } else {
      let place = disk.image.find(path)
      guard place.folder >= 0 else { return place.folder }
      guard place.node >= 0 else { return -ENOENT }
      node = place.node
      let isFolder = disk.image.nodes[Int(node)].isFolder
      switch way {
      case .updating where isFolder: return -EISDIR
      case .folder where !isFolder: return -ENOTDIR
      case .updating: isWritable = true
      default: break
      }
    }
    // Close-to-open: whoever opens a path has asked the server.
    forget(path)
    return disk.open(node, path, isWritable: isWritable, of: number)
  }

  package func close(_ descriptor: Int32) -> Int32 {
    guard let open = disk.descriptor(descriptor, of: number) else { return -EBADF }
    return Int32(
      perform(.close, open.path) { manner in
        if manner == .losingPages {
          disk.image[open.node].content.losePages()
        } else if disk.model.isNetwork, open.isWritable {
          disk.image[open.node].content.flush()
        }
        return Int(disk.close(descriptor, of: number))
      })
  }

  package func inspect(_ descriptor: Int32, _ status: inout FileStatus) -> Int32 {
    guard let open = disk.descriptor(descriptor, of: number) else { return -EBADF }
    return Int32(
      perform(.inspectOpen, open.path) { _ in
        status = self.status(disk.image.nodes[Int(open.node)], open.node)
        return 0
      })
  }

  /// What a node's status is to this host.
  func status(_ node: DiskNode, _ number: Int32) -> FileStatus {
    var status = FileStatus()
    status.byteCount = Int64(
      node.content.bytes(seenBy: host, isNetwork: disk.model.isNetwork).count)
    status.modified = node.modified * 1_000_000
    status.isFolder = node.isFolder
    status.isPlainFile = !node.isFolder
    status.mode = node.mode
    status.inode = UInt64(number)
    status.device = 1
    return status
  }

  package func read(
    _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) -> Int {
    guard let open = disk.descriptor(descriptor, of: number) else { return -Int(EBADF) }
    return perform(.read, open.path) { manner in
      let content = disk.image.nodes[Int(open.node)].content
      let bytes = content.bytes(seenBy: host, isNetwork: disk.model.isNetwork)
      var count = max(0, min(buffer.count, bytes.count - Int(offset)))
      if manner == .short { count = (count + 1) / 2 }
      let start = Int(offset)
      unsafe bytes.withUnsafeBytes { all in
        guard count > 0 else { return }
        unsafe buffer.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: all[start..<start + count]))
      }
      return count
    }
  }

  package func write(
    _ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: Int64
  ) -> Int {
    guard let open = disk.descriptor(descriptor, of: number) else { return -Int(EBADF) }
    return perform(.write, open.path) { manner in
      guard open.isWritable else { return -Int(EBADF) }
      disk.withCache(of: host) { cache, _ in cache.forget(open.node) }
      let count = manner == .short ? (buffer.count + 1) / 2 : buffer.count
      return unsafe disk.image.write(
        open.node, UnsafeRawBufferPointer(rebasing: buffer[..<count]), at: Int(offset),
        by: host, now: disk.milliseconds)
    }
  }

  package func reserve(_ descriptor: Int32, byteCount: Int64) -> Int32 {
    guard let open = disk.descriptor(descriptor, of: number) else { return -EBADF }
    return Int32(
      perform(.reserve, open.path) { _ in
        Int(disk.image.reserve(open.node, byteCount: Int(byteCount), by: host))
      })
  }

  package func flush(_ descriptor: Int32) -> Int32 {
    guard let open = disk.descriptor(descriptor, of: number) else { return -EBADF }
    let isFolder = disk.image.nodes[Int(open.node)].isFolder
    return Int32(
      perform(isFolder ? .flushFolder : .flush, open.path) { manner in
        switch (isFolder, manner) {
        case (true, .losingPages): break
        case (true, _): disk.image.flushNames(open.node)
        case (false, .losingPages): disk.image[open.node].content.losePages()
        case (false, _): disk.image[open.node].content.flush()
        }
        return 0
      })
  }

  /// The disk may take its time over what is not flushed, so nothing need happen but a failure.
  package func writeBack(
    _ descriptor: Int32, from offset: Int64, byteCount: Int64, waits: Bool
  ) -> Int32 {
    guard let open = disk.descriptor(descriptor, of: number) else { return -EBADF }
    return Int32(
      perform(.writeBack, open.path) { manner in
        if manner == .losingPages { disk.image[open.node].content.losePages() }
        return 0
      })
  }

  /// Not had: what is written early has ways of its own to fail here.
  package func setDirect(_ descriptor: Int32, _ isDirect: Bool) -> Int32 { -EINVAL }

  /// Of the whole file, whatever is asked for.
  package func dropCache(_ descriptor: Int32, from offset: Int64, byteCount: Int64) {
    guard let open = disk.descriptor(descriptor, of: number) else { return }
    _ = perform(.dropCache, open.path) { _ in
      disk.image[open.node].content.dropCache()
      return 0
    }
  }

  package func lock(_ descriptor: Int32) -> Int32 {
    guard let open = disk.descriptor(descriptor, of: number) else { return -EBADF }
    return Int32(
      perform(.lock, open.path) { _ in
        guard disk.model.hasLocks else { return -Int(ENOLCK) }
        let locker = DiskNode.Locker(process: number, descriptor: descriptor)
        guard (disk.image[open.node].locker ?? locker) == locker else { return -Int(EWOULDBLOCK) }
        disk.image[open.node].locker = locker
        return 0
      })
  }

  /// Left to the close that follows: nothing forks here.
  package func unlock(_ descriptor: Int32) {}
}
