import { el, fill, icon, iconButton } from "../dom";
import { t } from "../i18n";

export interface NavigationEvents {
  zoom: (steps: number) => void;
  north: () => void;
  home: () => void;
  tilt: () => void;
  underground: () => void;
}

/** The buttons beside the map: zoom, compass, whole city, 2D or 3D, underground. */
export class Navigation {
  private needle: SVGSVGElement | null = null;
  private bearing = 0;
  private flat = false;
  private below = false;

  constructor(
    private readonly root: HTMLElement,
    private readonly events: NavigationEvents,
  ) {
    this.translate();
  }

  translate(): void {
    const { events } = this;
    const north = iconButton("compass", t("tool.north"), events.north, { id: "nav-north" });
    this.needle = north.querySelector("svg");
    this.root.setAttribute("aria-label", t("tool.navigation"));
    fill(
      this.root,
      el(
        "div",
        { class: "nav-group" },
        iconButton("plus", t("tool.zoom_in"), () => events.zoom(1), { id: "nav-in" }),
        iconButton("minus", t("tool.zoom_out"), () => events.zoom(-1), { id: "nav-out" }),
      ),
      el(
        "div",
        { class: "nav-group" },
        north,
        iconButton("home", t("tool.home"), events.home, { id: "nav-home" }),
        el("button", { type: "button", class: "icon-button words", id: "nav-tilt", on: { click: events.tilt } }),
      ),
      el(
        "div",
        { class: "nav-group" },
        iconButton("underground", t("tool.underground"), events.underground, { id: "nav-underground" }),
      ),
    );
    this.show(this.bearing, this.flat, this.below);
  }

  /** Follows the camera. */
  show(bearing: number, flat: boolean, below: boolean): void {
    Object.assign(this, { bearing, flat, below });
    if (this.needle) this.needle.style.transform = `rotate(${-bearing}deg)`;
    const tilt = this.root.querySelector("#nav-tilt")!;
    tilt.textContent = flat ? "3D" : "2D";
    const label = t(flat ? "tool.tilt3d" : "tool.tilt2d");
    tilt.setAttribute("title", label);
    tilt.setAttribute("aria-label", label);
    this.root.querySelector("#nav-underground")!.setAttribute("aria-pressed", String(below));
  }
}

export interface BarEvents {
  load: () => void;
  share: () => void;
  language: () => void;
  theme: () => void;
  layers: () => void;
}

/** The buttons at the head of the page. */
export function headButtons(root: HTMLElement, events: BarEvents): void {
  const worded = (name: "upload" | "link", label: string, press: () => void, id: string): HTMLElement =>
    el("button", { type: "button", class: "button ghost", id, title: label, on: { click: press } }, icon(name), el("span", {}, label));
  fill(
    root,
    worded("upload", t("tool.load"), events.load, "tool-load"),
    worded("link", t("tool.share"), events.share, "tool-share"),
    iconButton("theme", t("tool.theme"), events.theme, { id: "tool-theme" }),
    el(
      "button",
      {
        type: "button",
        class: "button ghost language",
        id: "tool-language",
        "aria-label": t("tool.language.label"),
        title: t("tool.language.label"),
        on: { click: events.language },
      },
      t("tool.language"),
    ),
  );
}
