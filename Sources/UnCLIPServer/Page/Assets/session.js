// One task of a view at a time, with its button to cancel and its progress.
import { reason, run } from "./api.js";
import { $, announce, element, fail, showProgress, thumb } from "./ui.js";
import { openViewer } from "./viewer.js";
import { added } from "./history.js";

/** The buttons, progress box and tray of a view, by the beginning of their ids. */
export class Session {
  constructor(prefix) {
    this.progress = $(`${prefix}-progress`);
    this.tray = $(`${prefix}-tray`);
    this.start = $(`${prefix}-run`);
    this.stop = $(`${prefix}-cancel`);
    this.stop.addEventListener("click", () => this.abort?.abort());
  }

  /** Runs one task; `work` gets a signal. Another begins only after it. */
  async during(work) {
    if (this.abort) return;
    this.abort = new AbortController();
    this.stop.hidden = false;
    this.start.disabled = true;
    try {
      return await work(this.abort.signal);
    } catch (error) {
      fail(error);
    } finally {
      this.abort = null;
      this.stop.hidden = true;
      this.start.disabled = false;
      showProgress(this.progress, null);
    }
  }

  /** Runs a job and puts its images into the tray; returns them in order. */
  async job(request, { files, signal, image, preview, open = openViewer } = {}) {
    const images = [];
    this.tray?.replaceChildren();
    const job = await run(request, {
      files, signal,
      on: {
        job: (record) => showProgress(this.progress, record),
        preview,
        image: (data) => {
          const made = { ...data, request };
          images[data.index] = made;
          added();
          if (this.tray) this.tray.append(thumb(made, open));
          image?.(made);
        },
      },
    });
    if (job.state === "failed") throw new Error(reason(job));
    const made = images.filter(Boolean);
    announce(job.state === "done" ? `${made.length} images are made.` : "Cancelled.");
    return made;
  }
}

/** A place for an image that is still to come. */
export const waiting = () => element("div", { className: "thumb waiting", "aria-label": "Not made yet" }, "…");
