import type { Layer } from "@deck.gl/core";
import { MVTLayer, type MVTLayerProps } from "@deck.gl/geo-layers";
import { TextLayer } from "@deck.gl/layers";
import { MVTLoader } from "@loaders.gl/mvt";
import type { Heights } from "./heights";
import { placeLabels, type Label, type LabelFeature } from "./labels";
import { fetchTile, tileUrl, type TileIndex } from "./net";

interface OwnProps {
  /** Property written as a label; empty writes none. */
  labelProperty: string;
  /** From which zoom labels are written. */
  labelMinZoom: number;
  labelSize: number;
  labelColor: [number, number, number];
  labelHalo: [number, number, number];
  /** Where labels get their ground height from. */
  heights: Heights | null;
  flatHeight: number;
}

type Content = LabelFeature[];

const FONT = '"Noto Sans SC", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans GB", "WenQuanYi Micro Hei", system-ui, sans-serif';

const defaultProps = {
  binary: false,
  labelProperty: "",
  labelMinZoom: 15,
  labelSize: 12,
  labelColor: { type: "array", value: [60, 66, 74], compare: true },
  labelHalo: { type: "array", value: [255, 255, 255], compare: true },
  heights: { type: "object", value: null, optional: true, compare: false },
  flatHeight: 0,
  maxRequests: 10,
};

/** Vector tiles read on the main thread, with names of places and roads that do not overlap. */
export class CimVectorLayer extends MVTLayer<Record<string, unknown>, OwnProps> {
  static override layerName = "CimVectorLayer";
  static override defaultProps = defaultProps as never;

  override async getTileData(tile: { index: TileIndex; signal?: AbortSignal }): Promise<never> {
    const template = this.state.data as unknown as string | string[];
    const url = tileUrl(Array.isArray(template) ? template[0] : template, tile.index);
    const bytes = await fetchTile(url, tile.signal);
    if (!bytes || bytes.byteLength === 0) return null as never;
    await this.props.heights?.cover(tile.index).catch(() => null);
    const options = { mvt: { shape: "geojson", coordinates: "local", tileIndex: tile.index } };
    return MVTLoader.parseSync!(bytes, options as never) as never;
  }

  override renderSubLayers(given: object): never {
    const props = given as MVTLayerProps & OwnProps & { tile: { index: TileIndex }; data: Content | null };
    if (!props.data?.length) return null as never;
    const { labelProperty, labelMinZoom } = this.props;
    const labels =
      labelProperty && props.tile.index.z >= labelMinZoom
        ? placeLabels(props.data, props.tile.index, labelProperty, this.props.labelSize)
        : [];
    const shapes = super.renderSubLayers(props as never) as unknown as Layer;
    return [shapes, labels.length ? this.labelLayer(props.id, labels) : null] as never;
  }

  private labelLayer(id: string, labels: Label[]): Layer {
    const { heights, flatHeight, labelColor, labelHalo, labelSize, opacity } = this.props;
    return new TextLayer<Label>({
      id: `${id}-labels`,
      data: labels,
      opacity,
      pickable: false,
      visible: this.props.visible,
      getText: (label) => label.text,
      getPosition: (label) => {
        const [longitude, latitude] = label.position;
        return [longitude, latitude, (heights?.at(longitude, latitude) ?? flatHeight) + 2];
      },
      getColor: labelColor,
      getSize: labelSize,
      sizeUnits: "pixels",
      characterSet: "auto",
      fontFamily: FONT,
      fontWeight: 500,
      fontSettings: { sdf: true, fontSize: 40, buffer: 6, radius: 10 },
      outlineWidth: 3,
      outlineColor: [...labelHalo, 235],
      getPixelOffset: (label) => (label.kind === "point" ? [0, -12] : [0, 0]),
      parameters: { depthCompare: "always", depthWriteEnabled: false },
    });
  }
}
