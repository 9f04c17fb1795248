#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

// O_NONBLOCK: opening a pipe that nobody writes must not hang; plain files do not know it.
const int sw_o_rdonly = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
const int sw_o_rdwr = O_RDWR | O_CLOEXEC;
const int sw_o_create_exclusive = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
const int sw_o_directory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

int sw_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length); }

int sw_rename_noreplace(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int sw_rename_exchange(const char *a, const char *b) {
  return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

int sw_open(const char *path, int flags, unsigned mode) { return open(path, flags, mode); }

int sw_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int sw_signalfd(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int sw_signalfd_next(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

int sw_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

int sw_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int sw_pidfd_signal(int fd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

int sw_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1); }

void sw_wipe(void *bytes, size_t count) { explicit_bzero(bytes, count); }

int sw_drop_cache(int fd, off_t offset, off_t length) {
  return posix_fadvise(fd, offset, length, POSIX_FADV_DONTNEED);
}

int64_t sw_cached_pages(int fd, off_t offset, off_t length) {
  // The C library has neither the number (the same on every architecture) nor the structures.
  enum { cachestat_number = 451 };
  struct {
    uint64_t offset, length;
  } range = {(uint64_t)offset, (uint64_t)length};
  struct {
    uint64_t cached, dirty, writeback, evicted, recently_evicted;
  } pages;
  return syscall(cachestat_number, fd, &range, &pages, 0) == 0 ? (int64_t)pages.cached : -1;
}

int sw_set_direct(int fd, int on) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -1;
  return fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

int sw_write_back(int fd, off_t offset, off_t length, int waits) {
  unsigned both = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
  return sync_file_range(fd, offset, length, SYNC_FILE_RANGE_WRITE | (waits ? both : 0));
}

int sw_terminal_columns(int fd) {
  struct winsize size;
  return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int64_t sw_peak_memory(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

int sw_usable_cores(void) {
  // The kernel refuses a set with fewer bits than the machine can have processors.
  static cpu_set_t sets[64];
  if (sched_getaffinity(0, sizeof sets, sets) != 0) return 1;
  int count = CPU_COUNT_S(sizeof sets, sets);
  return count > 0 ? count : 1;
}
