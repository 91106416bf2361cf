import { JSONConverter } from "@deck.gl/json";
import type { Layer } from "@deck.gl/core";
import { _TerrainExtension as TerrainExtension } from "@deck.gl/extensions";
import { GeoJsonLayer, PathLayer, PolygonLayer, ScatterplotLayer, SolidPolygonLayer, TextLayer } from "@deck.gl/layers";
import type { City, LayerInfo, SceneJson } from "./api";
import { Heights } from "./layers/heights";
import { CimMeshTileLayer } from "./layers/mesh-tile-layer";
import type { StyleTexture } from "./layers/mesh-layer";
import { CimTerrainLayer } from "./layers/terrain-tile-layer";
import { CimVectorLayer } from "./layers/vector-layer";
import type { AppState, LayerChoice } from "./state";

type Props = Record<string, unknown>;
type LayerClass = new (...props: Props[]) => Layer;

/** What a scene's JSON became: the type and props of one layer, functions and all. */
class Described {
  constructor(
    readonly type: string,
    readonly props: Props & { id: string },
  ) {}
}

const DRAWN: Record<string, unknown> = {
  CimMeshTileLayer,
  MVTLayer: CimVectorLayer,
  CimVectorLayer,
  GeoJsonLayer,
  PathLayer,
  PolygonLayer,
  ScatterplotLayer,
  SolidPolygonLayer,
  TextLayer,
};
/** Layers whose picture goes onto the ground; only where their tiles are is read. */
const GROUND = ["TerrainLayer", "CimTerrainLayer", "TileLayer", "BitmapLayer", "CimImageryLayer"];

function describe(type: string): unknown {
  return class extends Described {
    constructor(props: Props & { id: string }) {
      super(type, props);
    }
  };
}

const converter = (): JSONConverter =>
  new JSONConverter({
    configuration: {
      classes: Object.fromEntries([...Object.keys(DRAWN), ...GROUND].map((type) => [type, describe(type)])) as never,
      enumerations: {},
      functions: {},
    },
  });

export interface Look {
  dark: boolean;
  style: StyleTexture | null;
  /** Grows each time failed tiles shall be asked for again. */
  attempt: number;
  onTileError: (error: Error) => void;
}

/** The scene of one version of the city, drawn anew for each state of the page. */
export class Scene {
  readonly heights: Heights | null;
  private readonly described: Map<string, Described>;
  private readonly terrain: LayerInfo | null;

  constructor(
    readonly city: City,
    readonly json: SceneJson,
    readonly infos: LayerInfo[],
  ) {
    const layers = converter().convert({ layers: json.layers } as never) as { layers: (Described | null)[] };
    const kept = layers.layers.filter((layer): layer is Described => layer instanceof Described);
    this.described = new Map(kept.map((layer) => [layer.props.id, layer]));
    this.terrain = infos.find((info) => info.kind === "terrain") ?? null;
    this.heights = this.terrain
      ? new Heights(this.template(this.terrain, "png"), this.terrain.min_zoom, this.terrain.max_zoom)
      : null;
  }

  /** What a layer shows now: the city's choice, changed by the reader's. */
  choice(info: LayerInfo, state: AppState): LayerChoice {
    return { visible: info.visible, opacity: info.opacity, ...state.layers[info.id] };
  }

  imageries(): LayerInfo[] {
    return this.infos.filter((info) => info.kind === "imagery");
  }

  /** The imagery on the ground, null where the ground is plain. */
  imagery(state: AppState): LayerInfo | null {
    const all = this.imageries();
    if (state.imagery === null) return all.find((info) => info.visible) ?? null;
    return all.find((info) => info.id === state.imagery) ?? null;
  }

  private template(info: LayerInfo, ending: string): string {
    const props: Props = this.described.get(info.id)?.props ?? {};
    const given = [props.elevationData, props.data].find((value) => typeof value === "string" && value.includes("{z}"));
    return (given as string | undefined) ?? `/tiles/${this.city.version}/${info.id}/{z}/{x}/{y}.${ending}`;
  }

  /** Layers back to front; under the ground first where the ground is looked through. */
  layers(state: AppState, look: Look): Layer[] {
    const drawn = this.infos.filter((info) => info.kind === "glb" || info.kind === "mvt");
    const listed = new Set(this.infos.map((info) => info.id));
    const below = drawn.filter((info) => info.underground);
    const flat = drawn.filter((info) => !info.underground && info.kind === "mvt");
    const above = drawn.filter((info) => !info.underground && info.kind === "glb");
    const extra = [...this.described.values()].filter((each) => !listed.has(each.props.id) && each.type in DRAWN);
    const ground = this.ground(state, look);
    const make = (infos: LayerInfo[]): Layer[] => infos.flatMap((info) => this.layer(info, state, look));
    return [
      ...make(state.underground ? below : []),
      ground,
      ...make(flat),
      ...make(state.underground ? [] : below),
      ...make(above),
      ...extra.map((each) => new (DRAWN[each.type] as LayerClass)(each.props)),
    ];
  }

  private ground(state: AppState, look: Look): Layer {
    const imagery = this.imagery(state);
    const image = imagery ? this.template(imagery, "webp") : "";
    const choice = this.terrain ? this.choice(this.terrain, state) : { visible: true, opacity: 1 };
    const imageryMaxZoom = imagery?.max_zoom ?? 0;
    return new CimTerrainLayer({
      id: "ground",
      data: "ground",
      visible: choice.visible,
      opacity: state.underground ? Math.min(choice.opacity, 0.32) : choice.opacity,
      heights: this.heights,
      flatHeight: this.flatHeight(),
      imagery: image,
      imageryMaxZoom,
      groundColor: look.dark ? [52, 58, 64] : [229, 230, 226],
      writesDepth: !state.underground,
      operation: "terrain+draw",
      minZoom: 5,
      maxZoom: Math.max(this.terrain?.max_zoom ?? 13, imageryMaxZoom, 16),
      zRange: this.zRange(),
      pickable: true,
      onTileError: look.onTileError,
      updateTriggers: { getTileData: [this.city.version, image, look.attempt] },
    } as never);
  }

  /** Height of the ground where no terrain says it, metres. */
  flatHeight(): number {
    const given = this.json.initialViewState?.groundHeight;
    return typeof given === "number" ? given : 0;
  }

  private zRange(): [number, number] {
    const base = this.flatHeight();
    return [base - 60, base + 400];
  }

  private layer(info: LayerInfo, state: AppState, look: Look): Layer[] {
    const described = this.described.get(info.id);
    const choice = this.choice(info, state);
    const ending = info.kind === "glb" ? "glb" : "mvt";
    const fallback = info.kind === "glb" ? "CimMeshTileLayer" : "CimVectorLayer";
    const LayerOf = DRAWN[described?.type ?? fallback] as LayerClass;
    const own = info.kind === "glb" ? this.meshProps(info, state, look) : this.vectorProps(look);
    return [
      new LayerOf({
        ...described?.props,
        id: info.id,
        data: this.template(info, ending),
        minZoom: info.min_zoom,
        maxZoom: info.max_zoom,
        pickable: info.pickable,
        visible: choice.visible,
        onTileError: look.onTileError,
        opacity: choice.opacity,
        ...own,
        updateTriggers: { ...(described?.props.updateTriggers as Props), getTileData: look.attempt },
      }),
    ];
  }

  private meshProps(info: LayerInfo, state: AppState, look: Look): Props {
    const seenThrough = state.underground && !info.underground;
    const opacity = this.choice(info, state).opacity;
    return {
      selectedOid: state.selected ?? 0,
      style: look.style,
      zRange: this.zRange(),
      opacity: seenThrough ? Math.min(opacity, 0.3) : opacity,
      writesDepth: !seenThrough && opacity > 0.98,
    };
  }

  private vectorProps(look: Look): Props {
    return {
      heights: this.heights,
      flatHeight: this.flatHeight(),
      labelColor: look.dark ? [226, 232, 240] : [51, 58, 68],
      labelHalo: look.dark ? [24, 28, 34] : [255, 255, 255],
      extensions: [new TerrainExtension()],
      terrainDrawMode: "drape",
    };
  }
}
