// Lines that can be seen on a phone: WebGL's own are one pixel wide, whatever is asked for.

import type { Vector3 } from "three";
import { Line2 } from "three/addons/lines/Line2.js";
import { LineGeometry } from "three/addons/lines/LineGeometry.js";
import { LineMaterial } from "three/addons/lines/LineMaterial.js";

// `width` in CSS pixels. Invisible until it has two points.
export function stroke(colour: string, width: number, always = false): Line2 {
  const line = new Line2(new LineGeometry(), new LineMaterial({ color: colour, linewidth: width, depthTest: !always, transparent: always }));
  line.frustumCulled = false;
  line.visible = false;
  return line;
}

export function setPoints(line: Line2, points: Vector3[]): void {
  line.geometry.dispose();
  line.geometry = new LineGeometry();
  if (points.length > 1) line.geometry.setPositions(points.flatMap((point) => point.toArray()));
}
