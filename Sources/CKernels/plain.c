// The loops for any CPU. Fused multiply-adds are calls of libm's fmaf and fma.
#include "table.h"

#define CK(name) ck_plain_##name
#define ck_plain_table ck_plain
#define CK_VECTOR 16
#define CK_VECTORS 4
#define CK_ROWS 2
#define CK_HAS_F16 0
#include "body.h"
