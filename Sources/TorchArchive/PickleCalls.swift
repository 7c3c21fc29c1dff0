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

  /// The untyped storage; its tensors name their types.
  static let untyped = "torch.storage.UntypedStorage"

  /// Element types by name, where a tensor has its own.
  static let dtypes: [String: DType] = [
    "torch.float32": .float32, "torch.float16": .float16, "torch.bfloat16": .bfloat16,
    "torch.float64": .float64, "torch.uint8": .uint8, "torch.int8": .int8, "torch.int16": .int16,
    "torch.int32": .int32, "torch.int64": .int64, "torch.bool": .bool, "torch.uint16": .uint16,
    "torch.uint32": .uint32, "torch.uint64": .uint64, "torch.float8_e5m2": .float8e5m2,
    "torch.float8_e4m3fn": .float8e4m3fn,
  ]

  /// Element types that no tensor here can have, but a setting beside the weights may name.
  private static let otherTypes: Set<String> = Set(
    ["complex32", "complex64", "complex128", "qint8", "quint8", "qint32", "quint4x2", "quint2x4"]
      .map { "torch." + $0 })

  /// Element types whose sign can be changed.
  private static let signed: Set<DType> = [.float32, .float16, .bfloat16, .float64]

  /// Functions that rebuild tensors.
  private static let rebuilders: Set<String> = [
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
  ]

  /// Functions that make values which no tensor needs, and the kind of these.
  private static let opaque: [String: String] = {
    var kinds = [
      "_codecs.encode": "bytes", "collections.Counter": "a Counter",
      "torch.serialization._get_layout": "a layout", "torch.device": "a device",
    ]
    for module in ["builtins", "__builtin__"] {
      kinds["\(module).bytes"] = "bytes"
      kinds["\(module).bytearray"] = "bytes"
      kinds["\(module).complex"] = "a complex number"
    }
    return kinds
  }()

  /// Makers of sets, in Python 3 and in its spelling of Python 2's names.
  private static let sets: Set<String> = [
    "builtins.set", "builtins.frozenset", "__builtin__.set", "__builtin__.frozenset",
  ]

  /// Classes of tensors; their attributes in Python do not change their elements.
  private static let tensorClasses: Set<String> = [
    "torch.Tensor", "torch.nn.parameter.Parameter",
  ]

  /// Other functions that are answered by `call`.
  private static let functions: Set<String> = [
    "torch._tensor._rebuild_from_type_v2", "collections.OrderedDict", "torch.Size",
    "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_doublelist",
    "torch.jit._pickle.build_boollist", "torch.jit._pickle.build_tensorlist",
    "torch.jit._pickle.restore_type_tag",
  ]

  /// Returns the name if it is known.
  ///
  /// - Throws: `ArchiveError.refused`.
  static func checked(_ name: String, _ reader: PickleReader) throws -> String {
    if functions.contains(name) || rebuilders.contains(name) || opaque[name] != nil
      || sets.contains(name) || tensorClasses.contains(name) || storages[name] != nil
      || name == untyped || dtypes[name] != nil || otherTypes.contains(name)
    {
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
    if let kind = opaque[name] { return try reader.push(.opaque(kind)) }
    switch name {
    case "torch._utils._rebuild_tensor":
      guard arguments.count == 4 else { break }
      return try reader.push(.tensor(try tensor(arguments, typeAt: nil, reader)))
    case "torch._utils._rebuild_tensor_v2":
      guard (6...7).contains(arguments.count) else { break }
      return try reader.push(.tensor(try tensor(arguments, typeAt: nil, metadataAt: 6, reader)))
    case "torch._utils._rebuild_tensor_v3":
      guard (7...8).contains(arguments.count) else { break }
      return try reader.push(.tensor(try tensor(arguments, typeAt: 6, metadataAt: 7, reader)))
    case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
      guard (3...4).contains(arguments.count), case .tensor(let tensor) = arguments[0] else {
        break
      }
      return try reader.push(.tensor(tensor))
    case "torch._tensor._rebuild_from_type_v2":
      guard arguments.count == 4, case .global(let function) = arguments[0],
        rebuilders.contains(function), case .global(let type) = arguments[1]
      else { break }
      guard tensorClasses.contains(type) else {
        throw ArchiveError.refused(file: reader.file, name: printable(type))
      }
      return try call(arguments[0], arguments[2], &reader)
    case let name where sets.contains(name):
      guard arguments.count <= 1 else { break }
      var items: [PickleValue] = []
      if let first = arguments.first {
        guard case .list(let list) = first else { break }
        items = list.items
      }
      return try reader.push(try set(of: items, reader))
    case "collections.OrderedDict":
      return try orderedDictionary(arguments, &reader)
    case "torch.Size", "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_doublelist",
      "torch.jit._pickle.build_boollist", "torch.jit._pickle.build_tensorlist",
      "torch.jit._pickle.restore_type_tag":
      guard let first = arguments.first else { break }
      return try reader.push(first)
    default: throw ArchiveError.refused(file: reader.file, name: "a call of \(name)")
    }
    throw reader.damaged("its pickle calls \(name) with other arguments than PyTorch does")
  }

  /// Makes a set, whose members have no names and so cannot be weights.
  static func set(of items: [PickleValue], _ reader: PickleReader) throws -> PickleValue {
    for case .tensor in items {
      throw ArchiveError.refused(file: reader.file, name: "a set of tensors")
    }
    return .opaque("a set")
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

  /// Reads the storage of `("storage", class, key, device, count)`.
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
  ///
  /// Of the other arguments, whether a gradient is wanted and the hooks of its computation do not
  /// change the elements.
  private static func tensor(
    _ arguments: [PickleValue], typeAt position: Int?, metadataAt metadata: Int? = nil,
    _ reader: PickleReader
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
    var isNegated = false
    if let metadata, arguments.count > metadata {
      isNegated = try Self.isNegated(by: arguments[metadata], dtype, reader)
    }
    return TensorReference(
      storage: storage, dtype: dtype, offset: offset, shape: shape, strides: strides,
      isNegated: isNegated)
  }

  /// Whether a tensor's metadata make it a view with the opposite sign.
  ///
  /// Source: torch `_utils.get_tensor_metadata`, which writes what `torch._neg_view` and
  /// `torch.conj` leave to be computed.
  private static func isNegated(
    by metadata: PickleValue, _ dtype: DType, _ reader: PickleReader
  ) throws -> Bool {
    if case .none = metadata { return false }
    guard case .dictionary(let settings) = metadata else {
      throw reader.damaged("its pickle gives a tensor \(metadata.kind) for metadata")
    }
    var isNegated = false
    for (key, value) in settings.items {
      switch (key, value) {
      case (.string("neg"), .bool(let flag)) where !flag || signed.contains(dtype):
        isNegated = flag
      case (.string("conj"), .bool(false)): break
      case (.string(let name), _):
        throw ArchiveError.refused(
          file: reader.file, name: "the setting \"\(printable(name))\" of a tensor")
      default: throw reader.damaged("its pickle names a tensor's setting by \(key.kind)")
      }
    }
    return isNegated
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
