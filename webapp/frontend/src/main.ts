import "./style.css";
import { App } from "./app";
import { el } from "./dom";
import { setLanguage, t, type Language } from "./i18n";
import type { Paint } from "./layers/style";
import type { Picked } from "./map";
import type { Camera } from "./state";

declare global {
  interface Window {
    /** For tests in a browser: the map's engine, whether all visible tiles are drawn, picks, flights, colours. */
    cim: {
      readonly deck: unknown;
      readonly ready: boolean;
      pick: (x: number, y: number) => Picked | null;
      flyTo: (camera: Partial<Camera>, duration?: number) => void;
      paint: (paints: Record<number, Paint>) => void;
    };
  }
}

const asked = document.body.dataset.lang;
const fallback: Language = navigator.language.startsWith("zh") ? "zh" : "en";
setLanguage(asked === "zh" || asked === "en" ? asked : fallback);

const app = new App();
window.cim = {
  get deck() {
    return app.cityMap?.deck ?? null;
  },
  get ready() {
    return app.ready;
  },
  pick: (x, y) => app.cityMap?.pick(x, y) ?? null,
  flyTo: (camera, duration = 0) => app.cityMap?.go(camera, duration),
  paint: (paints) => app.paint(paints),
};

async function start(): Promise<void> {
  const told = document.getElementById("no-map")!;
  told.hidden = true;
  try {
    await app.start();
  } catch (error) {
    console.warn(error);
    const again = el("button", { type: "button", class: "button primary", on: { click: () => void start() } }, t("start.retry"));
    told.replaceChildren(el("p", {}, t("start.failed"), " ", error instanceof Error ? error.message : ""), again);
    told.hidden = false;
  }
}

void start();
