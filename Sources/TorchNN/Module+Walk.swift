import Torch

/// A member that a walk over a module finds.
enum ModulePart {
  case parameter(Parameter)
  case buffer(Buffer)
  case module(any Module)

  var isModule: Bool {
    if case .module = self { true } else { false }
  }

  var identity: ObjectIdentifier {
    switch self {
    case .parameter(let parameter): ObjectIdentifier(parameter)
    case .buffer(let buffer): ObjectIdentifier(buffer)
    case .module(let module): ObjectIdentifier(module)
    }
  }
}

extension Module {
  /// Calls `visit` with every member below this module, depth first in the order of the properties,
  /// each once, under its first key.
  ///
  /// - Precondition: No bare tensors; members are held in arrays and optionals only; each entry of
  ///   `keys` names a property; keys are unique; no module contains itself.
  func walk(_ visit: (_ key: String, _ part: ModulePart) -> Void) {
    var walk = ModuleWalk()
    walk.open = [ObjectIdentifier(self)]
    walk.descend(into: self, prefix: "", visit)
  }
}

/// The state of one walk.
private struct ModuleWalk {
  /// The modules from the root to this one.
  var open: Set<ObjectIdentifier> = []
  var met: Set<ObjectIdentifier> = []
  var keys: Set<String> = []

  /// Visits the members of one module and those below them.
  mutating func descend(
    into module: any Module, prefix: String, _ visit: (String, ModulePart) -> Void
  ) {
    let type = type(of: module)
    var unused = Set(type.keys.keys)
    var parts: [(String, ModulePart)] = []
    module.forEachMember { name, value in
      unused.remove(name)
      let key = type.keys[name] ?? snakeCase(name)
      collect(value, key: key, property: "\(type).\(name)", into: &parts)
    }
    precondition(
      unused.isEmpty,
      "\(type).keys names no stored property with \(unused.sorted().joined(separator: ", "))")
    for (key, part) in parts {
      let path = [prefix, key].filter { !$0.isEmpty }.joined(separator: ".")
      precondition(
        !open.contains(part.identity), "\(path): \(type) holds a module that contains it")
      precondition(
        part.isModule || keys.insert(path).inserted,
        "\(path): two members of \(type) have this key")
      guard met.insert(part.identity).inserted else { continue }
      visit(path, part)
      if case .module(let child) = part {
        open.insert(part.identity)
        descend(into: child, prefix: path, visit)
        open.remove(part.identity)
      }
    }
  }
}

/// Adds the members that one stored property holds.
private func collect(
  _ value: Any, key: String, property: String, into parts: inout [(String, ModulePart)]
) {
  if let part = part(value) {
    parts.append((key, part))
    return
  }
  let isTensor = value is Tensor || type(of: value) == Tensor?.self
  precondition(
    !isTensor,
    "\(property) is a bare Tensor, which no state dict would hold: store a Parameter if it is"
      + " trained, else a Buffer (persistent: false keeps it out of checkpoints)")
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .optional:
    if let wrapped = mirror.children.first?.value {
      collect(wrapped, key: key, property: property, into: &parts)
    }
  case .collection:
    for (index, element) in mirror.children.enumerated() {
      // Numbers and strings have no display style: such an array holds no members.
      if index == 0, part(element.value) == nil,
        Mirror(reflecting: element.value).displayStyle == nil
      {
        return
      }
      let name = key.isEmpty ? "\(index)" : "\(key).\(index)"
      collect(element.value, key: name, property: property, into: &parts)
    }
  case .dictionary, .set, .tuple:
    let kind = mirror.displayStyle == .tuple ? "a tuple" : "a dictionary or set"
    precondition(
      !mirror.children.contains { holdsPart($0.value) },
      "\(property) is \(kind) of parts, which has no order or no keys: store an array of modules,"
        + " or a module with one property for each")
  case .struct, .enum:
    precondition(
      !mirror.children.contains { part($0.value) != nil },
      "\(property) is a \(type(of: value)) that holds parts, which the walk does not enter: make it"
        + " a module")
  default: break
  }
}

/// The value as a member, if it is one.
private func part(_ value: Any) -> ModulePart? {
  switch value {
  case let parameter as Parameter: .parameter(parameter)
  case let buffer as Buffer: .buffer(buffer)
  case let module as any Module: .module(module)
  default: nil
  }
}

/// Whether the value is a member or a tensor, or holds one in optionals, arrays, tuples.
private func holdsPart(_ value: Any) -> Bool {
  if part(value) != nil || value is Tensor { return true }
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .optional, .collection, .dictionary, .set, .tuple:
    return mirror.children.contains { holdsPart($0.value) }
  default: return false
  }
}

/// `downBlocks` → `down_blocks`, `toQ` → `to_q`, `addKProj` → `add_k_proj`, `embedURL` →
/// `embed_url`. A digit stays with what it follows: `conv1` → `conv1`, `time2Emb` → `time2_emb`.
func snakeCase(_ name: String) -> String {
  let letters = Array(name)
  var result = ""
  for (index, letter) in letters.enumerated() {
    if letter.isUppercase, index > 0 {
      let afterWord = !letters[index - 1].isUppercase && letters[index - 1] != "_"
      let beforeWord = index + 1 < letters.count && letters[index + 1].isLowercase
      if afterWord || (beforeWord && letters[index - 1] != "_") { result += "_" }
    }
    result += letter.lowercased()
  }
  return result
}
