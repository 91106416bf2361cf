import { MVTLoader } from "@loaders.gl/mvt";
import { fetchTile, meets, tilePosition, tileUrl, tileWidth, type Bounds, type TileIndex } from "./net";

type Point = [number, number];

/** A feature of a vector tile; its coordinates are shares of the tile from the north-west. */
export interface Feature {
  properties: Record<string, unknown>;
  geometry: { type: string; coordinates: unknown };
}

/** A line or an area, ready to be drawn. */
export interface Shape extends Feature {
  oid: number;
  kind: "line" | "area";
  lines: Point[][];
  path: Path2D;
}

export interface VectorTile {
  index: TileIndex;
  features: Feature[];
  shapes: Shape[];
}

const CACHE_TILES = 240;

/** The vector tiles of one layer, read once for all that is drawn from them. */
export class VectorSource {
  private readonly tiles = new Map<string, Promise<VectorTile | null>>();
  private readonly ready = new Map<string, VectorTile>();

  constructor(
    readonly template: string,
    readonly minZoom: number,
    readonly maxZoom: number,
    private readonly bounds: Bounds | null,
  ) {}

  /** The tile that covers `index`: itself, or its ancestor where there are none that fine. */
  cover(index: TileIndex): Promise<VectorTile | null> {
    if (index.z < this.minZoom || !meets(index, this.bounds)) return Promise.resolve(null);
    const up = Math.max(index.z - this.maxZoom, 0);
    const own = { x: index.x >> up, y: index.y >> up, z: index.z - up };
    const key = `${own.z}/${own.x}/${own.y}`;
    const known = this.tiles.get(key);
    if (known) return known;
    const loading = this.load(own, key);
    this.tiles.set(key, loading);
    loading.catch(() => this.forget(key));
    if (this.tiles.size > CACHE_TILES) this.forget(this.tiles.keys().next().value!);
    return loading;
  }

  private forget(key: string): void {
    this.tiles.delete(key);
    this.ready.delete(key);
  }

  private async load(index: TileIndex, key: string): Promise<VectorTile | null> {
    const bytes = await fetchTile(tileUrl(this.template, index));
    if (!bytes?.byteLength) return null;
    const options = { mvt: { shape: "geojson", coordinates: "local", tileIndex: index } };
    const features = MVTLoader.parseSync!(bytes, options as never) as Feature[];
    const tile = { index, features, shapes: features.flatMap(shapeOf) };
    this.ready.set(key, tile);
    return tile;
  }

  /** Whether an object is among the lines and areas read so far. */
  has(oid: number): boolean {
    return [...this.ready.values()].some((tile) => tile.shapes.some((shape) => shape.oid === oid));
  }

  /** The topmost line within `tolerance` metres of a place, or area around it, at a zoom. */
  at(longitude: number, latitude: number, zoom: number, tolerance: number): number | null {
    const z = Math.min(Math.max(Math.floor(zoom), this.minZoom), this.maxZoom);
    const [column, row] = tilePosition(longitude, latitude, z);
    const index = { x: Math.floor(column), y: Math.floor(row), z };
    const tile = this.ready.get(`${z}/${index.x}/${index.y}`);
    if (!tile) return null;
    const place: Point = [column % 1, row % 1];
    const reach = tolerance / tileWidth(index);
    const found = tile.shapes.findLast((shape) => touches(shape, place, reach));
    return found?.oid ?? null;
  }
}

function shapeOf(feature: Feature): Shape[] {
  const { type, coordinates } = feature.geometry;
  const kind = type.endsWith("Polygon") ? "area" : "line";
  const lines = linesOf(type, coordinates);
  if (lines.length === 0) return [];
  const path = new Path2D();
  for (const line of lines) {
    path.moveTo(...line[0]);
    for (const point of line.slice(1)) path.lineTo(...point);
    if (kind === "area") path.closePath();
  }
  return [{ ...feature, oid: Number(feature.properties.oid ?? 0), kind, lines, path }];
}

function linesOf(type: string, coordinates: unknown): Point[][] {
  switch (type) {
    case "LineString":
      return [coordinates as Point[]];
    case "MultiLineString":
    case "Polygon":
      return coordinates as Point[][];
    case "MultiPolygon":
      return (coordinates as Point[][][]).flat();
    default:
      return [];
  }
}

function touches(shape: Shape, place: Point, reach: number): boolean {
  if (shape.kind === "area") return inside(shape.lines, place);
  return shape.lines.some((line) => line.some((end, i) => i > 0 && distance(line[i - 1], end, place) <= reach));
}

function inside(rings: Point[][], [x, y]: Point): boolean {
  let within = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [xi, yi] = ring[i];
      const [xj, yj] = ring[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
    }
  }
  return within;
}

function distance(a: Point, b: Point, p: Point): number {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = dx * dx + dy * dy;
  const share = length ? Math.min(Math.max(((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length, 0), 1) : 0;
  return Math.hypot(p[0] - a[0] - share * dx, p[1] - a[1] - share * dy);
}
