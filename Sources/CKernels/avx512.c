// The loops for x86-64 with AVX-512 F, BW, DQ and VL.
#include "table.h"

#if defined(__x86_64__)
#pragma clang attribute push(                                                              \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl"),             \
                   min_vector_width(512))),                                                \
    apply_to = function)
#define CK(name) ck_avx512_##name
#define ck_avx512_table ck_avx512
#define CK_VECTOR 64
#define CK_VECTORS 2
#define CK_ROWS 12
#define CK_HAS_F16 1
#include "body.h"
#pragma clang attribute pop
#endif
