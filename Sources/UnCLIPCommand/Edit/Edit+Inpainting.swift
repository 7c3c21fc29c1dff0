import Imaging
import UnCLIP

extension Inpainting {
  /// Makes what a record of `inpaint` or `outpaint` says.
  /// - Throws: `CommandError` for a mask that does not fit the image or says nothing.
  init(_ record: EditRecord, image: Image, mask: Image?) throws(CommandError) {
    let source = record.sources.first?.path ?? ""
    var shape = mask
    if let mask, (mask.width, mask.height) != (image.width, image.height) {
      guard record.resizesMask == true else {
        throw .data(
          "\(record.mask?.path ?? "") is \(mask.width)x\(mask.height) pixels, but \(source) is "
            + "\(image.width)x\(image.height); give a mask of that size, or stretch this one with "
            + "--resize-mask.")
      }
      shape = mask.resized(width: image.width, height: image.height)
    }
    do {
      if record.operation == .outpaint {
        try self.init(
          extending: image, left: record.left ?? 0, top: record.top ?? 0,
          right: record.right ?? 0, bottom: record.bottom ?? 0)
      } else {
        try self.init(
          image, mask: shape, isInverted: record.invertsMask ?? false,
          feather: record.feather ?? 0)
      }
    } catch .mask(let fault) {
      throw .data(Self.sentence(for: fault, image: source, mask: record.mask?.path))
    } catch {
      throw .usage("\(error)")
    }
    window = record.window
    strength = record.strength ?? 1
  }

  private static func sentence(
    for fault: RequestError.MaskFault, image: String, mask: String?
  ) -> String {
    switch fault {
    case .keepsAll:
      "\(mask ?? "the transparency") keeps all of \(image), so there is nothing to generate; make "
        + "white, or transparent, what is to be generated anew."
    case .keepsNothing:
      "\(mask ?? "the transparency") keeps nothing of \(image); make "
        + "\(mask == nil ? "opaque" : "black") what is to stay, or generate an image from a prompt "
        + "with unclip generate."
    case .noTransparency:
      "\(image) has no transparency that says what to generate; give a mask with --mask."
    case .otherSize: "\(fault)"
    }
  }
}
