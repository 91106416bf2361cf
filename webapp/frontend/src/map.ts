import { Deck, FlyToInterpolator, LinearInterpolator, MapView, type Layer, type PickingInfo } from "@deck.gl/core";
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
}

export const MAX_PITCH = 80;
export const MAX_PITCH_UNDERGROUND = 125;
const TURN_MS = 500;
const REST_MS = 400;

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
  private movedAt = 0;

  constructor(
    private readonly container: HTMLElement,
    camera: Camera,
    private readonly events: MapEvents,
  ) {
    this.view = { ...camera, position: [0, 0, 0] };
    this.deck = new Deck<MapView>({
      parent: container as HTMLDivElement,
      views: new MapView({ id: "map", repeat: false, farZMultiplier: 1.5, nearZMultiplier: 0.05 }),
      controller: { inertia: 250, scrollZoom: { speed: 0.012, smooth: true }, touchRotate: true },
      initialViewState: this.viewState() as never,
      useDevicePixels: Math.min(window.devicePixelRatio, 2),
      pickingRadius: 3,
      layers: [],
      // a pass over the whole city for each movement of the pointer costs more than it tells
      layerFilter: ({ renderPass }) => renderPass !== "picking:hover",
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

  draw(layers: Layer[]): void {
    this.layers = layers;
    this.deck.setProps({ layers });
  }

  /** Whether every visible layer has all it needs for this view, and it was drawn. */
  get ready(): boolean {
    const { layers } = this;
    return this.frames > 0 && layers.length > 0 && layers.every((layer) => !layer.props.visible || isLoaded(layer));
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

  /** Tells when the graphics card dropped the drawing. */
  onLost(tell: () => void): void {
    this.container.addEventListener("webglcontextlost", tell, { capture: true });
  }

  /** Keeps the point the camera turns about on the ground, as soon as its height is known. */
  followGround(heightAt: (longitude: number, latitude: number) => number | null): void {
    window.setInterval(() => {
      const height = heightAt(this.view.longitude, this.view.latitude);
      const quiet = performance.now() - this.movedAt > REST_MS;
      const metresPerPixel = (78271 * Math.cos((this.view.latitude * Math.PI) / 180)) / 2 ** this.view.zoom;
      if (height === null || !quiet || Math.abs(height - this.groundHeight) < 20 * metresPerPixel) return;
      this.go({}, TURN_MS, height);
    }, REST_MS);
  }

  pick(x: number, y: number): Picked | null {
    const info = this.deck.isInitialized ? this.deck.pickObject({ x, y, radius: 2 }) : null;
    const oid = info && oidOf(info);
    return info && oid ? { oid, layer: info.layer?.id ?? "" } : null;
  }

  /** Longitude and latitude under a pixel at a height, null above the horizon. */
  placeAt(x: number, y: number, height: number): [number, number] | null {
    const viewport = this.deck.isInitialized ? this.deck.getViewports()[0] : null;
    if (!viewport) return null;
    const [longitude, latitude] = viewport.unproject([x, y], { targetZ: height - this.groundHeight });
    const [, back] = viewport.project([longitude, latitude, height - this.groundHeight]);
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
