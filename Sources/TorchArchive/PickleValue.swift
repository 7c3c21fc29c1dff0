import Torch

/// A value on the stack while a pickle is read. Containers are classes, since a pickle may refer to
/// one several times and fill it later; large values are boxed, since most are small.
enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// A value that no tensor needs, by its kind.
  case opaque(String)
  case tuple(PickleList)
  case list(PickleList)
  case dictionary(PickleDictionary)
  /// A class or function by its module and name; never called.
  case global(String)
  indirect case storage(StorageReference)
  indirect case tensor(TensorReference)

  /// The kind, for errors.
  var kind: String {
    switch self {
    case .none: "None"
    case .bool: "a truth value"
    case .int: "a whole number"
    case .double: "a number"
    case .string: "a text"
    case .opaque(let kind): kind
    case .tuple: "a tuple"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .global(let name): name
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// A list while it is being filled, or a tuple.
final class PickleList {
  var items: [PickleValue]

  init(_ items: [PickleValue] = []) { self.items = items }
}

/// A dictionary, or the attributes of a TorchScript module, while it is being filled.
final class PickleDictionary {
  /// How its attributes are treated.
  enum Kind {
    case plain
    /// An `OrderedDict`, whose attributes are ignored.
    case ordered
    /// A module of a TorchScript archive, whose attributes are its items.
    case module
  }

  let kind: Kind
  var items: [(key: PickleValue, value: PickleValue)] = []

  init(_ kind: Kind = .plain) { self.kind = kind }
}

/// The bytes behind tensors, as a pickle names them.
struct StorageReference: Equatable {
  /// The element type that its class names; nil for untyped bytes.
  let dtype: DType?
  /// The name of its file under `data/`.
  let key: String
  /// Elements, or bytes if it is untyped.
  let count: Int
}

/// A view of a storage, as a pickle describes it, not yet checked against the storage.
struct TensorReference {
  let storage: StorageReference
  let dtype: DType
  /// The position of the first element in the storage.
  let offset: Int
  let shape: [Int]
  /// Elements from one index to the next of each axis.
  let strides: [Int]
  /// Whether the elements are the negatives of those in the storage.
  let isNegated: Bool
}
