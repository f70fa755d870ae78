// The model in the browser. Back faces are invisible, so the walls between you and the room open like a doll's house.

import {
  Box3,
  Color,
  FrontSide,
  Material,
  Mesh,
  MeshBasicMaterial,
  Object3D,
  PerspectiveCamera,
  Raycaster,
  Scene,
  Spherical,
  Texture,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import type { Line2 } from "three/addons/lines/Line2.js";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { MeshoptDecoder } from "three/addons/libs/meshopt_decoder.module.js";
import type { Asset, Result } from "./api";
import { h } from "./dom";
import { extentOf, frame } from "./framing";
import { Marks } from "./marks";
import { setPoints, stroke } from "./strokes";

const STEP = 0.25;
const TURN = 0.12;
const DRAG = 0.005;
const TAP_PIXELS = 8;
const ARM = 0.7;
const WALK_MS = 500;
const PATH_COLOUR = "#3b82f6";
const PATH_WIDTH = 3;

type Measured = (points: number[][], metres: number) => void;

export class Viewer {
  private readonly renderer = new WebGLRenderer({ antialias: true });
  private readonly scene = new Scene();
  private readonly camera = new PerspectiveCamera(45, 1, 0.02, 500);
  private readonly controls: OrbitControls;
  private readonly observer: ResizeObserver;
  private readonly stop = new AbortController();
  private readonly filmedFrom: Vector3[];
  private readonly marks: Marks;
  private readonly path: Line2 = stroke(PATH_COLOUR, PATH_WIDTH);
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");
  private model: Object3D | null = null;
  private extent = new Box3();
  private inside = false;
  private yaw = 0;
  private pitch = 0;
  private onMeasured: Measured | null = null;
  private pending = false;
  private walking = 0;

  // Throws where the browser has no WebGL.
  constructor(
    private readonly place: HTMLElement,
    private readonly result: Result,
  ) {
    const metres = result.scale.metres_per_unit;
    this.filmedFrom = result.camera_params.extrinsics.map((pose) => centreOf(pose, metres));
    setPoints(this.path, this.filmedFrom);
    this.scene.add(this.path);
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    const canvas = this.renderer.domElement;
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", "The room in three dimensions. Arrow keys turn it, or walk inside; Enter taps in the middle.");
    canvas.setAttribute("aria-describedby", "hint");
    place.append(canvas, h("span", { class: "aim", "aria-hidden": "true" }));
    this.marks = new Marks(this.scene, place);
    this.controls = new OrbitControls(this.camera, canvas);
    this.controls.maxPolarAngle = Math.PI * 0.55;
    this.controls.addEventListener("change", () => this.draw());
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(place);
    this.listen(canvas);
    this.paintGround();
    this.resize();
  }

  // The small one first, so that there is something to see at once. Throws where not even that can be had.
  async load(shown: () => void): Promise<void> {
    const { preview, medium, full } = this.result.lod_assets;
    const model = await fetchModel(preview);
    if (!this.show(model)) return;
    this.extent = extentOf(model);
    shown();
    const phone = matchMedia("(max-width: 700px)").matches;
    try {
      this.show(await fetchModel(phone ? medium : full));
    } catch {
      // The small one stays.
    }
    this.place.dataset["loaded"] = "true";
  }

  fromOutside(): void {
    this.inside = false;
    this.takesTaps();
    this.controls.enabled = true;
    this.camera.fov = 45;
    this.camera.updateProjectionMatrix();
    frame(this.camera, this.extent, this.filmedFrom);
    this.extent.getCenter(this.controls.target);
    const far = this.camera.position.distanceTo(this.controls.target);
    this.controls.minDistance = far / 20;
    this.controls.maxDistance = far * 4;
    this.controls.update();
    this.draw();
  }

  // Where the person who filmed stood in the middle of the video, looking the same way.
  stepInside(): void {
    const middle = Math.floor(this.filmedFrom.length / 2);
    const pose = this.result.camera_params.extrinsics[middle];
    if (!pose) return;
    this.inside = true;
    this.takesTaps();
    this.controls.enabled = false;
    this.camera.position.copy(this.filmedFrom[middle]!);
    const ahead = pose[2]!;
    this.yaw = Math.atan2(-ahead[0]!, -ahead[2]!);
    this.pitch = Math.max(-0.7, Math.min(0.7, Math.asin(Math.max(-1, Math.min(1, ahead[1]!)))));
    this.camera.fov = 70;
    this.camera.updateProjectionMatrix();
    this.turn();
  }

  showPath(visible: boolean): void {
    this.path.visible = visible && this.filmedFrom.length > 1;
    this.draw();
  }

  // Tells of each point tapped, and of the length once there are two; null ends it.
  measure(measured: Measured | null): void {
    this.onMeasured = measured;
    this.takesTaps();
    this.marks.clear();
    this.draw();
  }

  dispose(): void {
    this.stop.abort();
    this.observer.disconnect();
    this.controls.dispose();
    this.marks.dispose();
    this.path.geometry.dispose();
    this.path.material.dispose();
    forget(this.model);
    this.renderer.dispose();
    // Browsers allow a page some dozen contexts, and collect those that are left late.
    this.renderer.forceContextLoss();
    this.place.replaceChildren();
  }

  private show(model: Object3D): boolean {
    if (this.stop.signal.aborted) {
      forget(model);
      return false;
    }
    model.traverse((part) => {
      if (!(part instanceof Mesh)) return;
      const old = part.material as MeshBasicMaterial;
      const coloured = part.geometry.hasAttribute("color") && !old.map;
      part.material = new MeshBasicMaterial({ map: old.map, vertexColors: coloured, side: FrontSide });
      if (old.map) old.map.anisotropy = this.renderer.capabilities.getMaxAnisotropy();
      old.dispose();
    });
    if (this.model) this.scene.remove(this.model);
    forget(this.model);
    this.model = model;
    this.scene.add(model);
    this.draw();
    return true;
  }

  private listen(canvas: HTMLCanvasElement): void {
    const { signal } = this.stop;
    let down: { x: number; y: number; moved: number; fingers: number } | null = null;
    canvas.addEventListener(
      "pointerdown",
      (e) => {
        down = { x: e.clientX, y: e.clientY, moved: 0, fingers: (down?.fingers ?? 0) + 1 };
      },
      { signal },
    );
    canvas.addEventListener(
      "pointermove",
      (e) => {
        if (!down || !e.isPrimary) return;
        const [dx, dy] = [e.clientX - down.x, e.clientY - down.y];
        down = { ...down, x: e.clientX, y: e.clientY, moved: down.moved + Math.hypot(dx, dy) };
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
        if (down && down.fingers === 1 && down.moved < TAP_PIXELS && e.target === canvas) this.tap(this.viewed(e));
        down = null;
      },
      { signal },
    );
    window.addEventListener("pointercancel", () => (down = null), { signal });
    canvas.addEventListener(
      "wheel",
      (e) => {
        if (!this.inside) return;
        e.preventDefault();
        this.walk(-Math.sign(e.deltaY) * STEP, 0);
      },
      { signal, passive: false },
    );
    canvas.addEventListener("keydown", (e) => this.key(e), { signal });
    canvas.addEventListener("webglcontextrestored", () => this.draw(), { signal });
    this.dark.addEventListener("change", () => this.paintGround(), { signal });
  }

  private key(event: KeyboardEvent): void {
    const arrows: Record<string, [number, number]> = {
      ArrowUp: [1, 0],
      ArrowDown: [-1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    if (event.key === "Enter") {
      this.tap(new Vector2());
      return;
    }
    const arrow = arrows[event.key];
    const zoom = { "+": 0.9, "=": 0.9, "-": 1.1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!arrow && (!zoom || this.inside))) return;
    event.preventDefault();
    if (this.inside && arrow) {
      if (arrow[0]) this.walk(arrow[0] * STEP, 0);
      this.yaw -= arrow[1] * TURN;
      this.turn();
      return;
    }
    const { target } = this.controls;
    const from = new Spherical().setFromVector3(this.camera.position.clone().sub(target));
    from.radius *= zoom ?? 1;
    from.theta += (arrow?.[1] ?? 0) * TURN;
    from.phi -= (arrow?.[0] ?? 0) * TURN;
    this.camera.position.setFromSpherical(from.makeSafe()).add(target);
    this.controls.update();
    this.draw();
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

  // Shows keyboard users where Enter taps.
  private takesTaps(): void {
    this.place.classList.toggle("aiming", this.inside || this.onMeasured !== null);
  }

  // `at`: from -1 to 1 to the right and upwards.
  private tap(at: Vector2): void {
    const hit = this.hitAt(at);
    if (!hit) return;
    if (this.onMeasured) {
      const points = this.marks.add(hit);
      this.onMeasured(points.map((p) => p.toArray()), points.length > 1 ? points[0]!.distanceTo(points[1]!) : 0);
      this.draw();
    } else if (this.inside) {
      this.walkTo(hit);
    }
  }

  private viewed({ clientX, clientY }: PointerEvent): Vector2 {
    const box = this.renderer.domElement.getBoundingClientRect();
    return new Vector2(((clientX - box.left) / box.width) * 2 - 1, 1 - ((clientY - box.top) / box.height) * 2);
  }

  private hitAt(at: Vector2): Vector3 | null {
    if (!this.model) return null;
    const ray = new Raycaster();
    ray.setFromCamera(at, this.camera);
    return ray.intersectObject(this.model, true)[0]?.point ?? null;
  }

  // To an arm's length before the place, at the height of one's eyes.
  private walkTo(place: Vector3): void {
    const from = this.camera.position.clone();
    const way = place.clone().sub(from).setY(0);
    way.setLength(Math.max(0, way.length() - ARM));
    const to = from.clone().add(way);
    const began = performance.now();
    const walk = ++this.walking;
    const step = (now: number): void => {
      if (walk !== this.walking || !this.inside || this.stop.signal.aborted) return;
      const share = this.still.matches ? 1 : Math.min(1, Math.max(0, (now - began) / WALK_MS));
      this.camera.position.lerpVectors(from, to, share * share * (3 - 2 * share));
      this.turn();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  private paintGround(): void {
    this.scene.background = new Color(this.dark.matches ? 0x211e1a : 0xefeae2);
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
      if (this.stop.signal.aborted) return;
      this.renderer.render(this.scene, this.camera);
      this.marks.place(this.camera);
    });
  }
}

// Of a world-to-camera pose in model units, in metres.
function centreOf(pose: number[][], metresPerUnit: number): Vector3 {
  const along = (axis: number): number => -pose.reduce((sum, row) => sum + row[axis]! * row[3]!, 0) * metresPerUnit;
  return new Vector3(along(0), along(1), along(2));
}

async function fetchModel(asset: Asset): Promise<Object3D> {
  const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder);
  const small = asset.variants.find((variant) => variant.kind === "meshopt");
  return (await loader.loadAsync(small?.url ?? asset.url)).scene;
}

function forget(model: Object3D | null): void {
  model?.traverse((part) => {
    if (!(part instanceof Mesh)) return;
    part.geometry.dispose();
    const material = part.material as Material & { map?: Texture | null };
    material.map?.dispose();
    material.dispose();
  });
}
