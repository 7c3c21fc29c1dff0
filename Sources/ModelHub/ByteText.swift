/// A count of bytes for people: `15 GB`, `1.2 MB`.
package func byteText(_ bytes: Int64) -> String {
  let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
  var (value, unit) = (Double(bytes), 0)
  while value >= 999.5, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
  guard unit > 0, value < 9.95 else { return "\(Int(value.rounded())) \(units[unit])" }
  let tenths = Int((value * 10).rounded())
  return "\(tenths / 10).\(tenths % 10) \(units[unit])"
}
