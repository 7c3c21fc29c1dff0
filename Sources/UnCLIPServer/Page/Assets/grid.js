// The view that compares seeds with guidance scales: one job for each row.
import { run, reason } from "./api.js";
import { $, element, progressText, seedOf, thumb } from "./ui.js";
import { Session, waiting } from "./session.js";
import { openViewer } from "./viewer.js";
import { added } from "./history.js";

const session = new Session("grid");
let size;

export function ready(model) { size = model.defaultSize; }

/** The guidance scales that are typed. */
function scales() {
  const list = $("grid-guidance").value.split(/[\s,;]+/).filter(Boolean).map(Number);
  if (!list.length || list.some((scale) => !(scale >= 0 && scale <= 100))) {
    throw new Error("Guidance is a list of numbers from 0 to 100, such as 1, 2, 4.");
  }
  return [...new Set(list)].slice(0, 8);
}

$("grid-form").addEventListener("submit", (event) => {
  event.preventDefault();
  session.during(async (signal) => {
    const prompt = $("grid-prompt").value.trim();
    if (!prompt) throw new Error("Write what you want to see.");
    const rows = scales();
    const count = Math.max(1, Math.min(8, Number($("grid-count").value) || 1));
    const first = seedOf($("grid-seed").value) ?? 0;
    const cells = rows.map(() => Array.from({ length: count }, waiting));
    const images = [];
    $("grid-table").replaceChildren(
      element("tr", {}, element("th", { textContent: "guidance", scope: "col" }),
        ...Array.from({ length: count }, (_, column) => element("th", { textContent: `seed ${first + column}`, scope: "col" }))),
      ...rows.map((scale, row) => element("tr", {}, element("th", { textContent: scale, scope: "row" }),
        ...cells[row].map((cell) => element("td", {}, cell)))));
    session.progress.hidden = false;
    const say = (job) => {
      session.progress.querySelector("progress").value = images.length / (rows.length * count);
      session.progress.querySelector(".progress-text").textContent =
        `${images.length} of ${rows.length * count} images · ${progressText(job)}`;
    };
    // A browser has six connections to a server, which all views and images share.
    const drawRow = (scale, row) => {
      const request = {
        operation: "generate", prompt, n: count, seed: first, size, settings: { decoder_guidance: scale },
      };
      return run(request, {
        signal,
        on: {
          job: (job) => { if (job.state === "running") say(job); },
          image: (data) => {
            const image = { ...data, request, seed: first + data.index };
            images.push(image);
            cells[row][data.index].replaceWith(thumb(image, (one) => openViewer(one, images)));
            added();
          },
        },
      });
    };
    const jobs = [];
    const left = [...rows.entries()];
    const drawRows = async () => {
      while (left.length && !signal.aborted) {
        const [row, scale] = left.shift();
        jobs.push(await drawRow(scale, row));
      }
    };
    await Promise.all([drawRows(), drawRows()]);
    const failed = jobs.find(({ state }) => state === "failed");
    if (failed) throw new Error(reason(failed));
  });
});
