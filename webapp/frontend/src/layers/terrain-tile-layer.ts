import { TileLayer, type TileLayerProps } from "@deck.gl/geo-layers";
import type { Layer } from "@deck.gl/core";
import { paint, type Drape } from "./drape";
import type { Heights } from "./heights";
import { fetchTile, tileCentre, tileUrl, type TileIndex } from "./net";
import { terrainMesh, type TerrainMesh } from "./terrain-mesh";
import { TerrainMeshLayer } from "./terrain-mesh-layer";

interface GroundTile {
  mesh: TerrainMesh;
  image: OffscreenCanvas | null;
  isPhotograph: boolean;
}

interface OwnProps {
  /** Where heights come from; null makes a flat ground. */
  heights: Heights | null;
  flatHeight: number;
  /** URL template of the aerial image, empty for none, and its finest zoom. */
  imagery: string;
  imageryMaxZoom: number;
  /** What is painted onto the ground. */
  drape: Drape;
  writesDepth: boolean;
}

const defaultProps = {
  heights: { type: "object", value: null, optional: true, compare: false },
  flatHeight: 0,
  imagery: "",
  imageryMaxZoom: 19,
  drape: { type: "object", value: null, compare: false },
  writesDepth: true,
  refinementStrategy: "no-overlap",
  maxRequests: 10,
  zRange: { type: "array", value: null, compare: true, optional: true },
};

/** The ground: heights, finer than their own tiles where the image is, and an aerial image on them. */
export class CimTerrainLayer extends TileLayer<GroundTile, OwnProps> {
  static override layerName = "CimTerrainLayer";
  static override defaultProps = defaultProps as never;

  override async getTileData(tile: { index: TileIndex; signal?: AbortSignal }): Promise<GroundTile> {
    const { heights, flatHeight, imagery, imageryMaxZoom, drape } = this.props;
    const { index, signal } = tile;
    const [cover, photograph] = await Promise.all([
      heights ? heights.cover(index) : null,
      imagery ? coverImage(imagery, index, imageryMaxZoom, signal) : null,
    ]);
    const image = await paint(index, drape, photograph, signal);
    return { mesh: terrainMesh(index, cover, flatHeight), image, isPhotograph: photograph !== null };
  }

  override renderSubLayers(given: object): Layer | null {
    const props = given as TileLayerProps<GroundTile> &
      OwnProps & { tile: { index: TileIndex }; data: GroundTile | null };
    if (!props.data) return null;
    const [longitude, latitude] = tileCentre(props.tile.index);
    return new TerrainMeshLayer(
      props as never,
      {
        id: props.id,
        data: [],
        mesh: props.data.mesh,
        image: props.data.image,
        isPhotograph: props.data.isPhotograph,
        groundColor: props.drape.groundColor,
        coordinateSystem: "meter-offsets",
        coordinateOrigin: [longitude, latitude, 0],
        parameters: { depthWriteEnabled: props.writesDepth, cullMode: "none" },
      } as never,
    );
  }
}

/** The aerial image of a tile; finer than the images are, a part of the one that covers it. */
async function coverImage(
  template: string,
  index: TileIndex,
  maxZoom: number,
  signal?: AbortSignal,
): Promise<ImageBitmap | null> {
  const up = Math.max(index.z - maxZoom, 0);
  const own = { x: index.x >> up, y: index.y >> up, z: index.z - up };
  const bytes = await fetchTile(tileUrl(template, own), signal);
  if (!bytes) return null;
  const whole = await createImageBitmap(new Blob([bytes]));
  if (up === 0) return whole;
  const size = whole.width / 2 ** up;
  const [left, top] = [(index.x - (own.x << up)) * size, (index.y - (own.y << up)) * size];
  return createImageBitmap(whole, left, top, Math.max(size, 1), Math.max(size, 1));
}
