// The model in the browser. Back faces are invisible, so the walls between you and the room open like a doll's house.

import {
  Box3,
  BufferGeometry,
  Color,
  FrontSide,
  Line,
  LineBasicMaterial,
  Material,
  Mesh,
  MeshBasicMaterial,
  Object3D,
  PerspectiveCamera,
  Raycaster,
  Scene,
  SRGBColorSpace,
  Texture,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";
import type { Asset, Result } from "./api";

const STEP = 0.25;
const DRAG = 0.005;
const TAP_PIXELS = 6;

export class Viewer {
  private readonly renderer = new WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(60, 1, 0.02, 200);
  private readonly controls: OrbitControls;
  private readonly observer: ResizeObserver;
  private readonly stop = new AbortController();
  private model: Object3D | null = null;
  private inside = false;
  private yaw = 0;
  private pitch = 0;
  private picked: Vector3[] = [];
  private onMeasured: ((points: number[][], metres: number) => void) | null = null;
  private pending = false;

  constructor(
    private readonly place: HTMLElement,
    private readonly result: Result,
  ) {
    this.renderer.outputColorSpace = SRGBColorSpace;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    this.scene.background = new Color(dark ? 0x211e1a : 0xefeae2);
    const canvas = this.renderer.domElement;
    canvas.tabIndex = 0;
    canvas.setAttribute("aria-label", "The room in three dimensions");
    place.replaceChildren(canvas);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.addEventListener("change", () => this.draw());
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(place);
    this.listen(canvas);
    this.resize();
  }

  // The small one first, so that there is something to see at once.
  async load(say: (text: string) => void): Promise<void> {
    const { preview, medium, full } = this.result.lod_assets;
    const phone = matchMedia("(max-width: 700px)").matches;
    for (const asset of phone ? [preview, medium] : [preview, full]) {
      try {
        const first = this.model === null;
        this.show(await this.fetch(asset));
        if (first) this.fromOutside();
      } catch {
        say("The model could not be loaded. Reload the page.");
        return;
      }
    }
    this.place.dataset["loaded"] = "true";
    say("");
  }

  fromOutside(): void {
    this.inside = false;
    this.controls.enabled = true;
    const box = new Box3().setFromObject(this.model ?? this.scene);
    const centre = box.getCenter(new Vector3());
    const radius = box.getSize(new Vector3()).length() / 2;
    this.camera.fov = 45;
    this.camera.updateProjectionMatrix();
    const narrow = Math.min(1, this.camera.aspect);
    this.camera.position.copy(centre).add(new Vector3(0.55, 0.75, 0.75).normalize().multiplyScalar((radius * 2.3) / narrow));
    this.controls.target.copy(centre);
    this.controls.update();
    this.draw();
  }

  // Where the person who filmed stood in the middle of the video, looking the same way.
  stepInside(): void {
    this.inside = true;
    this.controls.enabled = false;
    const poses = this.result.camera_params.extrinsics;
    const pose = poses[Math.floor(poses.length / 2)];
    if (!pose) return;
    const [r0, r1, r2] = pose as [number[], number[], number[]];
    const metres = this.result.scale.metres_per_unit;
    const at = (axis: number): number => -(r0[axis]! * r0[3]! + r1[axis]! * r1[3]! + r2[axis]! * r2[3]!) * metres;
    this.camera.position.set(at(0), at(1), at(2));
    this.yaw = Math.atan2(-r2[0]!, -r2[2]!);
    this.pitch = 0;
    this.camera.fov = 70;
    this.camera.updateProjectionMatrix();
    this.turn();
  }

  measure(done: (points: number[][], metres: number) => void): void {
    this.clearMarks();
    this.onMeasured = done;
  }

  dispose(): void {
    this.stop.abort();
    this.observer.disconnect();
    this.controls.dispose();
    this.forget(this.model);
    this.renderer.dispose();
    this.place.replaceChildren();
  }

  private async fetch(asset: Asset): Promise<Object3D> {
    const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder);
    const small = asset.variants.find((variant) => variant.kind === "meshopt");
    return (await loader.loadAsync(small?.url ?? asset.url)).scene;
  }

  private show(model: Object3D): void {
    model.traverse((part) => {
      if (!(part instanceof Mesh)) return;
      const old = part.material as MeshBasicMaterial;
      part.material = new MeshBasicMaterial({ map: old.map, side: FrontSide });
      if (old.map) old.map.anisotropy = this.renderer.capabilities.getMaxAnisotropy();
    });
    if (this.model) this.scene.remove(this.model);
    this.forget(this.model);
    this.model = model;
    this.scene.add(model);
    this.draw();
  }

  private forget(model: Object3D | null): void {
    model?.traverse((part) => {
      if (!(part instanceof Mesh)) return;
      (part.geometry as BufferGeometry).dispose();
      const material = part.material as Material & { map?: Texture | null };
      material.map?.dispose();
      material.dispose();
    });
  }

  private listen(canvas: HTMLCanvasElement): void {
    const { signal } = this.stop;
    let down: { x: number; y: number; moved: number } | null = null;
    canvas.addEventListener("pointerdown", (e) => (down = { x: e.clientX, y: e.clientY, moved: 0 }), { signal });
    canvas.addEventListener(
      "pointermove",
      (e) => {
        if (!down) return;
        const [dx, dy] = [e.clientX - down.x, e.clientY - down.y];
        down = { x: e.clientX, y: e.clientY, moved: down.moved + Math.hypot(dx, dy) };
        if (!this.inside) return;
        this.yaw += dx * DRAG;
        this.pitch = Math.max(-1.4, Math.min(1.4, this.pitch + dy * DRAG));
        this.turn();
      },
      { signal },
    );
    window.addEventListener(
      "pointerup",
      (e) => {
        if (down && down.moved < TAP_PIXELS && e.target === canvas) this.pick(e);
        down = null;
      },
      { signal },
    );
    canvas.addEventListener(
      "wheel",
      (e) => {
        if (!this.inside) return;
        e.preventDefault();
        this.walk(-Math.sign(e.deltaY) * STEP, 0);
      },
      { signal, passive: false },
    );
    canvas.addEventListener(
      "keydown",
      (e) => {
        const steps: Record<string, [number, number]> = {
          ArrowUp: [STEP, 0],
          ArrowDown: [-STEP, 0],
          ArrowLeft: [0, -STEP],
          ArrowRight: [0, STEP],
          w: [STEP, 0],
          s: [-STEP, 0],
          a: [0, -STEP],
          d: [0, STEP],
        };
        const step = steps[e.key];
        if (!this.inside || !step) return;
        e.preventDefault();
        this.walk(...step);
      },
      { signal },
    );
  }

  private walk(ahead: number, aside: number): void {
    const [sin, cos] = [Math.sin(this.yaw), Math.cos(this.yaw)];
    this.camera.position.add(new Vector3(-sin * ahead + cos * aside, 0, -cos * ahead - sin * aside));
    this.turn();
  }

  private turn(): void {
    this.camera.rotation.set(this.pitch, this.yaw, 0, "YXZ");
    this.draw();
  }

  private pick(event: PointerEvent): void {
    if (!this.onMeasured || !this.model) return;
    const box = this.renderer.domElement.getBoundingClientRect();
    const at = new Vector2(
      ((event.clientX - box.left) / box.width) * 2 - 1,
      1 - ((event.clientY - box.top) / box.height) * 2,
    );
    const ray = new Raycaster();
    ray.setFromCamera(at, this.camera);
    const hit = ray.intersectObject(this.model, true)[0];
    if (!hit) return;
    this.picked.push(hit.point.clone());
    this.mark();
    const [first, second] = this.picked;
    if (first && second) {
      const done = this.onMeasured;
      this.onMeasured = null;
      done([first.toArray(), second.toArray()], first.distanceTo(second));
    }
  }

  private mark(): void {
    const last = this.picked[this.picked.length - 1]!;
    const first = this.picked[0]!;
    const up = new Vector3(0, 0.06, 0);
    const points = this.picked.length > 1 ? [first, last] : [last.clone().sub(up), last.clone().add(up)];
    const line = new Line(new BufferGeometry().setFromPoints(points), new LineBasicMaterial({ color: 0xff5a1f, depthTest: false }));
    line.name = "mark";
    line.renderOrder = 1;
    this.scene.add(line);
    this.draw();
  }

  private clearMarks(): void {
    this.picked = [];
    for (const mark of this.scene.children.filter((child) => child.name === "mark")) this.scene.remove(mark);
    this.draw();
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.place;
    if (!clientWidth || !clientHeight) return;
    this.camera.aspect = clientWidth / clientHeight;
    this.camera.updateProjectionMatrix();
    this.renderer.setSize(clientWidth, clientHeight);
    this.draw();
  }

  // Only when something changed: a still room costs a phone no battery.
  private draw(): void {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.renderer.render(this.scene, this.camera);
    });
  }
}
