// A library for LD_PRELOAD that makes one chosen call on files fail, or ends the process there.
// Tests lay it under the real program; without the variables below it changes nothing.
//
//   FAULT_FOLDER   calls on paths below this folder count (absolute, no links on the way)
//   FAULT_TALLY    file of `struct fault_tally`, shared by all processes; counts and fired
//   FAULT_PROCESS  coordinator | worker | any: a worker is who has SHARDWELD_PARENT
//   FAULT_CALL     one of `fault_call_names`; step is any that changes the file system
//   FAULT_NUMBER   the call that fails, counted from 1 over all processes of FAULT_PROCESS
//   FAULT_REPEAT   1: all later ones too
//   FAULT_ACTION   EIO, ENOSPC, EDQUOT, EROFS, EINTR: the call is not made and says so (a file is
//                  closed all the same, as Linux does); short: half of the bytes are moved;
//                  late: the call is made and says EIO; kill: the process ends before the call,
//                  kill-after: after it; delay: the call is made FAULT_DELAY milliseconds later
#pragma once
#include <stdint.h>

enum fault_call {
  FAULT_CREATE,  // open with O_CREAT
  FAULT_OPEN,
  FAULT_READ,
  FAULT_WRITE,
  FAULT_RESERVE,
  FAULT_FLUSH,
  FAULT_CLOSE,
  FAULT_LINK,
  FAULT_RENAME,
  FAULT_MKDIR,
  FAULT_REMOVE,
  FAULT_STEP,
  FAULT_CALL_COUNT
};

/// How often each call was made, and how often one was made to fail; plain numbers of 8 bytes.
struct fault_tally {
  uint64_t fired;
  /// First the coordinator's, then all workers'.
  uint64_t counts[2][FAULT_CALL_COUNT];
};
