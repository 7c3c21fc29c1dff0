// The model card, what the model can do, and the memory it takes.
import { get } from "./api.js";
import { $, element, fail, words } from "./ui.js";
import { defaultsOf } from "./draw.js";
import { markdown } from "./markdown.js";

let model = null;

/** Whether the model has a part. */
export const has = (part) => model?.parts.includes(part) ?? false;

export function ready(description) {
  model = description;
  fill();
}

export async function shown() {
  if (!model) return;
  try { model = await get("/v1/model"); } catch (error) { fail(error); }
  fill();
}

const megabytes = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;

function fill() {
  const rows = [
    ["Name", model.name], ["Version", model.version], ["Fingerprint", model.fingerprint],
    ["Memory", model.memory ? megabytes(model.memory) : "not known"],
    ["Sizes", model.sizes.map((side) => `${side} px`).join(", ")],
    ["Trained on", model.domain], ["It can", model.operations.join(", ")], ["Parts", model.parts.join(", ")],
  ].filter(([, value]) => value);
  const list = (pairs) => element("dl", { className: "facts" }, ...pairs.flatMap(([name, value]) => [
    element("dt", { textContent: name }), element("dd", { textContent: value })]));
  $("model-facts").replaceChildren(
    element("h2", { textContent: "Model" }), list(rows),
    element("details", {}, element("summary", { textContent: "Its own settings" }),
      list(Object.entries(defaultsOf(model)).sort().map(([key, value]) => [words(key), String(value)]))));
  $("model-card").replaceChildren(...markdown(model.card ?? "This model has no card."));
}
