import { Deck, FlyToInterpolator, LinearInterpolator, MapView, type Layer, type PickingInfo } from "@deck.gl/core";
import { fitting, labelLayer } from "./layers/label-board";
import type { Label } from "./layers/labels";
import { CimVectorLayer } from "./layers/vector-layer";
import type { StyleTexture } from "./layers/mesh-layer";
import { styleTexture, type Paint } from "./layers/style";
import { QUALITY } from "./layers/quality";
import type { Device } from "@luma.gl/core";
import type { Camera } from "./state";

export interface Picked {
  oid: number;
  layer: string;
}

interface MapEvents {
  moved: (camera: Camera) => void;
  clicked: (picked: Picked | null) => void;
  hovered: (x: number, y: number) => void;
  failed: (error: Error) => void;
  /** Height of the ground at a place, metres; null where it is not known yet. */
  heightAt: (longitude: number, latitude: number) => number | null;
  /** What lies on the ground at a place, within `tolerance` metres. */
  pickGround: (place: [number, number], zoom: number, tolerance: number) => Picked | null;
}

export const MAX_PITCH = 80;
export const MAX_PITCH_UNDERGROUND = 125;
const TURN_MS = 500;
const REST_MS = 400;
const PICK_PIXELS = 5;

interface ViewState extends Camera {
  position?: [number, number, number];
}

/** The 3D map: the camera, what is drawn, and what is under a pixel. */
export class CityMap {
  readonly deck: Deck<MapView>;
  private view: ViewState;
  private maxPitch = MAX_PITCH;
  private layers: Layer[] = [];
  private frames = 0;
  private labels: Label[] = [];
  private labelKey = "";
  private dark = false;
  private movedAt = 0;
  private isPicking = false;

  constructor(
    private readonly container: HTMLElement,
    camera: Camera,
    ground: number,
    private readonly events: MapEvents,
  ) {
    this.view = { ...camera, position: [0, 0, ground] };
    this.deck = new Deck<MapView>({
      parent: container as HTMLDivElement,
      views: new MapView({ id: "map", repeat: false, farZMultiplier: 1.5, nearZMultiplier: 0.05 }),
      controller: { inertia: 250, scrollZoom: { speed: 0.012, smooth: true }, touchRotate: true },
      initialViewState: this.viewState() as never,
      useDevicePixels: QUALITY.pixelRatio,
      deviceProps: { type: "webgl", webgl: { antialias: QUALITY.smoothEdges } } as never,
      pickingRadius: 3,
      layers: [],
      // deck.gl would draw the whole city once more for each movement of the pointer
      layerFilter: ({ renderPass }) => this.isPicking || !renderPass.startsWith("picking"),
      getCursor: ({ isDragging }) => (isDragging ? "grabbing" : "default"),
      onViewStateChange: ({ viewState }) => this.moved(viewState as unknown as ViewState),
      onClick: (info) => this.events.clicked(this.pick(info.x, info.y)),
      onHover: (info) => this.events.hovered(info.x, info.y),
      onAfterRender: () => void this.frames++,
      onError: (error) => this.events.failed(error),
    });
  }

  get camera(): Camera {
    const { longitude, latitude, zoom, pitch, bearing } = this.view;
    return { longitude, latitude, zoom, pitch, bearing };
  }

  private moved(view: ViewState): void {
    this.view = { ...view };
    this.movedAt = performance.now();
    this.events.moved(this.camera);
  }

  private viewState(): ViewState & Record<string, unknown> {
    return { ...this.camera, position: this.view.position, maxPitch: this.maxPitch, minZoom: 4, maxZoom: 22 };
  }

  draw(layers: Layer[], dark: boolean): void {
    this.layers = layers;
    this.dark = dark;
    this.labelKey = "";
    this.show();
  }

  private show(): void {
    const { layers, labels } = this;
    // an empty text layer would make an empty glyph atlas and never look at it again
    this.deck.setProps({ layers: labels.length ? [...layers, labelLayer(labels, this.dark)] : layers });
  }

  /** Writes the names that fit into the present view. */
  label(): void {
    const viewport = this.deck.isInitialized ? this.deck.getViewports()[0] : null;
    if (!viewport) return;
    const key = this.viewKey();
    if (key === this.labelKey) return;
    this.labelKey = key;
    this.labels = fitting(this.allLabels, viewport);
    this.show();
  }

  /** Whether something has arrived that the last frame did not show yet. */
  private get pending(): boolean {
    const { layerManager } = this.deck as unknown as { layerManager: { needsUpdate: () => unknown } };
    return Boolean(layerManager.needsUpdate() || this.deck.needsRedraw({ clearRedrawFlags: false }));
  }

  private get allLabels(): Label[] {
    const drawn = this.layers.filter((layer): layer is CimVectorLayer => layer instanceof CimVectorLayer);
    return drawn.filter((layer) => layer.props.visible && layer.state).flatMap((layer) => layer.labels);
  }

  /** Changes whenever other names may fit. */
  private viewKey(): string {
    return [this.allLabels.length, this.deck.width, this.deck.height, ...Object.values(this.view)].join(" ");
  }

  /** Whether every visible layer has all it needs for this view, and it was drawn. */
  get ready(): boolean {
    const { layers } = this;
    const loaded = layers.length > 0 && layers.every((layer) => !layer.props.visible || isLoaded(layer));
    return loaded && this.frames > 0 && !this.pending && this.labelKey !== "" && this.labelKey === this.viewKey();
  }

  /** Jumps to a camera, or flies where `duration` (ms) is more than 0. */
  go(camera: Partial<Camera>, duration = 0, height?: number): void {
    const far = camera.longitude !== undefined;
    this.view = { ...this.view, ...camera };
    if (height !== undefined) this.view.position = [0, 0, height];
    const names = ["longitude", "latitude", "zoom", "pitch", "bearing", "position"];
    const transition =
      duration > 0
        ? {
            transitionDuration: duration,
            transitionInterpolator: far
              ? new FlyToInterpolator({ speed: 2 })
              : new LinearInterpolator({ transitionProps: names }),
          }
        : {};
    this.deck.setProps({ initialViewState: { ...this.viewState(), ...transition } as never });
    if (duration === 0) this.events.moved(this.camera);
  }

  zoomBy(steps: number): void {
    this.go({ zoom: Math.min(Math.max(this.view.zoom + steps, 4), 22) }, TURN_MS / 2);
  }

  turn(change: Partial<Pick<Camera, "pitch" | "bearing">>): void {
    this.go(change, TURN_MS);
  }

  /** Lets the camera look from below the ground, or brings it back above. */
  setUnderground(below: boolean): void {
    this.maxPitch = below ? MAX_PITCH_UNDERGROUND : MAX_PITCH;
    this.go({ pitch: Math.min(this.view.pitch, this.maxPitch) });
  }

  /** Height of the ground the camera turns about, metres. */
  get groundHeight(): number {
    return this.view.position?.[2] ?? 0;
  }

  /** A colour for some objects, or none to be seen of them; null where there is nothing to draw on. */
  style(paints: Record<number, Paint>): StyleTexture | null {
    const { device } = this.deck as unknown as { device: Device | null };
    return device && styleTexture(device, paints);
  }

  /** Tells when the graphics card dropped the drawing. */
  onLost(tell: () => void): void {
    this.container.addEventListener("webglcontextlost", tell, { capture: true });
  }

  /** Keeps the point the camera turns about on the ground, as soon as its height is known. */
  followGround(): void {
    window.setInterval(() => {
      const height = this.events.heightAt(this.view.longitude, this.view.latitude);
      const quiet = performance.now() - this.movedAt > REST_MS;
      if (height === null || !quiet || Math.abs(height - this.groundHeight) < 20 * this.metresPerPixel) return;
      this.go({}, TURN_MS, height);
    }, REST_MS);
  }

  /** The object under a pixel: a body or a point, else what lies on the ground there. */
  pick(x: number, y: number): Picked | null {
    this.isPicking = true;
    const info = this.deck.isInitialized ? this.deck.pickObject({ x, y, radius: 2 }) : null;
    this.isPicking = false;
    const oid = info && oidOf(info);
    if (info && oid) return { oid, layer: info.layer?.id ?? "" };
    const place = this.groundAt(x, y);
    return place && this.events.pickGround(place, this.view.zoom, PICK_PIXELS * this.metresPerPixel);
  }

  private get metresPerPixel(): number {
    return (78271.5 * Math.cos((this.view.latitude * Math.PI) / 180)) / 2 ** this.view.zoom;
  }

  /** The place on the ground under a pixel, null above the horizon. */
  groundAt(x: number, y: number): [number, number] | null {
    let place = this.placeAt(x, y, this.groundHeight);
    for (let i = 0; i < 4 && place; i++) {
      const height = this.events.heightAt(...place);
      if (height === null) break;
      place = this.placeAt(x, y, height) ?? place;
    }
    return place;
  }

  /** Longitude and latitude under a pixel at a height, null above the horizon. */
  private placeAt(x: number, y: number, height: number): [number, number] | null {
    const viewport = this.deck.isInitialized ? this.deck.getViewports()[0] : null;
    if (!viewport) return null;
    const [longitude, latitude] = viewport.unproject([x, y], { targetZ: height });
    const [, back] = viewport.project([longitude, latitude, height]);
    return Number.isFinite(longitude) && Math.abs(back - y) < 2 ? [longitude, latitude] : null;
  }
}

function isLoaded(layer: Layer): boolean {
  try {
    return Boolean(layer.isLoaded);
  } catch {
    return false;
  }
}

function oidOf(info: PickingInfo): number | null {
  const object = info.object as { oid?: number; properties?: { oid?: number } } | null;
  const oid = Number(object?.oid ?? object?.properties?.oid ?? 0);
  return oid > 0 ? oid : null;
}
