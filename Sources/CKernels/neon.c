// The loops for AArch64, whose every CPU has NEON with fused multiply-add and F16 conversion.
#include "table.h"

#if defined(__aarch64__)
#define CK(name) ck_neon_##name
#define ck_neon_table ck_neon
#define CK_VECTOR 16
#define CK_VECTORS 4
#define CK_ROWS 6
#define CK_HAS_F16 1
#include "body.h"
#endif
