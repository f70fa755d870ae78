// Measuring between two points, and correcting the whole model by one length that is known.

import { setScale, type Result } from "./api";
import { announce, h, lengthText } from "./dom";
import { errorBox } from "./errors";
import type { Viewer } from "./viewer";

export class Measuring {
  private on = false;

  constructor(
    private readonly viewer: Viewer,
    private readonly panel: HTMLElement,
    private readonly result: Result,
    private readonly corrected: () => void,
  ) {}

  // True: measuring from now on.
  toggle(): boolean {
    this.on = !this.on;
    this.panel.replaceChildren(...(this.on ? [h("p", {}, "Tap the two ends of what you want to measure.")] : []));
    this.viewer.measure(this.on ? (points, metres) => this.show(points, metres) : null);
    return this.on;
  }

  private show(points: number[][], metres: number): void {
    if (points.length < 2) {
      this.panel.replaceChildren(h("p", {}, "Now the other end."));
      return;
    }
    const doubt = metres * this.result.scale.uncertainty;
    const input = h("input", {
      type: "number",
      id: "length",
      min: 0.02,
      max: 100,
      step: "any",
      required: true,
      inputmode: "decimal",
      placeholder: metres.toFixed(2),
    });
    const problem = h("div", {});
    const submit = h("button", { type: "submit" }, "Correct the model");
    const correct = async (event: Event): Promise<void> => {
      event.preventDefault();
      submit.disabled = true;
      submit.textContent = "Correcting…";
      try {
        await setScale(this.result.job_id, points, Number(input.value));
        announce("The model was corrected");
        this.corrected();
      } catch (error) {
        problem.replaceChildren(errorBox(error));
        submit.disabled = false;
        submit.textContent = "Correct the model";
      }
    };
    this.panel.replaceChildren(
      h("p", {}, h("strong", {}, lengthText(metres)), `, give or take ${lengthText(doubt)}. Tap again to measure something else.`),
      h(
        "form",
        { class: "row known", submit: (event) => void correct(event) },
        h("label", { for: "length" }, "Its true length, if you know it, in metres"),
        input,
        submit,
      ),
      problem,
    );
  }
}
