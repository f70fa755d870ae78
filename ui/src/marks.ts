// The ends of what is being measured, the line between them, and its length beside it.

import { BufferGeometry, CanvasTexture, Camera, Line, LineBasicMaterial, Points, PointsMaterial, Scene, Vector3 } from "three";
import { h, lengthText } from "./dom";

const COLOUR = "#ff5a1f";
const SIZE = 18;

export class Marks {
  private readonly label = h("span", { class: "length", hidden: true, "aria-hidden": "true" });
  private readonly dots: Points<BufferGeometry, PointsMaterial>;
  private readonly line: Line<BufferGeometry, LineBasicMaterial>;
  private points: Vector3[] = [];

  constructor(
    scene: Scene,
    private readonly over: HTMLElement,
  ) {
    const always = { depthTest: false, transparent: true };
    this.dots = new Points(
      new BufferGeometry(),
      new PointsMaterial({ map: disc(), size: SIZE * Math.min(devicePixelRatio, 2), sizeAttenuation: false, ...always }),
    );
    this.line = new Line(new BufferGeometry(), new LineBasicMaterial({ color: COLOUR, ...always }));
    for (const thing of [this.line, this.dots]) {
      thing.renderOrder = 1;
      thing.frustumCulled = false;
      scene.add(thing);
    }
    over.append(this.label);
    this.clear();
  }

  // The points so far; a third one begins anew.
  add(point: Vector3): Vector3[] {
    this.set(this.points.length < 2 ? [...this.points, point.clone()] : [point.clone()]);
    return this.points;
  }

  clear(): void {
    this.set([]);
  }

  // Moves the label to where the middle of the line is on the screen.
  place(camera: Camera): void {
    const [from, to] = this.points;
    this.label.hidden = !from || !to;
    if (!from || !to) return;
    const at = from.clone().add(to).multiplyScalar(0.5).project(camera);
    this.label.hidden = at.z > 1;
    this.label.style.left = `${((at.x + 1) / 2) * this.over.clientWidth}px`;
    this.label.style.top = `${((1 - at.y) / 2) * this.over.clientHeight}px`;
  }

  dispose(): void {
    this.label.remove();
    this.dots.material.map?.dispose();
    for (const thing of [this.line, this.dots]) {
      thing.geometry.dispose();
      thing.material.dispose();
    }
  }

  private set(points: Vector3[]): void {
    this.points = points;
    const [from, to] = points;
    this.label.textContent = from && to ? lengthText(from.distanceTo(to)) : "";
    this.dots.visible = points.length > 0;
    this.line.visible = points.length > 1;
    // A buffer's size can't change: new points, new buffers.
    for (const thing of [this.line, this.dots]) {
      thing.geometry.dispose();
      thing.geometry = new BufferGeometry().setFromPoints(points.length ? points : [new Vector3()]);
    }
  }
}

function disc(): CanvasTexture {
  const canvas = h("canvas", { width: 64, height: 64 });
  const pen = canvas.getContext("2d")!;
  pen.beginPath();
  pen.arc(32, 32, 26, 0, 2 * Math.PI);
  pen.fillStyle = COLOUR;
  pen.fill();
  pen.lineWidth = 8;
  pen.strokeStyle = "#ffffff";
  pen.stroke();
  return new CanvasTexture(canvas);
}
