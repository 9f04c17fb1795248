// Linux calls and constants that Swift's Glibc module does not carry. All are plain forwards: the
// return value and errno are the kernel's own.
#pragma once
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/// fallocate(2) with mode 0: reserves `length` bytes from `offset` and grows the file.
int sw_fallocate(int fd, off_t offset, off_t length);
/// renameat2(2) with RENAME_NOREPLACE.
int sw_rename_noreplace(const char *from, const char *to);
/// renameat2(2) with RENAME_EXCHANGE: both paths must exist and swap names atomically.
int sw_rename_exchange(const char *a, const char *b);
/// open(2) for regular use; `mode` counts only with O_CREAT.
int sw_open(const char *path, int flags, unsigned mode);
/// eventfd(2), close-on-exec and non-blocking, counter 0.
int sw_eventfd(void);
/// Blocks SIGINT, SIGTERM and SIGHUP in this thread (and threads made later) and gives a signalfd.
int sw_signalfd(void);
/// The next signal number waiting on a signalfd, or 0 where none is.
int sw_signalfd_next(int fd);
/// Asks the kernel to send `signal` to this process when its parent thread ends.
int sw_die_with_parent(int signal);
/// pidfd_open(2): a descriptor that stays this process's whoever gets its number later.
int sw_pidfd_open(pid_t process);
/// pidfd_send_signal(2).
int sw_pidfd_signal(int fd, int signal);
/// Makes this process the parent of its descendants that lose theirs.
int sw_adopt_orphans(void);
/// explicit_bzero(3): a wipe the optimiser keeps.
void sw_wipe(void *bytes, size_t count);
/// posix_fadvise(POSIX_FADV_DONTNEED) over a range; a length of 0 reaches to the file's end.
int sw_drop_cache(int fd, off_t offset, off_t length);
/// cachestat(2), since Linux 6.5: pages of a range that are in the page cache, or -1.
int64_t sw_cached_pages(int fd, off_t offset, off_t length);
/// fcntl(2): sets or clears O_DIRECT of an open file.
int sw_set_direct(int fd, int on);
/// sync_file_range(2): SYNC_FILE_RANGE_WRITE, and with `waits` WAIT_BEFORE and WAIT_AFTER too.
int sw_write_back(int fd, off_t offset, off_t length, int waits);
/// Width of the terminal on `fd` in columns, or 0 where it is none.
int sw_terminal_columns(int fd);
/// Cores that this process may run on by sched_getaffinity(2), at least 1.
int sw_usable_cores(void);
/// Peak resident memory of this process in bytes.
int64_t sw_peak_memory(void);

extern const int sw_o_rdonly, sw_o_rdwr, sw_o_create_exclusive, sw_o_directory;

#pragma clang assume_nonnull end
