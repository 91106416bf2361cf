import type { TileIndex } from "./net";
import { tileWidth } from "./net";
import type { Feature, Shape, VectorSource, VectorTile } from "./vector-source";

type Color = number[];
type Accessor<T> = T | ((feature: Feature) => T);

/** One layer of lines and areas as it is painted onto the ground. */
export interface DrapeLayer {
  source: VectorSource;
  opacity: number;
  fill: Accessor<Color>;
  line: Accessor<Color>;
  /** Metres. */
  lineWidth: Accessor<number>;
  minPixels: number;
}

export interface Drape {
  groundColor: [number, number, number];
  layers: DrapeLayer[];
  selectedOid: number;
}

const SIZE = 768;
const SELECTED = "rgb(235 30 110)";
const CASING_FROM_PX = 3.5;

/** The picture of a ground tile: colour or image, then layers; null where it is all one colour. */
export async function paint(
  index: TileIndex,
  drape: Drape,
  image: ImageBitmap | null,
  signal?: AbortSignal,
): Promise<OffscreenCanvas | null> {
  const tiles = await Promise.all(drape.layers.map((layer) => layer.source.cover(index)));
  signal?.throwIfAborted();
  const isPlain = !image && tiles.every((tile) => !tile?.shapes.length);
  if (isPlain) return null;
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const context = canvas.getContext("2d", { alpha: false })!;
  context.fillStyle = css(drape.groundColor);
  context.fillRect(0, 0, SIZE, SIZE);
  if (image) context.drawImage(image, 0, 0, SIZE, SIZE);
  context.lineJoin = "round";
  context.lineCap = "round";
  drape.layers.forEach((layer, i) => {
    const tile = tiles[i];
    if (tile?.shapes.length) new Painter(context, index, tile, layer, drape.selectedOid).paint();
  });
  return canvas;
}

/** Paints one layer's tile, or the part of it that `index` covers. */
class Painter {
  private readonly scale: number;
  private readonly pixelsPerMetre: number;

  constructor(
    private readonly context: OffscreenCanvasRenderingContext2D,
    index: TileIndex,
    private readonly tile: VectorTile,
    private readonly layer: DrapeLayer,
    private readonly selectedOid: number,
  ) {
    const share = 2 ** (tile.index.z - index.z);
    this.scale = SIZE / share;
    this.pixelsPerMetre = SIZE / tileWidth(index);
    const left = index.x * share - tile.index.x;
    const top = index.y * share - tile.index.y;
    context.setTransform(this.scale, 0, 0, this.scale, -left * this.scale, -top * this.scale);
    context.globalAlpha = layer.opacity;
  }

  paint(): void {
    const areas = this.tile.shapes.filter((shape) => shape.kind === "area");
    const lines = this.tile.shapes.filter((shape) => shape.kind === "line");
    for (const shape of areas) this.area(shape);
    for (const shape of lines) this.casing(shape);
    for (const shape of lines) this.line(shape);
    this.context.globalAlpha = 1;
    for (const shape of this.tile.shapes) {
      if (this.selectedOid && shape.oid === this.selectedOid) this.mark(shape);
    }
    this.context.setTransform(1, 0, 0, 1, 0, 0);
  }

  private area(shape: Shape): void {
    this.context.fillStyle = css(value(this.layer.fill, shape));
    this.context.fill(shape.path, "evenodd");
  }

  private stroke(shape: Shape, style: string, pixels: number): void {
    this.context.strokeStyle = style;
    this.context.lineWidth = pixels / this.scale;
    this.context.stroke(shape.path);
  }

  private pixels(shape: Shape): number {
    return Math.max(value(this.layer.lineWidth, shape) * this.pixelsPerMetre, this.layer.minPixels);
  }

  private casing(shape: Shape): void {
    const pixels = this.pixels(shape);
    if (pixels < CASING_FROM_PX) return;
    const darker = value(this.layer.line, shape).map((part) => part * 0.78);
    this.stroke(shape, css(darker), pixels + 2);
  }

  private line(shape: Shape): void {
    this.stroke(shape, css(value(this.layer.line, shape)), this.pixels(shape));
  }

  private mark(shape: Shape): void {
    if (shape.kind === "area") this.stroke(shape, SELECTED, 4);
    else this.stroke(shape, SELECTED, Math.max(this.pixels(shape), 4));
  }
}

function value<T>(accessor: Accessor<T>, feature: Feature): T {
  return typeof accessor === "function" ? (accessor as (feature: Feature) => T)(feature) : accessor;
}

function css([red, green, blue]: Color): string {
  return `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;
}
