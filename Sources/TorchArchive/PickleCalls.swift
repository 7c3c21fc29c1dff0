import Torch

/// The classes and functions that a pickle of weights may name, and the value made for each.
enum PickleCalls {
  /// Storages by the element type that their class names.
  static let storages: [String: DType] = [
    "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
    "torch.BFloat16Storage": .bfloat16, "torch.DoubleStorage": .float64,
    "torch.ByteStorage": .uint8, "torch.CharStorage": .int8, "torch.ShortStorage": .int16,
    "torch.IntStorage": .int32, "torch.LongStorage": .int64, "torch.BoolStorage": .bool,
    "torch.Float8_e5m2Storage": .float8e5m2, "torch.Float8_e4m3fnStorage": .float8e4m3fn,
  ]

  /// The storage without a type; its tensors have one each.
  static let untyped = "torch.storage.UntypedStorage"

  /// Element types by name, where a tensor has its own.
  static let dtypes: [String: DType] = [
    "torch.float32": .float32, "torch.float16": .float16, "torch.bfloat16": .bfloat16,
    "torch.float64": .float64, "torch.uint8": .uint8, "torch.int8": .int8, "torch.int16": .int16,
    "torch.int32": .int32, "torch.int64": .int64, "torch.bool": .bool, "torch.uint16": .uint16,
    "torch.uint32": .uint32, "torch.uint64": .uint64, "torch.float8_e5m2": .float8e5m2,
    "torch.float8_e4m3fn": .float8e4m3fn,
  ]

  /// Functions that are answered by `call`.
  private static let functions: Set<String> = [
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter",
    "collections.OrderedDict", "torch.Size", "torch.device",
    "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_doublelist",
    "torch.jit._pickle.build_boollist", "torch.jit._pickle.build_tensorlist",
    "torch.jit._pickle.restore_type_tag",
  ]

  /// Returns the name if it is known.
  ///
  /// - Throws: `ArchiveError.refused`.
  static func checked(_ name: String, _ reader: PickleReader) throws -> String {
    if functions.contains(name) || storages[name] != nil || name == untyped || dtypes[name] != nil {
      return name
    }
    if isModule(name, reader) { return name }
    throw ArchiveError.refused(file: reader.file, name: printable(name))
  }

  /// Whether the name is that of a module of a TorchScript archive, read as its attributes alone.
  static func isModule(_ name: String, _ reader: PickleReader) -> Bool {
    reader.isScript && name.hasPrefix("__torch__.")
  }

  /// The name without control characters, for terminals.
  private static func printable(_ name: String) -> String {
    String(name.unicodeScalars.prefix(120).map { $0.value < 0x20 ? "?" : Character($0) })
  }

  /// Pushes the result of a call.
  ///
  /// - Throws: `ArchiveError.refused`, `.damaged` for arguments that PyTorch does not write.
  static func call(
    _ callee: PickleValue, _ arguments: PickleValue, _ reader: inout PickleReader
  ) throws {
    guard case .global(let name) = callee, case .tuple(let tuple) = arguments else {
      throw ArchiveError.refused(file: reader.file, name: "a call of \(callee.kind)")
    }
    let arguments = tuple.items
    switch name {
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
      return try reader.push(.tensor(try tensor(arguments, typeAt: nil, reader)))
    case "torch._utils._rebuild_tensor_v3":
      return try reader.push(.tensor(try tensor(arguments, typeAt: 6, reader)))
    case "torch._utils._rebuild_parameter":
      guard case .tensor(let tensor)? = arguments.first else { break }
      return try reader.push(.tensor(tensor))
    case "collections.OrderedDict":
      return try orderedDictionary(arguments, &reader)
    case "torch.Size", "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_doublelist",
      "torch.jit._pickle.build_boollist", "torch.jit._pickle.build_tensorlist",
      "torch.jit._pickle.restore_type_tag":
      guard let first = arguments.first else { break }
      return try reader.push(first)
    case "torch.device": return try reader.push(.string("device"))
    default: throw ArchiveError.refused(file: reader.file, name: "a call of \(name)")
    }
    throw reader.damaged("its pickle calls \(name) with other arguments than PyTorch does")
  }

  /// Pairs, or nothing.
  private static func orderedDictionary(
    _ arguments: [PickleValue], _ reader: inout PickleReader
  ) throws {
    var items: [PickleValue] = []
    if let first = arguments.first {
      guard case .list(let pairs) = first else {
        throw reader.damaged("its pickle makes an OrderedDict of \(first.kind)")
      }
      try reader.take(values: pairs.items.count)
      for pair in pairs.items {
        switch pair {
        case .tuple(let pair) where pair.items.count == 2: items += pair.items
        case .list(let pair) where pair.items.count == 2: items += pair.items
        default: throw reader.damaged("its pickle makes an OrderedDict of \(pair.kind)")
        }
      }
    }
    try reader.pushDictionary(.ordered, items)
  }

  /// Sets the state of a value: the attributes of a module, or of an `OrderedDict`, where PyTorch
  /// keeps version numbers that are ignored.
  static func build(_ value: PickleValue, _ state: PickleValue, _ reader: PickleReader) throws {
    guard case .dictionary(let target) = value, case .dictionary(let state) = state,
      target.kind != .plain
    else { throw ArchiveError.refused(file: reader.file, name: "a state set on \(value.kind)") }
    if target.kind == .module { try reader.add(state, to: target) }
  }

  /// The storage that `("storage", class, key, device, count)` names.
  static func storage(_ value: PickleValue, _ reader: PickleReader) throws -> StorageReference {
    guard case .tuple(let tuple) = value, tuple.items.count == 5,
      case .string("storage") = tuple.items[0], case .global(let name) = tuple.items[1],
      storages[name] != nil || name == untyped,
      case .string(let key) = tuple.items[2],
      case .int(let count) = tuple.items[4], count >= 0
    else { throw reader.damaged("its pickle names a storage as PyTorch does not") }
    return StorageReference(dtype: storages[name], key: key, count: count)
  }

  /// The tensor of `(storage, offset, shape, strides, …)`.
  private static func tensor(
    _ arguments: [PickleValue], typeAt position: Int?, _ reader: PickleReader
  ) throws -> TensorReference {
    guard arguments.count >= 4, case .storage(let storage) = arguments[0],
      case .int(let offset) = arguments[1], offset >= 0,
      let shape = integers(arguments[2]), let strides = integers(arguments[3]),
      shape.count == strides.count
    else { throw reader.damaged("its pickle describes a tensor as PyTorch does not") }
    var dtype = storage.dtype
    if let position {
      guard arguments.count > position, case .global(let name) = arguments[position],
        let own = dtypes[name]
      else { throw reader.damaged("its pickle gives a tensor no element type") }
      dtype = own
    }
    guard let dtype else { throw reader.damaged("its pickle gives a tensor no element type") }
    return TensorReference(
      storage: storage, dtype: dtype, offset: offset, shape: shape, strides: strides)
  }

  /// Non-negative integers, at most one for each axis that a tensor may have.
  private static func integers(_ value: PickleValue) -> [Int]? {
    let list: PickleList
    switch value {
    case .tuple(let items), .list(let items): list = items
    default: return nil
    }
    guard list.items.count <= PickleReader.Limit.axes else { return nil }
    var integers: [Int] = []
    for item in list.items {
      guard case .int(let integer) = item, integer >= 0 else { return nil }
      integers.append(integer)
    }
    return integers
  }
}
