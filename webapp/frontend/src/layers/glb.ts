/** A binary glTF tile as arrays ready for the GPU: z up, metres, one object id for every vertex. */
export interface MeshTile {
  /** x east, y north, z up, metres from `origin`. */
  positions: Float32Array;
  /** Four signed bytes a vertex; the fourth pads. */
  normals: Int8Array;
  /** Red, green, blue, alpha, one byte each. */
  colors: Uint8Array;
  /** Row of the property table a vertex belongs to. */
  featureIds: Uint32Array;
  /** City object a vertex belongs to. */
  oids: Uint32Array;
  /** Metres of a vertex above the lowest of its object. */
  lifts: Float32Array;
  /** Lowest vertex of every object, metres. */
  bases: Float32Array;
  indices: Uint32Array;
  /** Object of every row of the property table. */
  featureOids: Uint32Array;
  /** Longitude and latitude of the zero point, degrees. */
  origin: [number, number] | null;
  byteLength: number;
}

type Reals = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Uint32Array;

interface Accessor {
  bufferView: number;
  byteOffset?: number;
  componentType: number;
  normalized?: boolean;
  count: number;
  type: string;
}

interface Primitive {
  attributes: Record<string, number>;
  indices?: number;
  extensions?: { EXT_mesh_features?: { featureIds: { attribute?: number }[] } };
}

interface Node {
  mesh?: number;
  matrix?: number[];
  translation?: number[];
  scale?: number[];
  children?: number[];
}

interface Gltf {
  asset: { extras?: { cim?: { origin?: [number, number] } } };
  scene?: number;
  scenes?: { nodes: number[] }[];
  nodes?: Node[];
  meshes?: { primitives: Primitive[] }[];
  accessors?: Accessor[];
  bufferViews?: { byteOffset?: number; byteLength: number; byteStride?: number }[];
  extensions?: {
    EXT_structural_metadata?: {
      schema?: { classes?: Record<string, { properties?: Record<string, { componentType?: string }> }> };
      propertyTables?: {
        class: string;
        count: number;
        properties: Record<string, { values: number }>;
      }[];
    };
  };
}

const MAGIC = 0x46546c67;
const CHUNK_JSON = 0x4e4f534a;
const CHUNK_BIN = 0x004e4942;
const COMPONENTS: Record<string, number> = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };
const ARRAYS = {
  5120: Int8Array,
  5121: Uint8Array,
  5122: Int16Array,
  5123: Uint16Array,
  5125: Uint32Array,
  5126: Float32Array,
} as const;
const SCALES: Record<number, number> = { 5120: 127, 5121: 255, 5122: 32767, 5123: 65535 };

/** The tile in `buffer`. Throws where the file is not binary glTF 2.0. */
export function parseGlb(buffer: ArrayBuffer): MeshTile {
  const { gltf, bin } = chunks(buffer);
  const parts = placedPrimitives(gltf).map(([primitive, matrix]) => readPart(gltf, bin, primitive, matrix));
  return { ...merge(parts, tableOids(gltf, bin)), origin: gltf.asset.extras?.cim?.origin ?? null };
}

function chunks(buffer: ArrayBuffer): { gltf: Gltf; bin: Uint8Array } {
  const view = new DataView(buffer);
  if (buffer.byteLength < 20 || view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== 2) {
    throw new Error("not a binary glTF 2.0 file");
  }
  let gltf: Gltf | null = null;
  let bin = new Uint8Array(0);
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const length = view.getUint32(at, true);
    const kind = view.getUint32(at + 4, true);
    const body = new Uint8Array(buffer, at + 8, length);
    if (kind === CHUNK_JSON) gltf = JSON.parse(new TextDecoder().decode(body)) as Gltf;
    else if (kind === CHUNK_BIN) bin = body;
    at += 8 + length;
  }
  if (!gltf) throw new Error("binary glTF without its JSON chunk");
  return { gltf, bin };
}

type Matrix = number[];
const IDENTITY: Matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

function placedPrimitives(gltf: Gltf): [Primitive, Matrix][] {
  const found: [Primitive, Matrix][] = [];
  const nodes = gltf.nodes ?? [];
  const visit = (index: number, parent: Matrix): void => {
    const node = nodes[index];
    const matrix = multiply(parent, localMatrix(node));
    if (node.mesh !== undefined) {
      for (const primitive of gltf.meshes?.[node.mesh].primitives ?? []) found.push([primitive, matrix]);
    }
    for (const child of node.children ?? []) visit(child, matrix);
  };
  for (const root of gltf.scenes?.[gltf.scene ?? 0]?.nodes ?? nodes.map((_, i) => i)) visit(root, IDENTITY);
  return found;
}

function localMatrix(node: Node): Matrix {
  if (node.matrix) return node.matrix;
  const [x, y, z] = node.scale ?? [1, 1, 1];
  const [tx, ty, tz] = node.translation ?? [0, 0, 0];
  return [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, tx, ty, tz, 1];
}

function multiply(a: Matrix, b: Matrix): Matrix {
  const out = new Array<number>(16).fill(0);
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      for (let k = 0; k < 4; k++) out[column * 4 + row] += a[k * 4 + row] * b[column * 4 + k];
    }
  }
  return out;
}

/** Values of an accessor as real numbers, packed; normalised integers become -1..1 or 0..1. */
function values(gltf: Gltf, bin: Uint8Array, index: number): { data: Reals; size: number } {
  const accessor = gltf.accessors![index];
  const view = gltf.bufferViews![accessor.bufferView];
  const size = COMPONENTS[accessor.type];
  const ArrayType = ARRAYS[accessor.componentType as keyof typeof ARRAYS];
  const width = ArrayType.BYTES_PER_ELEMENT;
  const start = bin.byteOffset + (view.byteOffset ?? 0) + (accessor.byteOffset ?? 0);
  const stride = view.byteStride ?? size * width;
  let data: Reals;
  if (stride === size * width && start % width === 0) {
    data = new ArrayType(bin.buffer as ArrayBuffer, start, accessor.count * size);
  } else {
    data = new ArrayType(accessor.count * size);
    const bytes = new Uint8Array(data.buffer);
    const source = new Uint8Array(bin.buffer);
    for (let i = 0; i < accessor.count; i++) {
      bytes.set(source.subarray(start + i * stride, start + i * stride + size * width), i * size * width);
    }
  }
  const scale = accessor.normalized ? SCALES[accessor.componentType] : 0;
  return { data: scale ? Float32Array.from(data, (value) => value / scale) : data, size };
}

function tableOids(gltf: Gltf, bin: Uint8Array): Uint32Array {
  const table = gltf.extensions?.EXT_structural_metadata?.propertyTables?.[0];
  const column = table?.properties.oid;
  if (!table || !column) return new Uint32Array(0);
  const view = gltf.bufferViews![column.values];
  const start = bin.byteOffset + (view.byteOffset ?? 0);
  return new Uint32Array(bin.buffer.slice(start, start + table.count * 4) as ArrayBuffer);
}

interface Part {
  positions: Float32Array;
  normals: Int8Array;
  colors: Uint8Array;
  featureIds: Uint32Array;
  indices: Uint32Array;
}

function readPart(gltf: Gltf, bin: Uint8Array, primitive: Primitive, matrix: Matrix): Part {
  const read = (name: string) =>
    primitive.attributes[name] === undefined ? null : values(gltf, bin, primitive.attributes[name]);
  const positions = placed(read("POSITION")!.data, matrix);
  const count = positions.length / 3;
  const feature = primitive.extensions?.EXT_mesh_features?.featureIds[0]?.attribute ?? 0;
  const ids = read(`_FEATURE_ID_${feature}`);
  const indices = primitive.indices === undefined ? null : values(gltf, bin, primitive.indices).data;
  return {
    positions,
    normals: packedNormals(read("NORMAL"), count),
    colors: packedColors(read("COLOR_0"), count),
    featureIds: ids ? Uint32Array.from(ids.data) : new Uint32Array(count),
    indices: indices ? Uint32Array.from(indices) : Uint32Array.from({ length: count }, (_, i) => i),
  };
}

/** Applies the node's matrix and turns glTF's y up, z south into z up, y north. */
function placed(source: Reals, m: Matrix): Float32Array {
  const out = new Float32Array(source.length);
  for (let i = 0; i < source.length; i += 3) {
    const x = source[i];
    const y = source[i + 1];
    const z = source[i + 2];
    out[i] = m[0] * x + m[4] * y + m[8] * z + m[12];
    out[i + 1] = -(m[2] * x + m[6] * y + m[10] * z + m[14]);
    out[i + 2] = m[1] * x + m[5] * y + m[9] * z + m[13];
  }
  return out;
}

function packedNormals(source: { data: Reals; size: number } | null, count: number): Int8Array {
  const out = new Int8Array(count * 4);
  for (let i = 0; i < count; i++) {
    if (!source) {
      out[i * 4 + 2] = 127;
      continue;
    }
    const at = i * source.size;
    out[i * 4] = Math.round(source.data[at] * 127);
    out[i * 4 + 1] = Math.round(-source.data[at + 2] * 127);
    out[i * 4 + 2] = Math.round(source.data[at + 1] * 127);
  }
  return out;
}

function packedColors(source: { data: Reals; size: number } | null, count: number): Uint8Array {
  const out = new Uint8Array(count * 4).fill(255);
  if (!source) return out;
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < source.size; k++) out[i * 4 + k] = Math.round(source.data[i * source.size + k] * 255);
  }
  return out;
}

function merge(parts: Part[], featureOids: Uint32Array): Omit<MeshTile, "origin"> {
  const vertices = parts.reduce((sum, part) => sum + part.featureIds.length, 0);
  const corners = parts.reduce((sum, part) => sum + part.indices.length, 0);
  const positions = new Float32Array(vertices * 3);
  const normals = new Int8Array(vertices * 4);
  const colors = new Uint8Array(vertices * 4);
  const featureIds = new Uint32Array(vertices);
  const indices = new Uint32Array(corners);
  let vertex = 0;
  let corner = 0;
  for (const part of parts) {
    positions.set(part.positions, vertex * 3);
    normals.set(part.normals, vertex * 4);
    colors.set(part.colors, vertex * 4);
    featureIds.set(part.featureIds, vertex);
    for (let i = 0; i < part.indices.length; i++) indices[corner + i] = part.indices[i] + vertex;
    vertex += part.featureIds.length;
    corner += part.indices.length;
  }
  const oids = featureIds.map((row) => featureOids[row] ?? 0);
  const bases = lowest(positions, featureIds, featureOids.length);
  const lifts = new Float32Array(vertices);
  for (let i = 0; i < vertices; i++) lifts[i] = positions[i * 3 + 2] - bases[featureIds[i]];
  const byteLength = vertices * 32 + corners * 4;
  return { positions, normals, colors, featureIds, oids, lifts, bases, indices, featureOids, byteLength };
}

function lowest(positions: Float32Array, featureIds: Uint32Array, features: number): Float32Array {
  const bases = new Float32Array(Math.max(features, 1)).fill(Infinity);
  for (let i = 0; i < featureIds.length; i++) {
    bases[featureIds[i]] = Math.min(bases[featureIds[i]], positions[i * 3 + 2]);
  }
  return bases;
}
