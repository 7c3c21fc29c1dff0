internal import CTorch
public func libtorchVersion() -> String { String(cString: ct_version()) }
