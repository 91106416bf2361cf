import { JSONConverter } from "@deck.gl/json";
import type { Layer } from "@deck.gl/core";
import { GeoJsonLayer, PathLayer, PolygonLayer, ScatterplotLayer, SolidPolygonLayer, TextLayer } from "@deck.gl/layers";
import type { City, LayerInfo, SceneJson } from "./api";
import type { MeshTile } from "./layers/glb";
import { Heights } from "./layers/heights";
import { CimMeshTileLayer } from "./layers/mesh-tile-layer";
import type { StyleTexture } from "./layers/mesh-layer";
import { tilePosition } from "./layers/net";
import { CimTerrainLayer } from "./layers/terrain-tile-layer";
import type { Drape, DrapeLayer } from "./layers/drape";
import { CimVectorLayer } from "./layers/vector-layer";
import { VectorSource } from "./layers/vector-source";
import type { Picked } from "./map";
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

const GREY = [150, 156, 162];

/** Opacities in the underground view; deck.gl draws 0.06 as a quarter. */
const SEEN_THROUGH = { ground: 0.08, bodies: 0.035 };

/** The ground's tiles carry what is draped on it: as fine as one may look at it. */
const FINEST_GROUND = 19;

/** Layers whose objects are named on the map. */
const LABELLED: Record<string, { fromZoom: number; size: number }> = {
  roads: { fromZoom: 15, size: 12 },
  places: { fromZoom: 14, size: 13 },
};

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
  /** Told of each tile of objects above the ground. */
  onMesh: (mesh: MeshTile | null) => void;
}

/** The scene of one version of the city, drawn anew for each state of the page. */
export class Scene {
  readonly heights: Heights | null;
  /** Height of the ground where no terrain says it, metres. */
  flatHeight = 0;
  /** Height of the ground where the camera looks, about which tiles are looked for, metres. */
  groundLevel = 0;
  private readonly bases: number[] = [];
  private readonly sources: Map<string, VectorSource>;
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
      ? new Heights(this.template(this.terrain, "png"), this.terrain.min_zoom, this.terrain.max_zoom, city.bbox)
      : null;
    const vector = infos.filter((info) => info.kind === "mvt");
    this.sources = new Map(
      vector.map((info) => [info.id, new VectorSource(this.template(info, "mvt"), info.min_zoom, info.max_zoom, city.bbox)]),
    );
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
    return (given as string | undefined) ?? `/tiles/${this.city.id}/${this.city.version}/${info.id}/{z}/{x}/{y}.${ending}`;
  }

  /** Layers back to front. */
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
      ground,
      ...make(state.underground ? [] : below),
      ...make(above),
      // nothing before this hides what is behind it then, so these are seen through everything
      ...make(state.underground ? below : []),
      ...make(flat),
      ...extra.map((each) => new (DRAWN[each.type] as LayerClass)(each.props)),
    ];
  }

  private ground(state: AppState, look: Look): Layer {
    const imagery = this.imagery(state);
    const image = imagery ? this.template(imagery, "webp") : "";
    const choice = this.terrain ? this.choice(this.terrain, state) : { visible: true, opacity: 1 };
    const imageryMaxZoom = imagery?.max_zoom ?? 0;
    const drape = this.drape(state, look);
    const painted = [image, look.dark, drape.selectedOid, ...drape.layers.map((layer) => `${layer.source.template}@${layer.opacity}`)];
    return new CimTerrainLayer({
      id: "ground",
      data: "ground",
      visible: choice.visible,
      opacity: state.underground ? Math.min(choice.opacity, SEEN_THROUGH.ground) : choice.opacity,
      heights: this.heights,
      flatHeight: this.flatHeight,
      imagery: image,
      imageryMaxZoom,
      drape,
      writesDepth: !state.underground,
      minZoom: 5,
      maxZoom: FINEST_GROUND,
      zRange: this.zRange(),
      pickable: true,
      onTileError: look.onTileError,
      updateTriggers: { getTileData: [this.city.id, this.city.version, look.attempt, this.flatHeight, painted.join()] },
    } as never);
  }

  /** Lines and areas that lie on the ground now, the lowest first. */
  private drape(state: AppState, look: Look): Drape {
    const layers = this.infos
      .filter((info) => info.kind === "mvt" && this.choice(info, state).visible)
      .map((info): DrapeLayer => {
        const props = this.described.get(info.id)?.props ?? ({} as Props);
        return {
          source: this.sources.get(info.id)!,
          opacity: this.choice(info, state).opacity,
          fill: (props.getFillColor ?? GREY) as DrapeLayer["fill"],
          line: (props.getLineColor ?? GREY) as DrapeLayer["line"],
          lineWidth: (props.getLineWidth ?? 1) as DrapeLayer["lineWidth"],
          minPixels: Number(props.lineWidthMinPixels ?? 1),
        };
      });
    const selected = state.selected ?? 0;
    const isShape = selected > 0 && layers.some((layer) => layer.source.has(selected));
    return { groundColor: look.dark ? [52, 58, 64] : [229, 230, 226], layers, selectedOid: isShape ? selected : 0 };
  }

  /** The line or area that lies on the ground at a place, the topmost layer first. */
  shapeAt(place: [number, number], zoom: number, tolerance: number, state: AppState): Picked | null {
    const shown = this.infos.filter((info) => info.kind === "mvt" && info.pickable && this.choice(info, state).visible);
    for (const info of shown.reverse()) {
      const oid = this.sources.get(info.id)!.at(...place, zoom, tolerance);
      if (oid) return { oid, layer: info.id };
    }
    return null;
  }

  private zRange(): [number, number] {
    return [this.groundLevel - 150, this.groundLevel + 500];
  }

  /** Height of the ground at a place, reading the terrain there; 0 without terrain. */
  async groundAt(longitude: number, latitude: number): Promise<number> {
    if (!this.heights) return this.flatHeight;
    const z = this.heights.maxZoom;
    const [column, row] = tilePosition(longitude, latitude, z);
    await this.heights.cover({ x: Math.floor(column), y: Math.floor(row), z }).catch(() => null);
    return this.heights.at(longitude, latitude) ?? this.flatHeight;
  }

  /** Learns from objects where a city without terrain has its ground; true if that changed. */
  learnGround(bases: Float32Array): boolean {
    if (this.heights || bases.length === 0) return false;
    this.bases.push(...bases.slice(0, 50));
    const sorted = this.bases.sort((a, b) => a - b);
    const level = sorted[Math.floor(sorted.length / 4)];
    if (Math.abs(level - this.flatHeight) < 2 || this.bases.length > 2000) return false;
    this.flatHeight = level;
    this.groundLevel = level;
    return true;
  }

  private layer(info: LayerInfo, state: AppState, look: Look): Layer[] {
    const described = this.described.get(info.id);
    const choice = this.choice(info, state);
    const ending = info.kind === "glb" ? "glb" : "mvt";
    const fallback = info.kind === "glb" ? "CimMeshTileLayer" : "CimVectorLayer";
    const LayerOf = DRAWN[described?.type ?? fallback] as LayerClass;
    const own = info.kind === "glb" ? this.meshProps(info, state, look) : this.vectorProps(info);
    return [
      new LayerOf({
        ...described?.props,
        id: info.id,
        data: this.template(info, ending),
        minZoom: info.min_zoom,
        maxZoom: info.max_zoom,
        visibleMinZoom: info.min_zoom,
        extent: this.city.bbox,
        pickable: info.pickable,
        visible: choice.visible && (!info.underground || this.showsUnderground(state)),
        onTileError: look.onTileError,
        opacity: choice.opacity,
        ...own,
        updateTriggers: { ...(described?.props.updateTriggers as Props), getTileData: look.attempt },
      }),
    ];
  }

  /** What is under a closed ground need not be read. */
  private showsUnderground(state: AppState): boolean {
    return state.underground || (this.terrain !== null && !this.choice(this.terrain, state).visible);
  }

  private meshProps(info: LayerInfo, state: AppState, look: Look): Props {
    const seenThrough = state.underground && !info.underground;
    const opacity = this.choice(info, state).opacity;
    return {
      selectedOid: state.selected ?? 0,
      style: look.style,
      zRange: this.zRange(),
      opacity: seenThrough ? Math.min(opacity, SEEN_THROUGH.bodies) : opacity,
      writesDepth: !seenThrough && opacity > 0.98,
      hidesBacks: seenThrough,
      onTileLoad: (tile: { content: MeshTile | null }) => info.underground || look.onMesh(tile.content),
    };
  }

  private vectorProps(info: LayerInfo): Props {
    const labels = LABELLED[info.id];
    return {
      data: this.template(info, "mvt"),
      source: this.sources.get(info.id),
      ...(labels && { labelProperty: "name", labelMinZoom: labels.fromZoom, labelSize: labels.size }),
      heights: this.heights,
      flatHeight: this.flatHeight,
    };
  }
}
