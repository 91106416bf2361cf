import { fetchTile, meets, tilePosition, tileUrl, type Bounds, type TileIndex } from "./net";

/** Heights of one terrain tile, row by row from the north-west, metres. */
export interface HeightTile {
  index: TileIndex;
  size: number;
  heights: Float32Array;
}

const CACHE_TILES = 160;
const COARSE_ZOOM = 9;

/** The terrain's heights: tiles by index, ground height at a place; keeps the tiles read last. */
export class Heights {
  private readonly tiles = new Map<string, Promise<HeightTile | null>>();
  private readonly ready = new Map<string, HeightTile>();

  constructor(
    readonly template: string,
    readonly minZoom: number,
    readonly maxZoom: number,
    /** Where the city is; beyond it coarse heights will do. */
    private readonly bounds: Bounds | null,
  ) {}

  /** The tile that covers `index`: itself, or its ancestor where the terrain is not that fine. */
  cover(index: TileIndex): Promise<HeightTile | null> {
    const finest = meets(index, this.bounds) ? this.maxZoom : Math.min(COARSE_ZOOM, this.maxZoom);
    const up = Math.max(index.z - finest, 0);
    const own = { x: index.x >> up, y: index.y >> up, z: index.z - up };
    const key = `${own.z}/${own.x}/${own.y}`;
    const known = this.tiles.get(key);
    if (known) return known;
    const loading = this.load(own, key);
    this.tiles.set(key, loading);
    loading.catch(() => this.tiles.delete(key));
    if (this.tiles.size > CACHE_TILES) this.forget(this.tiles.keys().next().value!);
    return loading;
  }

  private forget(key: string): void {
    this.tiles.delete(key);
    this.ready.delete(key);
  }

  private async load(index: TileIndex, key: string): Promise<HeightTile | null> {
    const bytes = await fetchTile(tileUrl(this.template, index));
    if (!bytes) return null;
    const tile = { index, ...(await decode(bytes)) };
    this.ready.set(key, tile);
    return tile;
  }

  /** Ground height at a place from the finest tile at hand, null where none is loaded. */
  at(longitude: number, latitude: number): number | null {
    for (let z = this.maxZoom; z >= this.minZoom; z--) {
      const [column, row] = tilePosition(longitude, latitude, z);
      const tile = this.ready.get(`${z}/${Math.floor(column)}/${Math.floor(row)}`);
      if (tile) return sample(tile, column % 1, row % 1);
    }
    return null;
  }
}

async function decode(bytes: ArrayBuffer): Promise<{ size: number; heights: Float32Array }> {
  const image = await createImageBitmap(new Blob([bytes]), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const heights = new Float32Array(image.width * image.height);
  for (let i = 0; i < heights.length; i++) {
    heights[i] = -10000 + (data[i * 4] * 65536 + data[i * 4 + 1] * 256 + data[i * 4 + 2]) * 0.1;
  }
  const size = image.width;
  image.close();
  return { size, heights };
}

/** Height at `u` eastwards and `v` southwards, 0..1 across the tile, between pixel centres. */
export function sample({ size, heights }: HeightTile, u: number, v: number): number {
  const x = Math.min(Math.max(u * size - 0.5, 0), size - 1);
  const y = Math.min(Math.max(v * size - 0.5, 0), size - 1);
  const left = Math.floor(x);
  const top = Math.floor(y);
  const right = Math.min(left + 1, size - 1);
  const bottom = Math.min(top + 1, size - 1);
  const upper = mix(heights[top * size + left], heights[top * size + right], x - left);
  const lower = mix(heights[bottom * size + left], heights[bottom * size + right], x - left);
  return mix(upper, lower, y - top);
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
