import type { Layer } from "@deck.gl/core";
import { TileLayer, type TileLayerProps } from "@deck.gl/geo-layers";
import { ScatterplotLayer } from "@deck.gl/layers";
import type { Heights } from "./heights";
import { placeLabels, type Label } from "./labels";
import { tileDegrees, type TileIndex } from "./net";
import type { Feature, VectorSource } from "./vector-source";

interface Spot extends Feature {
  position: [number, number, number];
}

interface PointTile {
  spots: Spot[];
  labels: Label[];
}

interface OwnProps {
  source: VectorSource;
  /** Property written as a label; empty writes none. */
  labelProperty: string;
  /** From which zoom labels are written. */
  labelMinZoom: number;
  labelSize: number;
  /** Where points get their ground height from. */
  heights: Heights | null;
  flatHeight: number;
  getFillColor: unknown;
  getPointRadius: number;
}

const LIFT_M = 2;

const defaultProps = {
  data: { type: "data", value: "vector" },
  source: { type: "object", value: null, compare: false },
  labelProperty: "",
  labelMinZoom: 15,
  labelSize: 12,
  heights: { type: "object", value: null, optional: true, compare: false },
  flatHeight: 0,
  getFillColor: { type: "accessor", value: [180, 70, 50] },
  getPointRadius: { type: "accessor", value: 4 },
  maxRequests: 10,
};

/** What a layer of vector tiles has above the ground: its points, and the names of all of it. */
export class CimVectorLayer extends TileLayer<PointTile | null, OwnProps> {
  static override layerName = "CimVectorLayer";
  static override defaultProps = defaultProps as never;

  override async getTileData(tile: { index: TileIndex }): Promise<PointTile | null> {
    const { source, heights } = this.props;
    const [vector] = await Promise.all([
      source.cover(tile.index),
      heights?.cover(tile.index).catch(() => null),
    ]);
    if (!vector) return null;
    return { spots: this.spots(vector.features, tile.index), labels: this.labelsOf(vector.features, tile.index) };
  }

  private height(place: [number, number]): number {
    return (this.props.heights?.at(...place) ?? this.props.flatHeight) + LIFT_M;
  }

  private spots(features: Feature[], index: TileIndex): Spot[] {
    return features
      .filter((feature) => feature.geometry.type === "Point")
      .map((feature) => {
        const place = tileDegrees(feature.geometry.coordinates as [number, number], index);
        return { ...feature, position: [...place, this.height(place)] };
      });
  }

  private labelsOf(features: Feature[], index: TileIndex): Label[] {
    const { labelProperty, labelMinZoom, labelSize } = this.props;
    if (!labelProperty || index.z < labelMinZoom) return [];
    return placeLabels(features, index, labelProperty, labelSize, (place) => this.height(place));
  }

  /** Names to write in the tiles that are shown now. */
  get labels(): Label[] {
    const tiles = this.state?.tileset?.tiles ?? [];
    return tiles.flatMap((tile) => (tile.isVisible && (tile.content as PointTile | null)?.labels) || []);
  }

  override renderSubLayers(given: object): Layer | null {
    const props = given as TileLayerProps & OwnProps & { data: PointTile | null };
    if (!props.data?.spots.length) return null;
    return new ScatterplotLayer<Spot>(
      props as never,
      {
        id: props.id,
        data: props.data.spots,
        getPosition: (spot: Spot) => spot.position,
        getFillColor: props.getFillColor,
        getLineColor: [255, 255, 255],
        getRadius: props.getPointRadius,
        getLineWidth: 1.2,
        radiusUnits: "pixels",
        lineWidthUnits: "pixels",
        stroked: true,
        billboard: true,
        parameters: { cullMode: "none", depthWriteEnabled: false },
      } as never,
    );
  }
}
