import { TileLayer, type TileLayerProps } from "@deck.gl/geo-layers";
import type { Layer } from "@deck.gl/core";
import type { Heights } from "./heights";
import { fetchTile, tileCentre, tileUrl, type TileIndex } from "./net";
import { terrainMesh, type TerrainMesh } from "./terrain-mesh";
import { TerrainMeshLayer } from "./terrain-mesh-layer";

interface GroundTile {
  mesh: TerrainMesh;
  image: ImageBitmap | null;
}

interface OwnProps {
  /** Where heights come from; null makes a flat ground. */
  heights: Heights | null;
  flatHeight: number;
  /** URL template of the aerial image, empty for none, and its finest zoom. */
  imagery: string;
  imageryMaxZoom: number;
  groundColor: [number, number, number];
  writesDepth: boolean;
}

const defaultProps = {
  heights: { type: "object", value: null, optional: true, compare: false },
  flatHeight: 0,
  imagery: "",
  imageryMaxZoom: 19,
  groundColor: { type: "array", value: [226, 228, 224], compare: true },
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
    const { heights, flatHeight, imagery, imageryMaxZoom } = this.props;
    const { index, signal } = tile;
    const wantsImage = imagery !== "" && index.z <= imageryMaxZoom;
    const [cover, image] = await Promise.all([
      heights ? heights.cover(index) : null,
      wantsImage ? loadImage(tileUrl(imagery, index), signal) : null,
    ]);
    signal?.throwIfAborted();
    return { mesh: terrainMesh(index, cover, flatHeight), image };
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
        groundColor: props.groundColor,
        operation: props.operation,
        coordinateSystem: "meter-offsets",
        coordinateOrigin: [longitude, latitude, 0],
        parameters: { depthWriteEnabled: props.writesDepth, cullMode: "none" },
      } as never,
    );
  }
}

async function loadImage(url: string, signal?: AbortSignal): Promise<ImageBitmap | null> {
  const bytes = await fetchTile(url, signal);
  return bytes ? createImageBitmap(new Blob([bytes])) : null;
}
