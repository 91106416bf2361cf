import type { Layer, Viewport } from "@deck.gl/core";
import { TextLayer } from "@deck.gl/layers";
import { textWidth, type Label } from "./labels";

const FONT =
  '"Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans GB", "WenQuanYi Micro Hei", system-ui, sans-serif';
const MOST = 140;
/** Labels that perspective makes smaller than this are left out. */
const SMALLEST = 0.62;
const GAP = 6;

/** The labels that fit on the screen without touching each other, the nearest first. */
export function fitting(labels: Label[], viewport: Viewport): Label[] {
  const placed = labels
    .map((label) => ({ label, ...seen(label, viewport) }))
    .filter((each) => each.scale >= SMALLEST && each.x > 0 && each.y > 0 && each.x < viewport.width && each.y < viewport.height)
    .sort((a, b) => rank(a.label) - rank(b.label) || b.scale - a.scale);
  const boxes: number[][] = [];
  const kept: Label[] = [];
  const names = new Map<string, [number, number][]>();
  for (const { label, x, y, scale } of placed) {
    if (kept.length >= MOST) break;
    const half = (textWidth(label.text, label.size) * scale) / 2 + GAP;
    const high = label.size * scale;
    const box = [x - half, y - high * 1.8, x + half, y + high * 0.8];
    const twins = names.get(label.text) ?? [];
    const isTwin = twins.some(([tx, ty]) => Math.hypot(tx - x, ty - y) < 320);
    if (isTwin || boxes.some((other) => touch(box, other))) continue;
    boxes.push(box);
    names.set(label.text, [...twins, [x, y]]);
    kept.push(label);
  }
  return kept;
}

function rank(label: Label): number {
  return label.kind === "point" ? 0 : 1;
}

function touch(a: number[], b: number[]): boolean {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}

/** Pixel of a label and the factor by which perspective scales its text. */
function seen(label: Label, viewport: Viewport): { x: number; y: number; scale: number } {
  const [x, y] = viewport.project(label.position);
  const common = viewport.projectPosition(label.position);
  const scale = depth(viewport.center, viewport) / depth(common, viewport);
  return { x, y, scale: Number.isFinite(x) && scale > 0 ? scale : 0 };
}

function depth([x, y, z]: number[], { viewProjectionMatrix: m }: Viewport): number {
  return m[3] * x + m[7] * y + m[11] * z + m[15];
}

/** Writes labels in front of everything; `dark` is for a map of dark or many colours. */
export function labelLayer(labels: Label[], dark: boolean): Layer {
  return new TextLayer<Label>({
    id: "labels",
    data: labels,
    pickable: false,
    getText: (label) => label.text,
    getPosition: (label) => label.position,
    getSize: (label) => label.size,
    getColor: dark ? [232, 237, 243] : [40, 48, 58],
    outlineColor: dark ? [20, 25, 31, 230] : [255, 255, 255, 235],
    outlineWidth: 2.4,
    sizeUnits: "pixels",
    characterSet: "auto",
    fontFamily: FONT,
    fontWeight: 700,
    fontSettings: { sdf: true, fontSize: 56, buffer: 10, radius: 14, smoothing: 0.14 },
    getPixelOffset: (label) => (label.kind === "point" ? [0, -12] : [0, 0]),
    parameters: { depthCompare: "always", depthWriteEnabled: false },
    updateTriggers: { getColor: dark },
  });
}
