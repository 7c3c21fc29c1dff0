// A mask that is painted in strokes, each of which can be undone.

/** The strokes over an image of `width` and `height`; what is painted is white. */
export class Mask {
  constructor(width, height) {
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.context.lineCap = this.context.lineJoin = "round";
    this.steps = [];
    this.undone = [];
  }

  get isEmpty() {
    const { width, height } = this.canvas;
    const { data } = this.context.getImageData(0, 0, width, height);
    for (let at = 3; at < data.length; at += 4) if (data[at] > 127) return false;
    return true;
  }

  /** Begins a stroke, or another step: `clear` or `invert`. */
  begin(step) {
    this.steps.push(step);
    this.undone = [];
    this.#draw(step);
  }

  /** Adds a point to the stroke. */
  extend(point) {
    const stroke = this.steps.at(-1);
    stroke.points.push(point);
    this.#draw({ ...stroke, points: stroke.points.slice(-2) });
  }

  undo() {
    const step = this.steps.pop();
    if (!step) return;
    this.undone.push(step);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const one of this.steps) this.#draw(one);
  }

  redo() {
    const step = this.undone.pop();
    if (!step) return;
    this.steps.push(step);
    this.#draw(step);
  }

  #draw(step) {
    const { context, canvas } = this;
    if (step.kind === "clear") { context.clearRect(0, 0, canvas.width, canvas.height); return; }
    context.fillStyle = context.strokeStyle = "#fff";
    if (step.kind === "invert") {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.globalCompositeOperation = "source-over";
      return;
    }
    context.globalCompositeOperation = step.erases ? "destination-out" : "source-over";
    context.lineWidth = step.size;
    context.beginPath();
    const [[x, y], ...rest] = step.points;
    context.moveTo(x, y);
    for (const point of rest.length ? rest : [[x + 0.01, y]]) context.lineTo(...point);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  /** The mask as a PNG file, white where the image is made anew and black elsewhere. */
  file() {
    const { width, height } = this.canvas;
    const pixels = this.context.getImageData(0, 0, width, height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      const value = pixels.data[at + 3] > 127 ? 255 : 0;
      pixels.data.set([value, value, value, 255], at);
    }
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}
