/** A flat map: the city as it is, the file as it says it lies, and where the chosen fixes put it. */
import { Deck, MapView, WebMercatorViewport, type Layer } from "@deck.gl/core";
import { GeoJsonLayer } from "@deck.gl/layers";
import { request } from "../api";
import { QUALITY } from "../layers/quality";
import type { Box, GeoJSON } from "./api";

type Color = [number, number, number, number];

const MOST = 4000;
const REST_MS = 350;
const FEWEST_PIXELS = 24;
const GROUND: Record<string, Color> = {
  WaterBody: [140, 185, 215, 160],
  LandUse: [205, 218, 190, 120],
  PlantCover: [180, 208, 160, 140],
  Road: [170, 170, 170, 200],
  Railway: [150, 130, 150, 200],
};
const OTHER: Color = [140, 148, 156, 150];
const BEFORE: Color = [208, 92, 20, 255];
const AFTER: Color = [31, 99, 145, 255];

export interface Overlay {
  before: GeoJSON | null;
  after: GeoJSON | null;
}

interface View {
  longitude: number;
  latitude: number;
  zoom: number;
}

/** Draws the three; `window.cimLoad.map` shows tests what it holds. */
export class LoadMap {
  readonly deck: Deck<MapView> | null;
  private overlay: Overlay = { before: null, after: null };
  private context: GeoJSON | null = null;
  private view: View = { longitude: 105, latitude: 35, zoom: 3 };
  private timer = 0;
  private asked = "";

  constructor(
    private readonly container: HTMLElement,
    private readonly city: Box | null,
  ) {
    this.deck = QUALITY.canDraw
      ? new Deck<MapView>({
          parent: container as HTMLDivElement,
          views: new MapView({ id: "map", repeat: false, orthographic: true }),
          controller: { dragRotate: false, touchRotate: false, keyboard: { rotateSpeedX: 0, rotateSpeedY: 0 } },
          initialViewState: { ...this.view, maxPitch: 0 } as never,
          useDevicePixels: QUALITY.pixelRatio,
          layers: [],
          onViewStateChange: ({ viewState }) => this.moved(viewState as unknown as View),
          onError: (error) => console.warn(error.message),
        })
      : null;
    if (city) this.fit([city]);
  }

  /** What is drawn, for tests: features of the city, of the file as it says, of the file as chosen. */
  get counts(): { city: number; before: number; after: number } {
    const count = (found: GeoJSON | null): number => found?.features.length ?? 0;
    return { city: count(this.context), before: count(this.overlay.before), after: count(this.overlay.after) };
  }

  show(overlay: Overlay): void {
    this.overlay = overlay;
    this.draw();
  }

  /** Looks at all of these boxes; those far from the first, as wrong ones are, are left out. */
  fit(boxes: (Box | null | undefined)[]): void {
    const known = boxes.filter((each): each is Box => Boolean(each));
    const [first] = known;
    if (!first || !this.deck) return;
    const near = known.filter((each) => distance(each, first) < 0.5);
    const [west, south, east, north] = [0, 1, 2, 3].map((at) =>
      (at < 2 ? Math.min : Math.max)(...near.map((each) => each[at]!)),
    ) as Box;
    const { clientWidth, clientHeight } = this.container;
    const viewport = new WebMercatorViewport({ width: Math.max(clientWidth, 100), height: Math.max(clientHeight, 100) });
    const padding = Math.min(48, clientWidth / 6, clientHeight / 6);
    const { longitude, latitude, zoom } = viewport.fitBounds(
      [
        [west, south],
        [east, north],
      ],
      { padding, maxZoom: 18 },
    );
    this.go({ longitude, latitude, zoom });
  }

  /** Asks for the city again, which has changed. */
  refresh(): void {
    this.asked = "";
    void this.surroundings();
  }

  zoomBy(steps: number): void {
    this.go({ ...this.view, zoom: this.view.zoom + steps });
  }

  private go(view: View): void {
    this.deck?.setProps({ initialViewState: { ...view, maxPitch: 0, maxZoom: 21 } as never });
    this.moved(view);
  }

  private moved(view: View): void {
    this.view = { longitude: view.longitude, latitude: view.latitude, zoom: view.zoom };
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.surroundings(), REST_MS);
  }

  /** What the city has in the view; nothing where it would be a speck. */
  private async surroundings(): Promise<void> {
    const { clientWidth: width, clientHeight: height } = this.container;
    if (!this.city || !width || !height) return;
    const viewport = new WebMercatorViewport({ ...this.view, width, height });
    const [west, south, east, north] = viewport.getBounds();
    const [left] = viewport.project([this.city[0], this.city[1]]);
    const [right] = viewport.project([this.city[2], this.city[3]]);
    const isSpeck = right! - left! < FEWEST_PIXELS;
    const bbox = [Math.max(west, -180), Math.max(south, -90), Math.min(east, 180), Math.min(north, 90)];
    const query = isSpeck ? "" : bbox.map((each) => each.toFixed(6)).join(",");
    if (query === this.asked) return;
    this.asked = query;
    try {
      const found = query ? await request<GeoJSON>(`/api/features?limit=${MOST}&bbox=${query}`) : null;
      if (query === this.asked) this.context = found;
    } catch (error) {
      console.warn(error);
    }
    this.draw();
  }

  private draw(): void {
    this.deck?.setProps({ layers: [this.cityLayer(), ...this.fileLayers()] });
  }

  private cityLayer(): Layer {
    return new GeoJsonLayer({
      id: "city",
      data: (this.context ?? EMPTY) as never,
      filled: true,
      stroked: true,
      getFillColor: (each) => GROUND[String((each.properties as { class?: string }).class)] ?? OTHER,
      getLineColor: [110, 118, 126, 140],
      lineWidthMinPixels: 1,
      getPointRadius: 1,
      pointRadiusMinPixels: 2,
    });
  }

  private fileLayers(): Layer[] {
    const { before, after } = this.overlay;
    return [
      before && outline("before", before, BEFORE, 0),
      after && outline("after", after, AFTER, 70),
    ].filter((layer) => layer !== null);
  }
}

const EMPTY: GeoJSON = { type: "FeatureCollection", features: [] };

function outline(id: string, data: GeoJSON, [red, green, blue]: Color, fill: number): Layer {
  return new GeoJsonLayer({
    id,
    data: data as never,
    filled: true,
    stroked: true,
    getFillColor: [red, green, blue, fill],
    getLineColor: [red, green, blue, 255],
    lineWidthMinPixels: 2,
    getPointRadius: 1,
    pointRadiusMinPixels: 4,
    parameters: { depthCompare: "always" },
  });
}

function distance(one: Box, other: Box): number {
  const x = Math.abs(one[0] + one[2] - other[0] - other[2]) / 2;
  const y = Math.abs(one[1] + one[3] - other[1] - other[3]) / 2;
  return Math.max(x, y);
}
