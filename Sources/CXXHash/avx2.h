#pragma once
#include <stddef.h>

/// `state` is an XXH3_state_t: this file and the library's header cannot be read together.
void cxx_update_avx2(void *state, const void *bytes, size_t count);
