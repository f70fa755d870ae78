// A scan while it is being made.

import type { Progress, Status } from "./api";
import { announce, h, percentText } from "./dom";
import { follow } from "./live";
import { deleteButton } from "./scan";

const STAGES: [stage: string, text: string][] = [
  ["frames", "Choosing pictures"],
  ["cameras", "Where the camera was"],
  ["depth", "How far everything is"],
  ["fusion", "Joining it"],
  ["mesh", "Cleaning it"],
  ["texture", "Painting it"],
  ["export", "Writing files"],
];

export function showProgress(main: HTMLElement, status: Status, ended: () => void): () => void {
  const bar = h("progress", { max: 100, value: 0, "aria-label": "Progress" });
  const percent = h("strong", { class: "percent" });
  const left = h("span", { class: "quiet" });
  const message = h("p", { class: "message" }, "Waiting for its turn");
  const lost = h("p", { class: "lost", role: "status" });
  const steps = STAGES.map(([, text]) => h("li", {}, text));
  const problem = h("div", {});
  main.replaceChildren(
    h(
      "section",
      { class: "card narrow" },
      h("h1", { class: "name" }, status.filename),
      h("div", { class: "between" }, percent, left),
      bar,
      message,
      lost,
      h("ol", { class: "stages" }, ...steps),
      h("p", { class: "quiet" }, "You may close this page. The work goes on, and this browser finds it again."),
      problem,
      h(
        "div",
        { class: "row" },
        h("a", { class: "button", href: "#/" }, "To the start"),
        deleteButton(status.job_id, status.filename, problem, "Stop and delete", {
          stop: () => stop(),
          begin: () => (stop = followIt()),
        }),
      ),
    ),
  );
  const remaining = new Remaining();
  let announced = "";
  const show = (progress: Progress, queuePosition: number | null): void => {
    bar.value = progress.progress;
    percent.textContent = percentText(progress.progress);
    left.textContent = remaining.after(progress.progress);
    const counted = progress.total_frames ? ` (${progress.current_frame ?? 0} of ${progress.total_frames})` : "";
    const place = queuePosition && queuePosition > 1 ? ` (${queuePosition - 1} before it)` : "";
    message.textContent = `${progress.message}${counted}${place}`;
    const at = STAGES.findIndex(([stage]) => stage === progress.stage);
    steps.forEach((step, index) => {
      step.className = index < at ? "done" : index === at ? "now" : "";
      if (index === at) step.setAttribute("aria-current", "step");
      else step.removeAttribute("aria-current");
    });
    // Once a stage: every report read aloud would be a torrent.
    if (progress.stage !== announced) announce(`${STAGES[at]?.[1] ?? progress.message}, ${Math.round(progress.progress)} percent`);
    announced = progress.stage;
  };
  show(status.progress ?? { stage: "queued", progress: 0, message: "Waiting for its turn" }, status.queue_position);
  const followIt = (): (() => void) =>
    follow(status.job_id, {
      onProgress: show,
      onConnection: (connected) => {
        lost.textContent = connected ? "" : "The connection is lost. Trying again…";
      },
      onEnd: ended,
    });
  let stop = followIt();
  return () => stop();
}

// How long it will take at the speed seen here: clocks of server and phone need not agree.
class Remaining {
  private began: { share: number; at: number } | null = null;

  after(share: number): string {
    const now = performance.now();
    if (!this.began || share < this.began.share) this.began = { share, at: now };
    const [done, seconds] = [share - this.began.share, (now - this.began.at) / 1000];
    if (done < 5 || seconds < 8) return "";
    const minutes = ((100 - share) * seconds) / done / 60;
    return minutes < 1 ? "Less than a minute left" : `About ${Math.ceil(minutes)} minutes left`;
  }
}
