import { tileDegrees, type TileIndex } from "./net";
import type { Feature } from "./vector-source";

export interface Label {
  text: string;
  kind: "point" | "line";
  size: number;
  /** Longitude and latitude in degrees, height in metres. */
  position: [number, number, number];
}

type Point = [number, number];
type Box = [number, number, number, number];

const TILE_PIXELS = 512;
const GAP = 8;

/** Labels of one tile that overlap neither each other nor the tile's edge; a name appears once. */
export function placeLabels(
  features: Feature[],
  index: TileIndex,
  property: string,
  size: number,
  height: (place: [number, number]) => number,
): Label[] {
  const taken: Box[] = [];
  const names = new Set<string>();
  const labels: Label[] = [];
  for (const [feature, anchor] of byImportance(features)) {
    const text = String(feature.properties[property] ?? "").trim();
    if (!text || names.has(text) || anchor.weight === 0) continue;
    const box = boxOf(anchor.at, text, size);
    if (!fits(box, taken)) continue;
    if (anchor.kind === "line" && anchor.weight * TILE_PIXELS < (box[2] - box[0]) * 0.8) continue;
    taken.push(box);
    names.add(text);
    const place = tileDegrees(anchor.at, index);
    labels.push({ text, kind: anchor.kind, size, position: [...place, height(place)] });
  }
  return labels;
}

interface Anchor {
  kind: "point" | "line";
  at: Point;
  /** Length within the tile for lines; points weigh 1. */
  weight: number;
}

function byImportance(features: Feature[]): [Feature, Anchor][] {
  return features
    .map((feature): [Feature, Anchor | null] => [feature, anchorOf(feature)])
    .filter((pair): pair is [Feature, Anchor] => pair[1] !== null)
    .sort((a, b) => b[1].weight - a[1].weight);
}

function anchorOf({ geometry }: Feature): Anchor | null {
  switch (geometry.type) {
    case "Point":
      return { kind: "point", at: geometry.coordinates as Point, weight: 1 };
    case "MultiPoint":
      return { kind: "point", at: (geometry.coordinates as Point[])[0], weight: 1 };
    case "LineString":
      return lineAnchor([geometry.coordinates as Point[]]);
    case "MultiLineString":
      return lineAnchor(geometry.coordinates as Point[][]);
    case "Polygon":
      return { kind: "point", at: middle((geometry.coordinates as Point[][])[0]), weight: 1 };
    default:
      return null;
  }
}

function middle(ring: Point[]): Point {
  const xs = ring.map((point) => point[0]);
  const ys = ring.map((point) => point[1]);
  return [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
}

/** The half-way point of the longest line. */
function lineAnchor(lines: Point[][]): Anchor | null {
  let best: Anchor | null = null;
  for (const line of lines) {
    const lengths = line.slice(1).map((to, i) => Math.hypot(to[0] - line[i][0], to[1] - line[i][1]));
    const total = lengths.reduce((sum, length) => sum + length, 0);
    if (total === 0 || (best && best.weight >= total)) continue;
    best = { kind: "line", at: along(line, lengths, total / 2), weight: total };
  }
  return best;
}

function along(line: Point[], lengths: number[], distance: number): Point {
  for (let i = 0; i < lengths.length; i++) {
    if (distance <= lengths[i]) {
      const share = distance / lengths[i];
      const [from, to] = [line[i], line[i + 1]];
      return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
    }
    distance -= lengths[i];
  }
  return line[line.length - 1];
}

function boxOf([x, y]: Point, text: string, size: number): Box {
  const width = textWidth(text, size);
  const [px, py] = [x * TILE_PIXELS, y * TILE_PIXELS];
  return [px - width / 2 - GAP, py - size - GAP, px + width / 2 + GAP, py + size / 2 + GAP];
}

/** About how wide a text is, pixels: Chinese characters are square, others about half as wide. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const letter of text) width += letter.codePointAt(0)! > 0x2e80 ? size : size * 0.58;
  return width;
}

function fits(box: Box, taken: Box[]): boolean {
  const centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  if (centre.some((value) => value < 0 || value > TILE_PIXELS)) return false;
  return taken.every((other) => box[0] > other[2] || box[2] < other[0] || box[1] > other[3] || box[3] < other[1]);
}
