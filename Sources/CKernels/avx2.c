// The loops for x86-64 with AVX2, FMA and F16C.
#include "table.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK(name) ck_avx2_##name
#define ck_avx2_table ck_avx2
#define CK_VECTOR 32
#define CK_VECTORS 2
#define CK_ROWS 6
#define CK_HAS_F16 1
#include "body.h"
#pragma clang attribute pop
#endif
