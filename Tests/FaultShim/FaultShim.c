// See FaultShim.h. Each wrapper has the name of the C library's function, finds the real one behind
// itself, and asks `judge` what shall become of the call.
#define _GNU_SOURCE
#include "FaultShim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const fault_call_names[FAULT_CALL_COUNT] = {
    "create", "open", "read",   "write", "reserve", "flush",
    "close",  "link", "rename", "mkdir", "remove",  "step",
};

enum action { PASS, FAIL, SHORT, LATE, KILL, KILL_AFTER, DELAY };

static const struct {
  const char *name;
  enum action action;
  int code;
} actions[] = {
    {"EIO", FAIL, EIO},     {"ENOSPC", FAIL, ENOSPC}, {"EDQUOT", FAIL, EDQUOT},
    {"EROFS", FAIL, EROFS}, {"EINTR", FAIL, EINTR},   {"short", SHORT, 0},
    {"late", LATE, EIO},    {"kill", KILL, 0},        {"kill-after", KILL_AFTER, 0},
    {"delay", DELAY, 0},
};

// Set once, before main, and only read from then on.
static const char *folder;
static size_t folder_length;
static bool is_worker, repeats;
static int chosen_call = -1, chosen_code;
static enum action chosen_action = PASS;
static uint64_t chosen_number;
static long delay_milliseconds;
static struct fault_tally own_tally, *tally = &own_tally;

#define DESCRIPTOR_COUNT 65536
/// Which descriptors were opened below the folder.
static atomic_bool watched[DESCRIPTOR_COUNT];

static void die(const char *what) {
  fprintf(stderr, "FaultShim: %s\n", what);
  _exit(99);
}

static void share_tally(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) die("no tally");
  void *found = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (found == MAP_FAILED) die("the tally cannot be mapped");
  close(fd);
  tally = found;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULT_FOLDER");
  if (path == NULL) return;
  const char *file = getenv("FAULT_TALLY");
  if (file != NULL) share_tally(file);
  is_worker = getenv("SHARDWELD_PARENT") != NULL;
  const char *call = getenv("FAULT_CALL"), *action = getenv("FAULT_ACTION");
  const char *process = getenv("FAULT_PROCESS"), *number = getenv("FAULT_NUMBER");
  const char *repeat = getenv("FAULT_REPEAT"), *delay = getenv("FAULT_DELAY");
  bool concerned = process == NULL || strcmp(process, "any") == 0 ||
                   strcmp(process, is_worker ? "worker" : "coordinator") == 0;
  if (call != NULL && action != NULL && number != NULL && concerned) {
    for (int i = 0; i < FAULT_CALL_COUNT; i++) {
      if (strcmp(call, fault_call_names[i]) == 0) chosen_call = i;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
      if (strcmp(action, actions[i].name) != 0) continue;
      chosen_action = actions[i].action;
      chosen_code = actions[i].code;
    }
    if (chosen_call < 0 || chosen_action == PASS) die("no such call or action");
    chosen_number = strtoull(number, NULL, 10);
    repeats = repeat != NULL && strcmp(repeat, "1") == 0;
    delay_milliseconds = delay == NULL ? 0 : strtol(delay, NULL, 10);
  }
  folder_length = strlen(path);
  folder = path;
}

static bool is_below(const char *path) {
  return folder != NULL && path != NULL && strncmp(path, folder, folder_length) == 0 &&
         (path[folder_length] == '/' || path[folder_length] == 0);
}

static bool is_watched(int fd) {
  return folder != NULL && fd >= 0 && fd < DESCRIPTOR_COUNT && watched[fd];
}

static void watch(int fd, bool on) {
  if (folder != NULL && fd >= 0 && fd < DESCRIPTOR_COUNT) watched[fd] = on;
}

_Noreturn static void end_here(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/// Counts the call under one name; true where it is the chosen one.
static bool count(int call) {
  _Atomic uint64_t *place = (_Atomic uint64_t *)&tally->counts[is_worker][call];
  uint64_t number = atomic_fetch_add(place, 1) + 1;
  if (call != chosen_call || chosen_number == 0) return false;
  return number == chosen_number || (repeats && number > chosen_number);
}

/// Counts the call and says what shall become of it.
static enum action judge(int call) {
  bool is_chosen = count(call);
  if (call != FAULT_OPEN && call != FAULT_READ) is_chosen |= count(FAULT_STEP);
  if (!is_chosen) return PASS;
  atomic_fetch_add((_Atomic uint64_t *)&tally->fired, 1);
  if (chosen_action == KILL) end_here();
  if (chosen_action == DELAY) {
    struct timespec time = {delay_milliseconds / 1000, delay_milliseconds % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) continue;
    return PASS;
  }
  return chosen_action;
}

/// The result after a call that was made.
static long after(enum action action, long result) {
  if (action == KILL_AFTER) end_here();
  if (action == LATE && result >= 0) {
    errno = chosen_code;
    return -1;
  }
  return result;
}

#define REAL(type, name, ...)                                     \
  static type (*real)(__VA_ARGS__);                               \
  if (real == NULL) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/// The way of every call whose result is -1 where it fails.
#define GUARDED(call, concerned, made)                  \
  do {                                                  \
    enum action action = (concerned) ? judge(call) : PASS; \
    if (action == FAIL) {                               \
      errno = chosen_code;                              \
      return -1;                                        \
    }                                                   \
    return after(action, (made));                       \
  } while (0)

// MARK: Opening and closing

static int open_with(
    int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  bool is_ours = is_below(path);
  enum action action =
      is_ours ? judge(flags & O_CREAT ? FAULT_CREATE : FAULT_OPEN) : PASS;
  if (action == FAIL) {
    errno = chosen_code;
    return -1;
  }
  int fd = real(path, flags, mode);
  if (fd >= 0) watch(fd, is_ours);
  long result = after(action, fd);
  if (result < 0 && fd >= 0) {
    int code = errno;
    watch(fd, false);
    close(fd);
    errno = code;
  }
  return (int)result;
}

#define MODE_OF(flags)             \
  mode_t mode = 0;                 \
  if ((flags) & (O_CREAT | O_TMPFILE)) { \
    va_list rest;                  \
    va_start(rest, flags);         \
    mode = va_arg(rest, mode_t);   \
    va_end(rest);                  \
  }

int open(const char *path, int flags, ...) {
  REAL(int, "open", const char *, int, ...);
  MODE_OF(flags)
  return open_with(real, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  REAL(int, "open64", const char *, int, ...);
  MODE_OF(flags)
  return open_with(real, path, flags, mode);
}

int close(int fd) {
  REAL(int, "close", int);
  bool is_ours = is_watched(fd);
  enum action action = is_ours ? judge(FAULT_CLOSE) : PASS;
  if (is_ours) watch(fd, false);
  int result = real(fd);
  if (action == FAIL) {
    errno = chosen_code;
    return -1;
  }
  return (int)after(action, result);
}

// MARK: Bytes

static size_t part(enum action action, size_t count) {
  return action == SHORT && count > 1 ? count / 2 : count;
}

#define MOVED(call, made)                                     \
  do {                                                        \
    enum action action = is_watched(fd) ? judge(call) : PASS; \
    if (action == FAIL) {                                     \
      errno = chosen_code;                                    \
      return -1;                                              \
    }                                                         \
    count = part(action, count);                              \
    return after(action, (made));                             \
  } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(ssize_t, "write", int, const void *, size_t);
  MOVED(FAULT_WRITE, real(fd, bytes, count));
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  MOVED(FAULT_WRITE, real(fd, bytes, count, offset));
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  MOVED(FAULT_WRITE, real(fd, bytes, count, offset));
}

ssize_t read(int fd, void *bytes, size_t count) {
  REAL(ssize_t, "read", int, void *, size_t);
  MOVED(FAULT_READ, real(fd, bytes, count));
}

ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
  REAL(ssize_t, "pread", int, void *, size_t, off_t);
  MOVED(FAULT_READ, real(fd, bytes, count, offset));
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
  REAL(ssize_t, "pread64", int, void *, size_t, off64_t);
  MOVED(FAULT_READ, real(fd, bytes, count, offset));
}

int fallocate(int fd, int mode, off_t offset, off_t length) {
  REAL(int, "fallocate", int, int, off_t, off_t);
  GUARDED(FAULT_RESERVE, is_watched(fd), real(fd, mode, offset, length));
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  GUARDED(FAULT_FLUSH, is_watched(fd), real(fd));
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  GUARDED(FAULT_FLUSH, is_watched(fd), real(fd));
}

// MARK: Names

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  GUARDED(FAULT_LINK, is_below(to), real(from, to));
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  GUARDED(FAULT_RENAME, is_below(to), real(from, to));
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags) {
  REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
  GUARDED(FAULT_RENAME, is_below(to), real(from_fd, from, to_fd, to, flags));
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  GUARDED(FAULT_MKDIR, is_below(path), real(path, mode));
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  GUARDED(FAULT_REMOVE, is_below(path), real(path));
}

int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  GUARDED(FAULT_REMOVE, is_below(path), real(path));
}
