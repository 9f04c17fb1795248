// Conversions between file elements and working numbers. Included by body.h.
//
// Widening keeps every bit; a NaN of F16 comes out quiet, as the hardware gives it. Narrowing
// rounds once, to nearest even, straight from the working number, and writes every NaN as the
// canonical one: BF16 0x7FC0, F16 0x7E00, F32 0x7FC00000, F64 0x7FF8000000000000.

CK_INLINE uint32_t CK(bits)(float x) { uint32_t b; CK_COPY(&b, &x, 4); return b; }
CK_INLINE float CK(real)(uint32_t b) { float x; CK_COPY(&x, &b, 4); return x; }
CK_INLINE uint64_t CK(bits64)(double x) { uint64_t b; CK_COPY(&b, &x, 8); return b; }
CK_INLINE double CK(real64)(uint64_t b) { double x; CK_COPY(&x, &b, 8); return x; }

CK_INLINE float CK(from_bf16)(uint16_t h) { return CK(real)((uint32_t)h << 16); }

CK_INLINE uint16_t CK(to_bf16)(float x) {
  uint32_t b = CK(bits)(x);
  uint32_t rounded = (b + 0x7FFF + (b >> 16 & 1)) >> 16;
  return (uint16_t)((b & 0x7FFFFFFF) > 0x7F800000 ? 0x7FC0 : rounded);
}

// Subnormals by an exact multiplication: 2^-24 times the significand.
CK_INLINE float CK(from_f16)(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000) << 16, rest = h & 0x7FFF;
  uint32_t normal = (rest << 13) + (112u << 23);
  uint32_t special = rest << 13 | 0x7F800000 | (rest > 0x7C00 ? 0x00400000u : 0);
  uint32_t small = CK(bits)((float)(int32_t)rest * 0x1p-24f);
  uint32_t b = rest >= 0x7C00 ? special : rest < 0x0400 ? small : normal;
  return CK(real)(sign | b);
}

// Subnormals by adding 0.5, whose last place is F16's smallest step: the addition rounds.
CK_INLINE uint16_t CK(to_f16)(float x) {
  uint32_t b = CK(bits)(x), sign = b >> 16 & 0x8000, a = b & 0x7FFFFFFF;
  uint32_t small = CK(bits)(CK(real)(a < 0x38800000 ? a : 0) + 0.5f) - 0x3F000000;
  uint32_t normal = (a - (112u << 23) + 0x0FFF + (a >> 13 & 1)) >> 13;
  uint32_t h = a >= 0x477FF000 ? 0x7C00 : a < 0x38800000 ? small : normal;
  return (uint16_t)(a > 0x7F800000 ? 0x7E00 : sign | h);
}

// A double that is no float becomes the one of its two neighbours that ends in 1 (rounding to odd,
// as in sticky.h): narrowed from there, to a type at least two bits shorter, it is rounded once.
CK_INLINE float CK(to_odd)(double x) {
  const float nearest = (float)x;
  const double back = (double)nearest;
  const uint32_t b = CK(bits)(nearest), is_beyond = __builtin_fabs(back) > __builtin_fabs(x);
  return CK(real)(back != x ? (b - is_beyond) | 1 : b);
}

#if CK_HAS_F16
CK_INLINE uint16_t CK(to_half)(float x) {
  const _Float16 half = (_Float16)x;
  uint16_t b;
  CK_COPY(&b, &half, 2);
  return x == x ? b : 0x7E00;
}
#else
CK_INLINE uint16_t CK(to_half)(float x) { return CK(to_f16)(x); }
#endif

#define CK_CONVERT(name, from_type, to_type, expression)                       \
  static void CK(name)(const void *from, void *to, size_t count) {             \
    const from_type *restrict source = from;                                   \
    to_type *restrict target = to;                                             \
    for (size_t i = 0; i < count; i++) {                                       \
      from_type x = source[i];                                                 \
      target[i] = (expression);                                                \
    }                                                                          \
  }

CK_CONVERT(widen_bf16_f32, uint16_t, float, CK(from_bf16)(x))
CK_CONVERT(widen_bf16_f64, uint16_t, double, (double)CK(from_bf16)(x))
CK_CONVERT(widen_f32_f64, float, double, (double)x)
CK_CONVERT(widen_f64_f32, double, float, (float)x)
CK_CONVERT(narrow_f32_bf16, float, uint16_t, CK(to_bf16)(x))
CK_CONVERT(narrow_f32_f16, float, uint16_t, CK(to_half)(x))
CK_CONVERT(narrow_f32_f32, float, float, x == x ? x : CK(real)(0x7FC00000))
CK_CONVERT(narrow_f32_f64, float, double, x == x ? (double)x : CK(real64)(0x7FF8000000000000))
CK_CONVERT(narrow_f64_bf16, double, uint16_t, CK(to_bf16)(CK(to_odd)(x)))
CK_CONVERT(narrow_f64_f16, double, uint16_t, CK(to_half)(CK(to_odd)(x)))
CK_CONVERT(narrow_f64_f32, double, float, x == x ? (float)x : CK(real)(0x7FC00000))
CK_CONVERT(narrow_f64_f64, double, double, x == x ? x : CK(real64)(0x7FF8000000000000))

static void CK(widen_f32_f32)(const void *from, void *to, size_t count) {
  CK_COPY(to, from, count * 4);
}
static void CK(widen_f64_f64)(const void *from, void *to, size_t count) {
  CK_COPY(to, from, count * 8);
}

#if CK_HAS_F16
CK_CONVERT(widen_f16_f32, _Float16, float, (float)x)
CK_CONVERT(widen_f16_f64, _Float16, double, (double)(float)x)
#else
CK_CONVERT(widen_f16_f32, uint16_t, float, CK(from_f16)(x))
CK_CONVERT(widen_f16_f64, uint16_t, double, (double)CK(from_f16)(x))
#endif
