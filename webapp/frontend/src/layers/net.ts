/** A tile's bytes over HTTP: empty tiles are null, short outages are retried, an old version is told. */

export class TileError extends Error {
  constructor(
    readonly url: string,
    readonly status: number,
  ) {
    super(status ? `tile ${url}: HTTP ${status}` : `tile ${url}: no connection`);
  }
}

/** Told when the server says that the city has a newer version than the tiles asked for. */
export const outdated = new EventTarget();

const PAUSES_MS = [400, 1500];

/** Bytes of the tile, null where it is empty. Throws `TileError`, or an AbortError when cancelled. */
export async function fetchTile(url: string, signal?: AbortSignal): Promise<ArrayBuffer | null> {
  for (let attempt = 0; ; attempt++) {
    const pause = PAUSES_MS[attempt];
    let status = 0;
    try {
      const response = await fetch(url, { signal });
      status = response.status;
      if (status === 204 || status === 404) return null;
      if (response.ok) return await response.arrayBuffer();
    } catch (error) {
      if (signal?.aborted) throw error;
    }
    if (status === 410) outdated.dispatchEvent(new Event("outdated"));
    const mayPass = status === 0 || status === 502 || status === 503 || status === 504;
    if (!mayPass || pause === undefined) throw new TileError(url, status);
    await new Promise((resolve) => setTimeout(resolve, pause));
    signal?.throwIfAborted();
  }
}

export interface TileIndex {
  x: number;
  y: number;
  z: number;
}

/** `template` with {z}, {x} and {y} filled in. */
export function tileUrl(template: string, { x, y, z }: TileIndex): string {
  return template.replace("{z}", String(z)).replace("{x}", String(x)).replace("{y}", String(y));
}

/** Longitude and latitude of the middle of a tile, degrees. */
export function tileCentre({ x, y, z }: TileIndex): [number, number] {
  return tileDegrees([0.5, 0.5], { x, y, z });
}

/** Longitude and latitude of a place in a tile, given as shares from its north-west, degrees. */
export function tileDegrees([u, v]: [number, number], { x, y, z }: TileIndex): [number, number] {
  const size = 2 ** z;
  return [((x + u) / size) * 360 - 180, mercatorLatitude((y + v) / size)];
}

export type Bounds = [west: number, south: number, east: number, north: number];

/** Whether a tile and a box in degrees share any place; a missing box is everywhere. */
export function meets(index: TileIndex, bounds: Bounds | null): boolean {
  if (!bounds) return true;
  const [west, north] = tileDegrees([0, 0], index);
  const [east, south] = tileDegrees([1, 1], index);
  return west <= bounds[2] && east >= bounds[0] && south <= bounds[3] && north >= bounds[1];
}

function mercatorLatitude(row: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - 2 * row))) * 180) / Math.PI;
}

/** Column and row of a place among the tiles of zoom `z`, with fractions. */
export function tilePosition(longitude: number, latitude: number, z: number): [number, number] {
  const size = 2 ** z;
  const angle = (latitude * Math.PI) / 180;
  const row = (1 - Math.asinh(Math.tan(angle)) / Math.PI) / 2;
  return [((longitude + 180) / 360) * size, row * size];
}

const EQUATOR_M = 40_075_016.7;

/** Width of a tile on the ground through its middle, metres. */
export function tileWidth(index: TileIndex): number {
  const [, latitude] = tileCentre(index);
  return (EQUATOR_M * Math.cos((latitude * Math.PI) / 180)) / 2 ** index.z;
}
