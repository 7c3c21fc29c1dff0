/// The element type of a tensor.
public enum DType: Int32, Sendable, CaseIterable, CustomStringConvertible {
  // The raw values are those of LibTorch's ScalarType.
  case uint8 = 0
  case int8 = 1
  case int16 = 2
  case int32 = 3
  case int64 = 4
  case float16 = 5
  case float32 = 6
  case float64 = 7
  case bool = 11
  case bfloat16 = 15
  case float8e5m2 = 23
  case float8e4m3fn = 24
  case uint16 = 27
  case uint32 = 28
  case uint64 = 29

  /// The bytes of one element.
  public var size: Int {
    switch self {
    case .uint8, .int8, .bool, .float8e5m2, .float8e4m3fn: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64: 8
    }
  }

  /// Whether the type is a floating-point type.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .float32, .float64, .bfloat16, .float8e5m2, .float8e4m3fn: true
    default: false
    }
  }

  /// The name in a safetensors header.
  public var safetensorsName: String {
    switch self {
    case .uint8: "U8"
    case .int8: "I8"
    case .int16: "I16"
    case .int32: "I32"
    case .int64: "I64"
    case .float16: "F16"
    case .float32: "F32"
    case .float64: "F64"
    case .bool: "BOOL"
    case .bfloat16: "BF16"
    case .float8e5m2: "F8_E5M2"
    case .float8e4m3fn: "F8_E4M3"
    case .uint16: "U16"
    case .uint32: "U32"
    case .uint64: "U64"
    }
  }

  /// Makes the type of a safetensors name, or nil for a name this package does not know.
  public init?(safetensorsName name: String) {
    guard let type = DType.allCases.first(where: { $0.safetensorsName == name }) else {
      return nil
    }
    self = type
  }

  /// The name of the case, as `float32`.
  public var description: String {
    switch self {
    case .uint8: "uint8"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float16: "float16"
    case .float32: "float32"
    case .float64: "float64"
    case .bool: "bool"
    case .bfloat16: "bfloat16"
    case .float8e5m2: "float8e5m2"
    case .float8e4m3fn: "float8e4m3fn"
    case .uint16: "uint16"
    case .uint32: "uint32"
    case .uint64: "uint64"
    }
  }
}

/// A Swift number with the bits of a tensor's element.
public protocol TensorElement: BitwiseCopyable, Sendable {
  /// The tensor type with the same bits.
  static var dtype: DType { get }
}

extension Float: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .float32 }
}
extension Double: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .float64 }
}
extension Int: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .int64 }
}
extension Int64: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .int64 }
}
extension Int32: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .int32 }
}
extension Int16: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .int16 }
}
extension Int8: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .int8 }
}
extension UInt8: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .uint8 }
}
extension Bool: TensorElement {
  /// The type of its tensors.
  public static var dtype: DType { .bool }
}
