// The choice of the widest stream.
#include "CXXHash.h"

#include "avx2.h"

void cxx_update(XXH3_state_t *state, const void *bytes, size_t count) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return cxx_update_avx2(state, bytes, count);
#endif
  // It fails on a null pointer alone.
  (void)XXH3_128bits_update(state, bytes, count);
}
