// What Storage asks of the operating system, call by call. `LinuxKernel` is the real one; tests put
// a simulated one in its place (see `Host.kernel`). Answers are those of the system calls
// themselves: 0 or more is success, less is the error's number negated. Nothing below this line
// retries, checks or remembers: that is what the verbs above it are for.

/// The calls of an operating system on files, and what it says of the host and this process.
package protocol Kernel: AnyObject, Sendable {
  // MARK: Open files

  /// open(2); gives a descriptor.
  func open(_ path: String, _ way: Opening) -> Int32
  /// close(2); the descriptor is gone whatever the answer.
  func close(_ descriptor: Int32) -> Int32
  /// fstat(2).
  func inspect(_ descriptor: Int32, _ status: inout FileStatus) -> Int32
  /// pread(2); gives the bytes read, 0 at the end.
  func read(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int
  /// pwrite(2); gives the bytes written, which may be fewer than asked.
  func write(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer, at offset: Int64) -> Int
  /// fallocate(2) from the start of the file, mode 0.
  func reserve(_ descriptor: Int32, byteCount: Int64) -> Int32
  /// fsync(2), of files and folders.
  func flush(_ descriptor: Int32) -> Int32
  /// sync_file_range(2): starts the way of a range's dirty pages to the device; with `waits` it
  /// returns when they are there, and says what failed on the way.
  func writeBack(_ descriptor: Int32, from offset: Int64, byteCount: Int64, waits: Bool) -> Int32
  /// fcntl(2): sets or clears O_DIRECT, by which reads and writes pass the page cache.
  func setDirect(_ descriptor: Int32, _ isDirect: Bool) -> Int32
  /// posix_fadvise(2), POSIX_FADV_DONTNEED; a count of 0 reaches to the file's end.
  func dropCache(_ descriptor: Int32, from offset: Int64, byteCount: Int64)
  /// cachestat(2): pages of a range that are in the page cache; negative where nobody can tell.
  func cachedPageCount(_ descriptor: Int32, from offset: Int64, byteCount: Int64) -> Int64
  /// flock(2), exclusive, without waiting.
  func lock(_ descriptor: Int32) -> Int32
  /// flock(2): gives it back, for every copy of the descriptor.
  func unlock(_ descriptor: Int32)

  // MARK: Names

  /// stat(2): links are followed.
  func inspect(_ path: String, _ status: inout FileStatus) -> Int32
  /// mkdir(2).
  func createFolder(_ path: String, mode: UInt32) -> Int32
  /// Appends all names in a folder but `.` and `..`, in any order.
  func list(_ path: String, _ names: inout [String]) -> Int32
  /// unlink(2).
  func unlink(_ path: String) -> Int32
  /// rmdir(2).
  func removeFolder(_ path: String) -> Int32
  /// renameat2(2).
  func rename(_ from: String, _ to: String, _ rule: Renaming) -> Int32
  /// link(2).
  func link(_ from: String, _ to: String) -> Int32
  /// statvfs(3): bytes a user may still write.
  func freeByteCount(_ path: String) -> Int64
  /// realpath(3); nil where the path does not exist.
  func resolve(_ path: String) -> String?

  // MARK: Who and when

  /// The machine's name.
  var hostName: String { get }
  /// Differs between machines, and between two starts of one; empty where there is none.
  var bootID: String { get }
  var processID: Int { get }
  /// The wall clock, since 1970.
  var milliseconds: Int64 { get }
  /// Lets the thread rest.
  func pause(milliseconds: Int)
  /// A number that nobody else draws, for names of temporary files.
  func nonce() -> UInt64
}

/// How a path is opened.
package enum Opening: Sendable {
  case reading
  /// For reading and writing.
  case updating
  /// A new file, for reading and writing; with these permission bits.
  case creating(mode: UInt32)
  /// A folder, to be flushed.
  case folder
}

/// What becomes of a target that is there when something takes its name.
package enum Renaming: Sendable {
  /// It is replaced.
  case replacing
  /// It stays, and the call fails.
  case keeping
  /// Both swap names; both must be there.
  case exchanging
}

extension Kernel {
  /// Nobody can tell.
  package func cachedPageCount(
    _ descriptor: Int32, from offset: Int64, byteCount: Int64
  ) -> Int64 { -1 }
}
