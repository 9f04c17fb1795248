// Sums in double that a shorter type can round once more with no harm: what a double cannot hold of
// the exact sum goes into its last bit. Included by body.h.
//
// Rounded to odd, a number that is not exact becomes the one of its two neighbours whose last bit
// is 1. Neighbours of a middle between two numbers of a type at least two bits shorter end in 0, so
// the second rounding sees on which side of the middle the exact sum lies.
// Source: S. Boldo, G. Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms
// using rounding to odd", IEEE Transactions on Computers 57 (2008); the error of a sum is Knuth's
// (The Art of Computer Programming, volume 2, 4.2.2).

// The sum, rounded, and what it lacks of a + b.
CK_INLINE double CK(two_sum)(double a, double b, double *lack) {
  const double sum = a + b, part = sum - a;
  *lack = (a - (sum - part)) + (b - part);
  return sum;
}

// Product and sum in three parts, of which the first is the nearest double to all of them; then
// its last bit by the sign of the rest.
static void CK(add_sticky)(double *value, const double *other, double scale, size_t count) {
  double *restrict w = value;
  const double *restrict v = other;
  for (size_t i = 0; i < count; i++) {
    double of_first, of_rest, of_sum;
    const double high = scale * v[i], low = __builtin_fma(scale, v[i], -high);
    const double first = CK(two_sum)(w[i], high, &of_first);
    const double rest = CK(two_sum)(of_first, low, &of_rest);
    const double sum = CK(two_sum)(first, rest, &of_sum);
    const double beyond = of_sum + of_rest;
    const uint64_t b = CK(bits64)(sum);
    const uint64_t is_inward = (CK(bits64)(beyond) ^ b) >> 63;
    const double sticky = CK(real64)(beyond != 0 ? (b - is_inward) | 1 : b);
    // Where something is not finite, neither are the parts, and the plain sum says what it is.
    w[i] = sum - sum == 0 ? sticky : first;
  }
}
