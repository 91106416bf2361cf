import { TileLayer, type TileLayerProps } from "@deck.gl/geo-layers";
import type { Layer, LayerProps } from "@deck.gl/core";
import { parseGlb, type MeshTile } from "./glb";
import { CimMeshLayer, type StyleTexture } from "./mesh-layer";
import { fetchTile, tileCentre, tileUrl, type TileIndex } from "./net";

export interface CimMeshTileLayerProps {
  selectedOid?: number;
  style?: StyleTexture | null;
  /** False where the layer is drawn through and must not hide what is behind it. */
  writesDepth?: boolean;
  /** True where faces that look away are left out, so that glassy bodies stay legible. */
  hidesBacks?: boolean;
}

type Props = TileLayerProps<MeshTile | null> & Required<CimMeshTileLayerProps>;

const defaultProps = {
  data: { type: "data", value: "" },
  selectedOid: 0,
  style: { type: "object", value: null, optional: true },
  writesDepth: true,
  hidesBacks: false,
  refinementStrategy: "no-overlap",
  maxRequests: 10,
  maxCacheByteSize: 400e6,
  zRange: { type: "array", value: [-60, 400], compare: true, optional: true },
};

/** City objects as glTF tiles; a parent stays until all tiles that replace it are there. */
export class CimMeshTileLayer extends TileLayer<MeshTile | null, Required<CimMeshTileLayerProps>> {
  static override layerName = "CimMeshTileLayer";
  static override defaultProps = defaultProps as never;

  override async getTileData(tile: { index: TileIndex; signal?: AbortSignal }): Promise<MeshTile | null> {
    const bytes = await fetchTile(tileUrl(this.props.data as string, tile.index), tile.signal);
    if (!bytes) return null;
    const mesh = parseGlb(bytes);
    return mesh.indices.length ? mesh : null;
  }

  override getSubLayerPropsByTile(): Partial<LayerProps> {
    return { selectedOid: this.props.selectedOid, style: this.props.style } as Partial<LayerProps>;
  }

  // deck.gl leaves out tiles away from the pointer, but an object may reach out of its tile
  override filterSubLayer({ layer }: { layer: Layer }): boolean {
    const { tile } = layer.props as unknown as { tile: { isVisible: boolean } };
    return tile.isVisible;
  }

  override renderSubLayers(given: object): Layer | null {
    const props = given as Props & { tile: { index: TileIndex }; data: MeshTile | null };
    const mesh = props.data;
    if (!mesh) return null;
    const [longitude, latitude] = mesh.origin ?? tileCentre(props.tile.index);
    const depthWriteEnabled = props.writesDepth;
    const cullMode = props.hidesBacks ? "back" : "none";
    return new CimMeshLayer(
      props as never,
      {
        id: props.id,
        data: [],
        mesh,
        selectedOid: props.selectedOid,
        style: props.style,
        coordinateSystem: "meter-offsets",
        coordinateOrigin: [longitude, latitude, 0],
        parameters: { ...props.parameters, depthWriteEnabled, cullMode },
      } as never,
    );
  }
}
