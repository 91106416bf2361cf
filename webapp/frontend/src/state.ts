import type { Language } from "./i18n";

export interface Camera {
  longitude: number;
  latitude: number;
  zoom: number;
  pitch: number;
  bearing: number;
}

export interface LayerChoice {
  visible: boolean;
  opacity: number;
}

/** Everything a shared link restores. */
export interface AppState {
  camera: Camera | null;
  /** Choices that differ from the city's own, by layer. */
  layers: Record<string, Partial<LayerChoice>>;
  selected: number | null;
  underground: boolean;
  /** Imagery layer on the ground, "" for none, null for the city's choice. */
  imagery: string | null;
  language: Language | null;
}

export const EMPTY_STATE: AppState = {
  camera: null,
  layers: {},
  selected: null,
  underground: false,
  imagery: null,
  language: null,
};

/** The state as the fragment of a URL, without the leading #. */
export function toHash(state: AppState): string {
  const parts: string[] = [];
  if (state.camera) {
    const { longitude, latitude, zoom, pitch, bearing } = state.camera;
    const places = [longitude.toFixed(6), latitude.toFixed(6), zoom.toFixed(2), pitch.toFixed(1), bearing.toFixed(1)];
    parts.push(`c=${places.map(Number).join(",")}`);
  }
  const layers = Object.entries(state.layers).map(([id, choice]) => {
    const sign = choice.visible === undefined ? "" : choice.visible ? "+" : "-";
    const opacity = choice.opacity === undefined ? "" : `@${Number(choice.opacity.toFixed(2))}`;
    return encodeURIComponent(`${sign}${id}${opacity}`);
  });
  if (layers.length) parts.push(`l=${layers.join(",")}`);
  if (state.selected !== null) parts.push(`o=${state.selected}`);
  if (state.underground) parts.push("u=1");
  if (state.imagery !== null) parts.push(`i=${encodeURIComponent(state.imagery)}`);
  if (state.language) parts.push(`lang=${state.language}`);
  return parts.join("&");
}

/** The state a fragment describes; what cannot be read is left out. */
export function fromHash(hash: string): AppState {
  const fields = new URLSearchParams(hash.replace(/^#/, "").replace(/\+/g, "%2B"));
  const selected = Number.parseInt(fields.get("o") ?? "", 10);
  const language = fields.get("lang");
  return {
    camera: readCamera(fields.get("c")),
    layers: readLayers(fields.get("l")),
    selected: Number.isSafeInteger(selected) && selected > 0 ? selected : null,
    underground: fields.get("u") === "1",
    imagery: fields.get("i"),
    language: language === "zh" || language === "en" ? language : null,
  };
}

function readCamera(text: string | null): Camera | null {
  const numbers = (text ?? "").split(",").map(Number);
  if (numbers.length !== 5 || !numbers.every(Number.isFinite)) return null;
  const [longitude, latitude, zoom, pitch, bearing] = numbers;
  if (Math.abs(longitude) > 180 || Math.abs(latitude) > 85 || zoom < 0 || zoom > 24) return null;
  return { longitude, latitude, zoom, pitch, bearing };
}

function readLayers(text: string | null): AppState["layers"] {
  const layers: AppState["layers"] = {};
  for (const part of (text ?? "").split(",").filter(Boolean)) {
    const match = /^([+-]?)(.+?)(?:@([\d.]+))?$/.exec(part);
    if (!match) continue;
    const choice: Partial<LayerChoice> = {};
    if (match[1]) choice.visible = match[1] === "+";
    if (match[3]) choice.opacity = Math.min(Math.max(Number(match[3]) || 0, 0), 1);
    layers[match[2]] = choice;
  }
  return layers;
}
