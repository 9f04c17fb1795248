// What goes wrong while one file is read, before its path is put to it.
import Storage

enum TorchReadError: Error {
  case storage(StorageError)
  case fault(TorchFault)
}

/// Runs a storage call and gives its error as this module's.
func reading<T: ~Copyable>(_ call: () throws(StorageError) -> T) throws(TorchReadError) -> T {
  do { return try call() } catch { throw .storage(error) }
}

/// Runs a step on what was read and gives its error as this module's.
func judging<T>(_ call: () throws(TorchFault) -> T) throws(TorchReadError) -> T {
  do { return try call() } catch { throw .fault(error) }
}
