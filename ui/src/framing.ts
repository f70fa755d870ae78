// From where to look at a model so that all that matters of it is in view.

import { Box3, Mesh, Object3D, PerspectiveCamera, Vector3 } from "three";

const STRAY_SHARE = 0.03;
const DEFAULT_DIRECTION = new Vector3(0.6, 0, 0.8);
const RISE = 0.85;
const MARGIN = 1.06;

// The box around a model but for stray pieces: on each axis the outermost 3 % of its area at both ends don't count.
export function extentOf(model: Object3D): Box3 {
  const centres: Vector3[] = [];
  const areas: number[] = [];
  const [a, b, c] = [new Vector3(), new Vector3(), new Vector3()];
  model.updateMatrixWorld(true);
  model.traverse((part) => {
    if (!(part instanceof Mesh)) return;
    const { position } = part.geometry.attributes;
    const { index } = part.geometry;
    const count = index?.count ?? position.count;
    for (let i = 0; i + 2 < count; i += 3) {
      for (const [offset, corner] of [a, b, c].entries()) {
        corner.fromBufferAttribute(position, index ? index.getX(i + offset) : i + offset).applyMatrix4(part.matrixWorld);
      }
      centres.push(new Vector3().add(a).add(b).add(c).divideScalar(3));
      areas.push(b.sub(a).cross(c.sub(a)).length());
    }
  });
  if (!centres.length) return new Box3().setFromObject(model);
  const box = new Box3(new Vector3(), new Vector3());
  for (const axis of [0, 1, 2]) {
    const order = centres.map((_, i) => i).sort((i, j) => centres[i]!.getComponent(axis) - centres[j]!.getComponent(axis));
    const total = areas.reduce((sum, area) => sum + area, 0);
    let seen = 0;
    let low = NaN;
    let high = NaN;
    for (const i of order) {
      seen += areas[i]!;
      const here = centres[i]!.getComponent(axis);
      if (Number.isNaN(low) && seen >= total * STRAY_SHARE) low = here;
      if (seen <= total * (1 - STRAY_SHARE) || Number.isNaN(high)) high = here;
    }
    box.min.setComponent(axis, low);
    box.max.setComponent(axis, high);
  }
  return box;
}

// Puts the camera above, on the side that was filmed from, just far enough to see the whole box.
export function frame(camera: PerspectiveCamera, box: Box3, filmedFrom: Vector3[]): void {
  const centre = box.getCenter(new Vector3());
  const half = box.getSize(new Vector3()).multiplyScalar(0.5);
  const mean = filmedFrom.reduce((sum, place) => sum.add(place), new Vector3()).divideScalar(Math.max(1, filmedFrom.length));
  const aside = mean.sub(centre).setY(0);
  // Filmed from all around, the middle of the path says nothing.
  const direction = aside.length() > 0.15 * half.length() ? aside.normalize() : DEFAULT_DIRECTION.clone();
  direction.setY(RISE).normalize();
  camera.position.copy(centre).add(direction);
  camera.lookAt(centre);
  camera.updateMatrixWorld(true);
  const right = new Vector3().setFromMatrixColumn(camera.matrixWorld, 0);
  const up = new Vector3().setFromMatrixColumn(camera.matrixWorld, 1);
  const vertical = Math.tan(((camera.fov / 2) * Math.PI) / 180);
  const horizontal = vertical * camera.aspect;
  let distance = 0;
  for (let corner = 0; corner < 8; corner++) {
    const offset = new Vector3(corner & 1 ? half.x : -half.x, corner & 2 ? half.y : -half.y, corner & 4 ? half.z : -half.z);
    const ahead = offset.dot(direction);
    distance = Math.max(
      distance,
      ahead + Math.abs(offset.dot(right)) / horizontal,
      ahead + Math.abs(offset.dot(up)) / vertical,
    );
  }
  camera.position.copy(centre).addScaledVector(direction, distance * MARGIN);
}
