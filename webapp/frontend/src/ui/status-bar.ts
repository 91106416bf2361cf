import type { City } from "../api";
import { el, fill } from "../dom";
import { t } from "../i18n";

const NOTE_MS = 4000;

/** The line at the foot: place under the pointer, reference system, version, loading, trouble. */
export class StatusBar {
  private readonly place = el("span", { class: "place" });
  private readonly crs = el("span", { class: "crs" });
  private readonly version = el("span", { class: "version" });
  private readonly busy = el("span", { class: "busy", role: "status" });
  private readonly trouble = el("span", { class: "trouble", role: "alert", hidden: true });
  private readonly retry: HTMLButtonElement;
  private readonly toast = el("div", { class: "toast", role: "status", hidden: true });
  private timer = 0;
  private errors = 0;
  private city: City | null = null;
  private loading: boolean | null = null;

  constructor(root: HTMLElement, retry: () => void) {
    this.retry = el("button", { type: "button", class: "text-button", hidden: true, on: { click: retry } });
    fill(root, this.place, this.crs, this.version, this.trouble, this.retry, this.busy);
    document.body.append(this.toast);
    this.translate();
  }

  translate(): void {
    this.place.title = t("statusbar.coordinates");
    this.crs.title = t("statusbar.crs");
    this.retry.textContent = t("statusbar.retry");
    if (this.city) this.showCity(this.city);
    this.showErrors(this.errors);
    const loading = this.loading;
    this.loading = null;
    if (loading !== null) this.showLoading(loading);
  }

  showCity(city: City): void {
    this.city = city;
    this.crs.textContent = [city.crs, city.height_datum].filter(Boolean).join(" · ");
    this.version.textContent = t("statusbar.version", { version: city.version });
  }

  showPlace(place: [number, number] | null, height: number | null): void {
    const [east, north] = place ?? [0, 0];
    const degrees = `${Math.abs(north).toFixed(5)}°${north < 0 ? "S" : "N"} ${Math.abs(east).toFixed(5)}°${east < 0 ? "W" : "E"}`;
    this.place.textContent = place ? degrees + (height === null ? "" : `  ${height.toFixed(1)} m`) : "";
  }

  showLoading(loading: boolean): void {
    if (loading === this.loading) return;
    this.loading = loading;
    this.busy.classList.toggle("active", loading);
    this.busy.textContent = loading ? t("statusbar.loading") : t("statusbar.ready");
  }

  showErrors(count: number): void {
    this.errors = count;
    this.retry.hidden = count === 0;
    this.trouble.hidden = count === 0;
    this.trouble.textContent = count ? t("statusbar.errors", { count }) : "";
  }

  showConnection(connected: boolean): void {
    document.body.classList.toggle("offline", !connected);
    this.note(connected ? t("statusbar.back") : t("statusbar.lost"), connected);
  }

  /** A short message above the map; it goes by itself unless it must stay. */
  note(text: string, passes = true): void {
    clearTimeout(this.timer);
    this.toast.textContent = text;
    this.toast.hidden = false;
    if (passes) this.timer = window.setTimeout(() => (this.toast.hidden = true), NOTE_MS);
  }
}
