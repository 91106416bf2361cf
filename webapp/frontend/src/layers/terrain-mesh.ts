import { getDistanceScales } from "@math.gl/web-mercator";
import { sample, type HeightTile } from "./heights";
import { tileCentre, type TileIndex } from "./net";

/** A terrain tile as triangles, metres from the tile's centre. */
export interface TerrainMesh {
  positions: Float32Array;
  /** Four signed bytes a vertex; the fourth is more than 0 on the skirt that hides cracks between tiles. */
  normals: Int8Array;
  texCoords: Float32Array;
  indices: Uint32Array;
  zRange: [number, number];
}

const GRIDS = [4, 8, 16, 32, 64];
const WORLD = 512;

/** The mesh of `index`; flat at `flatHeight` where `tile` is null. */
export function terrainMesh(index: TileIndex, tile: HeightTile | null, flatHeight: number): TerrainMesh {
  const height = heightFunction(index, tile, flatHeight);
  const metres = metresOf(index);
  const width = metres(1, 0.5)[0] - metres(0, 0.5)[0];
  const n = tile ? gridFor(height, width / 600) : 1;
  return build(n, height, metres, width);
}

type HeightAt = (u: number, v: number) => number;
type MetresAt = (u: number, v: number) => [number, number];

function heightFunction(index: TileIndex, tile: HeightTile | null, flat: number): HeightAt {
  if (!tile) return () => flat;
  const share = 2 ** (tile.index.z - index.z);
  const u0 = index.x * share - tile.index.x;
  const v0 = index.y * share - tile.index.y;
  return (u, v) => sample(tile, u0 + u * share, v0 + v * share);
}

/** Where a point of the tile is in deck.gl's metre offsets, by inverting its series exactly. */
function metresOf(index: TileIndex): MetresAt {
  const [longitude, latitude] = tileCentre(index);
  const scales = getDistanceScales({ longitude, latitude, highPrecision: true });
  const [ux, uy] = scales.unitsPerMeter;
  const [ux2, uy2] = scales.unitsPerMeter2 ?? [0, 0];
  const size = WORLD / 2 ** index.z;
  const centreShift = centreRow(index, latitude);
  return (u, v) => {
    const cy = (centreShift - v) * size;
    let y = cy / uy;
    for (let i = 0; i < 4; i++) y = cy / (uy + uy2 * y);
    return [((u - 0.5) * size) / (ux + ux2 * y), y];
  };
}

function centreRow(index: TileIndex, latitude: number): number {
  const row = (1 - Math.asinh(Math.tan((latitude * Math.PI) / 180)) / Math.PI) / 2;
  return row * 2 ** index.z - index.y;
}

/** The coarsest grid that keeps within `tolerance` metres of the heights. */
function gridFor(height: HeightAt, tolerance: number): number {
  for (const n of GRIDS) {
    if (n === 64 || misfit(height, n) <= tolerance) return n;
  }
  return 64;
}

function misfit(height: HeightAt, n: number): number {
  let worst = 0;
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      const mean =
        (height(column / n, row / n) +
          height((column + 1) / n, row / n) +
          height(column / n, (row + 1) / n) +
          height((column + 1) / n, (row + 1) / n)) /
        4;
      worst = Math.max(worst, Math.abs(mean - height((column + 0.5) / n, (row + 0.5) / n)));
    }
  }
  return worst;
}

function build(n: number, height: HeightAt, metres: MetresAt, width: number): TerrainMesh {
  const side = n + 3;
  const count = side * side;
  const positions = new Float32Array(count * 3);
  const normals = new Int8Array(count * 4);
  const texCoords = new Float32Array(count * 2);
  const skirt = Math.max(4, width / 60);
  let low = Infinity;
  let high = -Infinity;
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const u = Math.min(Math.max(column - 1, 0), n) / n;
      const v = Math.min(Math.max(row - 1, 0), n) / n;
      const inside = column > 0 && row > 0 && column < side - 1 && row < side - 1;
      const at = row * side + column;
      const z = height(u, v);
      low = Math.min(low, z);
      high = Math.max(high, z);
      const [x, y] = metres(u, v);
      positions.set([x, y, inside ? z : z - skirt], at * 3);
      texCoords.set([u, v], at * 2);
      normals.set(slope(height, u, v, width, n), at * 4);
      if (!inside) normals[at * 4 + 3] = 127;
    }
  }
  return { positions, normals, texCoords, indices: triangles(side), zRange: [low, high] };
}

function slope(height: HeightAt, u: number, v: number, width: number, n: number): number[] {
  const step = 1 / Math.max(n, 32);
  const dx = (height(u + step, v) - height(u - step, v)) / (2 * step * width);
  const dy = (height(u, v - step) - height(u, v + step)) / (2 * step * width);
  const length = Math.hypot(dx, dy, 1);
  return [(-dx / length) * 127, (-dy / length) * 127, 127 / length, 0].map(Math.round);
}

function triangles(side: number): Uint32Array {
  const out = new Uint32Array((side - 1) * (side - 1) * 6);
  let at = 0;
  for (let row = 0; row < side - 1; row++) {
    for (let column = 0; column < side - 1; column++) {
      const a = row * side + column;
      out.set([a, a + side, a + 1, a + 1, a + side, a + side + 1], at);
      at += 6;
    }
  }
  return out;
}
