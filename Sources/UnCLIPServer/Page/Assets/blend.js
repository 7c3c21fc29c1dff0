// The view that goes from one image to another, or moves one by the difference of two texts.
import { showImage } from "./api.js";
import { $, bindKinds, bindOutput, bindWell } from "./ui.js";
import { pick } from "./picker.js";
import { Session } from "./session.js";

const files = { a: null, b: null };
/** The frames by index; nil while they are being made. */
let frames = [];

const form = $("blend-form");
const session = new Session("blend");
const kind = () => form.elements["blend-kind"].value;

/** Takes an image into the first free place. */
export function open(file) { put[files.a && !files.b && kind() === "interpolate" ? "b" : "a"](file); }

const put = Object.fromEntries([["a", "first"], ["b", "second"]].map(([name, word]) => [
  name, bindWell($(`well-${name}`), `Choose the ${word} image`, pick, (file) => { files[name] = file; update(); })]));

function update() {
  const isPair = kind() === "interpolate";
  $("well-b").hidden = !isPair;
  session.start.disabled = Boolean(session.abort) || !files.a || (isPair && !files.b);
}

/** Shows the frame of the slider, or the nearest that is made. */
function showFrame() {
  const wanted = Number($("blend-slider").value);
  const made = frames.map((frame, index) => [frame, index]).filter(([frame]) => frame);
  if (!made.length) return;
  const [frame, index] = made.reduce((best, one) =>
    Math.abs(one[1] - wanted) < Math.abs(best[1] - wanted) ? one : best);
  const image = $("blend-image");
  image.hidden = false;
  $("blend-empty").hidden = true;
  image.alt = `Frame ${index + 1} of ${frames.length}`;
  showImage(image, frame.id);
  $("blend-slider").setAttribute("aria-valuetext", image.alt);
  for (const thumb of session.tray.children) {
    thumb.setAttribute("aria-current", String(thumb.dataset.id === frame.id));
  }
}

bindOutput($("frames"), $("frames-out"));
bindOutput($("theta"), $("theta-out"));
bindKinds(form, "blend-kind", update);
$("blend-slider").addEventListener("input", showFrame);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  session.during(async (signal) => {
    const count = Number($("frames").value);
    const request = { operation: kind(), n: count, sources: [{ file: "file:a" }], previews: false };
    const sent = { a: files.a };
    if (kind() === "interpolate") {
      request.sources.push({ file: "file:b" });
      sent.b = files.b;
    } else {
      Object.assign(request, {
        from: $("diff-from").value.trim(), to: $("diff-to").value.trim(), theta: Number($("theta").value),
      });
      if (!request.to) throw new Error("Say what the image should show.");
    }
    frames = Array(count).fill(null);
    $("blend-slider").max = count - 1;
    $("blend-slider-row").hidden = false;
    await session.job(request, {
      files: sent, signal,
      open: (image) => { $("blend-slider").value = image.index; showFrame(); },
      image: (made) => { frames[made.index] = made; showFrame(); },
    });
  }).finally(update);
});
