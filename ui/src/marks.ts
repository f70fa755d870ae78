// The ends of what is being measured, the line between them, and its length beside it.

import { BufferGeometry, CanvasTexture, Camera, Points, PointsMaterial, Scene, SRGBColorSpace, Vector3 } from "three";
import type { Line2 } from "three/addons/lines/Line2.js";
import { h, lengthText } from "./dom";
import { setPoints, stroke } from "./strokes";

const COLOUR = "#ff5a1f";
const SIZE = 18;
const WIDTH = 3;
const SHORT = 130;

export class Marks {
  private readonly label = h("span", { class: "length", hidden: true, "aria-hidden": "true" });
  private readonly dots: Points<BufferGeometry, PointsMaterial>;
  private readonly line: Line2 = stroke(COLOUR, WIDTH, true);
  private points: Vector3[] = [];

  constructor(
    scene: Scene,
    private readonly over: HTMLElement,
  ) {
    this.dots = new Points(
      new BufferGeometry(),
      new PointsMaterial({ map: disc(), size: SIZE, sizeAttenuation: false, depthTest: false, transparent: true }),
    );
    this.dots.frustumCulled = false;
    for (const [order, thing] of [this.line, this.dots].entries()) {
      thing.renderOrder = order + 1;
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
    const [middle, ...ends] = [from.clone().add(to).multiplyScalar(0.5), from, to].map((point) => this.onScreen(point, camera));
    this.label.hidden = middle!.z > 1;
    // Over the middle of a short line it would hide the ends.
    const short = ends[0]!.distanceTo(ends[1]!) < SHORT;
    this.label.style.left = `${middle!.x}px`;
    this.label.style.top = `${short ? Math.min(ends[0]!.y, ends[1]!.y) - SIZE / 2 : middle!.y}px`;
  }

  dispose(): void {
    this.label.remove();
    this.dots.material.map?.dispose();
    for (const thing of [this.line, this.dots]) {
      thing.geometry.dispose();
      thing.material.dispose();
    }
  }

  // In CSS pixels from the top left corner; z is beyond 1 behind the camera.
  private onScreen(point: Vector3, camera: Camera): Vector3 {
    const at = point.clone().project(camera);
    return new Vector3(((at.x + 1) / 2) * this.over.clientWidth, ((1 - at.y) / 2) * this.over.clientHeight, at.z);
  }

  private set(points: Vector3[]): void {
    this.points = points;
    const [from, to] = points;
    this.label.textContent = from && to ? lengthText(from.distanceTo(to)) : "";
    this.dots.visible = points.length > 0;
    this.line.visible = points.length > 1;
    setPoints(this.line, points);
    // A buffer's size can't change: new points, new buffers.
    this.dots.geometry.dispose();
    this.dots.geometry = new BufferGeometry().setFromPoints(points.length ? points : [new Vector3()]);
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
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  return texture;
}
