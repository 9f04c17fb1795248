// Calls on paths. On a network with a memory, stat and listings may be of yesterday; every call
// that changes a name is decided by the server and makes the host look anew.
import Glibc
package import Storage

extension SimulatedProcess {
  private var isStale: Bool { disk.model.staleMilliseconds > 0 }

  /// The host's cache forgets the folder a path lies in, and what it leads to.
  func forget(_ path: String) {
    guard isStale else { return }
    let place = disk.image.find(path)
    disk.withCache(of: host) { cache, _ in
      if place.folder >= 0 { cache.forget(place.folder) }
      if place.node >= 0 { cache.forget(place.node) }
    }
  }

  /// Where a path leads as far as this host knows; less than 0 is an error.
  private func believed(_ path: String) -> Int32 {
    let now = disk.milliseconds
    let image = disk.image
    return disk.withCache(of: host) { cache, age in
      var node: Int32 = 0
      for part in path.utf8.split(separator: DiskImage.slash) {
        guard image[node].isFolder else { return -ENOTDIR }
        let names = cache.names(node, image, now: now, age)
        node = names.node(Array(part).span)
        if node < 0 { return -ENOENT }
      }
      return node
    }
  }

  package func inspect(_ path: String, _ status: inout FileStatus) -> Int32 {
    Int32(
      perform(.inspect, path) { _ in
        if isStale {
          let node = believed(path)
          guard node >= 0 else { return Int(node) }
          let now = disk.milliseconds
          let image = disk.image
          let known = disk.withCache(of: host) { cache, age in
            cache.node(node, image, now: now, age)
          }
          status = self.status(known, node)
          return 0
        }
        let place = disk.image.find(path)
        guard place.folder >= 0 else { return Int(place.folder) }
        guard place.node >= 0 else { return -Int(ENOENT) }
        status = self.status(disk.image.nodes[Int(place.node)], place.node)
        return 0
      })
  }

  package func list(_ path: String, _ names: inout [String]) -> Int32 {
    Int32(
      perform(.list, path) { _ in
        let place = disk.image.find(path)
        let node = isStale ? believed(path) : place.folder < 0 ? place.folder : place.node
        guard node >= 0 else { return Int(min(node, -ENOENT)) }
        guard disk.image.nodes[Int(node)].isFolder else { return -Int(ENOTDIR) }
        var table = disk.image.nodes[Int(node)].names
        if isStale {
          let now = disk.milliseconds
          let image = disk.image
          table = disk.withCache(of: host) { cache, age in
            cache.names(node, image, now: now, age)
          }
        }
        for entry in table.entries { names.append(entry.name) }
        return 0
      })
  }

  package func createFolder(_ path: String, mode: UInt32) -> Int32 {
    Int32(
      perform(.createFolder, path) { _ in
        let node = disk.image.create(path, isFolder: true, mode: mode, now: disk.milliseconds)
        forget(path)
        return Int(min(node, 0))
      })
  }

  package func unlink(_ path: String) -> Int32 {
    Int32(
      perform(.unlink, path) { _ in
        forget(path)
        return Int(disk.image.remove(path, isFolder: false))
      })
  }

  package func removeFolder(_ path: String) -> Int32 {
    Int32(
      perform(.removeFolder, path) { _ in
        forget(path)
        return Int(disk.image.remove(path, isFolder: true))
      })
  }

  package func rename(_ from: String, _ to: String, _ rule: Renaming) -> Int32 {
    let kind: DiskOperation.Kind
    switch rule {
    case .replacing: kind = .rename
    case .keeping: kind = .renameKeeping
    case .exchanging: kind = .exchange
    }
    return Int32(
      perform(kind, from) { _ in
        forget(from)
        forget(to)
        return Int(disk.image.rename(from, to, rule))
      })
  }

  package func link(_ from: String, _ to: String) -> Int32 {
    Int32(
      perform(.link, from) { _ in
        forget(from)
        forget(to)
        return Int(disk.image.link(from, to))
      })
  }

  package func freeByteCount(_ path: String) -> Int64 {
    Int64(
      perform(.freeByteCount, path) { _ in
        let place = disk.image.find(path)
        guard place.folder >= 0 else { return Int(place.folder) }
        return place.node >= 0 ? disk.image.freeByteCount : -Int(ENOENT)
      })
  }

  package func resolve(_ path: String) -> String? {
    let answer = perform(.resolve, path) { _ in disk.exists(path) ? 0 : -Int(ENOENT) }
    return answer == 0 ? Path.absolute(path) : nil
  }
}
