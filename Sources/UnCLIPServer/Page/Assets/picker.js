// Lets one choose an image of the history or a file.
import { get, imageFile } from "./api.js";
import { $, fail, thumb } from "./ui.js";

let settle = null;

/** Returns the chosen image file; null if none is chosen. */
export async function pick() {
  const dialog = $("picker");
  const chosen = new Promise((resolve) => { settle = resolve; });
  // What was shown last time would be replaced while one chooses.
  $("picker-thumbs").replaceChildren();
  dialog.showModal();
  get("/v1/history?limit=60").then((page) => {
    $("picker-thumbs").replaceChildren(...page.images.map((image) => thumb(image, () => {
      imageFile(image.id).then(finish).catch(fail);
    })));
  }).catch(fail);
  return chosen;
}

function finish(file) {
  settle?.(file);
  settle = null;
  $("picker").close();
}

$("picker-close").addEventListener("click", () => finish(null));
// The event comes later, when one may choose the next image already.
$("picker").addEventListener("close", () => { if (!$("picker").open) finish(null); });
$("picker-file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) finish(file);
  event.target.value = "";
});
