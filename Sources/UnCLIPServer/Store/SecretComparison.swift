/// Compares texts of which one is secret. The time that it takes does not depend on how much of the
/// other one is right.
func isEqualSecret(_ a: String, _ b: String) -> Bool {
  var difference: UInt8 = a.utf8.count == b.utf8.count ? 0 : 1
  for (x, y) in zip(a.utf8, b.utf8) { difference |= x ^ y }
  return difference == 0
}
