/** The server's answers, as the HTTP contract states them. */

export interface City {
  /** Tells it from an earlier city at the same address. */
  id: string;
  name: string;
  version: number;
  crs: string;
  height_datum: string;
  bbox: [number, number, number, number] | null;
  classes: Record<string, number>;
  datasets: number;
  clearance: string;
  /** False where this server takes no files. */
  writable?: boolean;
}

export type LayerKind = "glb" | "mvt" | "terrain" | "imagery";

export interface LegendEntry {
  color: string;
  label: string;
  label_zh: string;
}

export interface LayerInfo {
  id: string;
  title: string;
  title_zh: string;
  group: string;
  group_zh?: string;
  kind: LayerKind;
  visible: boolean;
  opacity: number;
  min_zoom: number;
  max_zoom: number;
  pickable: boolean;
  underground: boolean;
  count: number | null;
  legend: LegendEntry[];
  attribution: string;
}

export interface ObjectRef {
  oid: number;
  object_id: string;
  class: string;
  name: string | null;
}

export interface CityObject extends ObjectRef {
  dataset: string;
  class_title?: string;
  class_title_zh?: string;
  status: string | null;
  function: string | null;
  height: number | null;
  ground_height: number | null;
  storeys_above_ground: number | null;
  lod: string | null;
  cim_level: string | number | null;
  access: string | null;
  valid_from: string | null;
  valid_to: string | null;
  attributes: Record<string, unknown>;
  parents: ObjectRef[];
  children: ObjectRef[];
  children_count: number;
  history: { version: number; recorded_from: string; recorded_to: string | null; load: number | string }[];
  provenance: Record<string, unknown> | null;
  position: [number, number, number] | null;
  bbox: [number, number, number, number] | null;
}

export interface Datastream {
  datastream: number;
  observed_property: string;
  /** UCUM code, empty if unknown. */
  unit: string;
  /** If results are words: what each number stands for. */
  categories: string[];
  count: number;
}

export interface Observations {
  /** How many there are; fewer are given if that draws the same line. */
  count: number;
  /** Milliseconds since 1970 in UTC. */
  times: number[];
  results: (number | null)[];
}

export interface Hit extends ObjectRef {
  dataset: string;
  position: [number, number] | null;
}

export interface SceneJson {
  initialViewState?: Record<string, number>;
  views?: unknown[];
  layers: Record<string, unknown>[];
}

/** What went wrong, in the server's words where it gave any. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint = "",
  ) {
    super(message);
  }
}

/** JSON from the server; throws `ApiError` with its words. */
export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { headers: { Accept: "application/json" }, ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, "");
  }
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  const body: unknown = isJson ? await response.json() : null;
  if (response.ok) return body as T;
  const problem = (body ?? {}) as { title?: string; detail?: string; hint?: string };
  throw new ApiError(response.status, problem.detail || problem.title || response.statusText, problem.hint);
}

export const getCity = (): Promise<City> => request("/api/city");
export const getScene = (): Promise<SceneJson> => request("/api/scene");
export const getLayers = (): Promise<LayerInfo[]> => request("/api/layers");
export const getObject = (oid: number, signal?: AbortSignal): Promise<CityObject> =>
  request(`/api/objects/${oid}`, { signal });

export async function getDatastreams(oid: number, signal?: AbortSignal): Promise<Datastream[]> {
  return (await request<{ datastreams: Datastream[] }>(`/api/datastreams?object=${oid}`, { signal })).datastreams;
}

export const getObservations = (datastream: number, points: number, signal?: AbortSignal): Promise<Observations> =>
  request(`/api/datastreams/${datastream}/observations?max_points=${points}`, { signal });

export async function search(text: string, signal?: AbortSignal): Promise<Hit[]> {
  const answer = await request<{ hits: Hit[] }>(`/api/search?q=${encodeURIComponent(text)}&limit=20`, { signal });
  return answer.hits;
}
