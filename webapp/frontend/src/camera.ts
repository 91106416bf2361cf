import type { City } from "./api";
import type { Scene } from "./scene";
import type { Camera } from "./state";

const WORLD: Camera = { longitude: 105, latitude: 35, zoom: 4, pitch: 0, bearing: 0 };
/** From this zoom on a scene's own camera was held back, and the city is smaller still. */
const HELD_ZOOM = 17;
const FINEST_ZOOM = 20;

/** The first view: nearer than the whole city, so that its buildings are seen. */
export function firstCamera(scene: Scene): Camera {
  const home = homeCamera(scene);
  const zoom = Math.min(home.zoom + 1, Math.max(home.zoom, 16));
  return home.pitch ? { ...home, zoom, pitch: 55, bearing: -12 } : home;
}

/** The view that shows the whole city: the scene's own, else one made from the city's bounds. */
export function homeCamera({ json, city }: Scene): Camera {
  if (!city.bbox) return WORLD;
  const given = json.initialViewState;
  const fitted = fit(city.bbox);
  if (!given || !Number.isFinite(given.longitude) || !Number.isFinite(given.latitude)) return fitted;
  const { longitude, latitude, zoom = fitted.zoom, pitch = 50, bearing = 0 } = given;
  return { longitude, latitude, zoom: zoom < HELD_ZOOM ? zoom : Math.max(zoom, fitted.zoom), pitch, bearing };
}

function fit([west, south, east, north]: NonNullable<City["bbox"]>): Camera {
  const latitude = (south + north) / 2;
  const span = Math.max(east - west, (north - south) / Math.cos((latitude * Math.PI) / 180), 1e-5);
  const pixels = Math.min(window.innerWidth, window.innerHeight * 1.4);
  const zoom = Math.min(Math.max(Math.log2(((360 / span) * pixels) / 512) - 1, 4), FINEST_ZOOM);
  return { longitude: (west + east) / 2, latitude, zoom, pitch: 50, bearing: 0 };
}
