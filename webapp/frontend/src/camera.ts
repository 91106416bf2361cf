import type { Scene } from "./scene";
import type { Camera } from "./state";

const WORLD: Camera = { longitude: 105, latitude: 35, zoom: 4, pitch: 0, bearing: 0 };

/** The first view: nearer than the whole city, so that its buildings are seen. */
export function firstCamera(scene: Scene): Camera {
  const home = homeCamera(scene);
  return { ...home, zoom: Math.min(home.zoom + 1, Math.max(home.zoom, 16)), pitch: home.pitch && 55, bearing: home.pitch && -12 };
}

/** The view that shows the whole city: the scene's own, else one made from the city's bounds. */
export function homeCamera({ json, city }: Scene): Camera {
  const given = json.initialViewState;
  if (given && Number.isFinite(given.longitude) && Number.isFinite(given.latitude)) {
    const { longitude, latitude, zoom = 14, pitch = 50, bearing = 0 } = given;
    return { longitude, latitude, zoom, pitch, bearing };
  }
  if (!city.bbox) return WORLD;
  const [west, south, east, north] = city.bbox;
  const latitude = (south + north) / 2;
  const span = Math.max(east - west, (north - south) / Math.cos((latitude * Math.PI) / 180), 1e-4);
  const pixels = Math.min(window.innerWidth, window.innerHeight * 1.4);
  const zoom = Math.min(Math.max(Math.log2(((360 / span) * pixels) / 512) - 0.4, 4), 18);
  return { longitude: (west + east) / 2, latitude, zoom, pitch: 50, bearing: -15 };
}
