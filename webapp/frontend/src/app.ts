import { ApiError, getCity, getLayers, getScene, type City, type CityObject, type Hit } from "./api";
import { language, setLanguage, t, titled } from "./i18n";
import { CITY_CLASSES } from "./classes";
import type { StyleTexture } from "./layers/mesh-layer";
import type { Paint } from "./layers/style";
import { outdated } from "./layers/net";
import { QUALITY } from "./layers/quality";
import { CityMap, type Picked } from "./map";
import { firstCamera, homeCamera } from "./camera";
import { Scene, type Look } from "./scene";
import { EMPTY_STATE, fromHash, toHash, type AppState, type Camera } from "./state";
import { Theme } from "./theme";
import { LayerPanel } from "./ui/layer-panel";
import { headButtons, Navigation } from "./ui/navigation";
import { ObjectPanel } from "./ui/object-panel";
import { SearchBox } from "./ui/search-box";
import { StatusBar } from "./ui/status-bar";

const POLL_MS = 5000;
const HASH_MS = 300;
const FLY_MS = 1600;
const PHONE = "(max-width: 720px)";

const part = (id: string): HTMLElement => document.getElementById(id)!;

/** The page: holds the state, and keeps the map, the panels and the address in step with it. */
export class App {
  private state: AppState = { ...EMPTY_STATE };
  private scene: Scene | null = null;
  private map: CityMap | null = null;
  private attempt = 0;
  private failures = 0;
  private connected = true;
  private hashTimer = 0;
  private written = "";
  private style: StyleTexture | null = null;
  private readonly theme = new Theme(() => this.draw());
  private readonly status = new StatusBar(part("status"), () => this.retry());
  private readonly layers: LayerPanel;
  private readonly object: ObjectPanel;
  private readonly search: SearchBox;
  private readonly navigation: Navigation;

  constructor() {
    this.layers = new LayerPanel(part("layers-body"), {
      choose: (id, choice) => this.choose(id, choice),
      imagery: (id) => this.change({ imagery: id }),
      reset: () => this.change({ layers: {}, imagery: null }),
    });
    const events = {
      select: (oid: number) => void this.select(oid, true),
      fly: (object: CityObject) => void this.flyTo(object),
      close: () => void this.select(null),
    };
    this.object = new ObjectPanel(part("object"), events, className);
    this.search = new SearchBox(part("search-box"), (hit) => this.goTo(hit), className);
    this.navigation = new Navigation(part("navigation"), {
      zoom: (steps) => this.map?.zoomBy(steps),
      north: () => this.map?.turn({ bearing: 0 }),
      home: () => this.scene && this.map?.go(homeCamera(this.scene), FLY_MS),
      tilt: () => this.map?.turn({ pitch: this.map.camera.pitch < 5 ? 55 : 0 }),
      underground: () => this.setUnderground(!this.state.underground),
    });
    document.body.classList.toggle("layers-hidden", matchMedia(PHONE).matches);
    this.head();
  }

  /** Reads the address and the city, and draws; throws where the server does not answer. */
  async start(): Promise<void> {
    this.state = fromHash(location.hash);
    if (this.state.language) this.speak(this.state.language);
    await this.open(await getCity());
    window.addEventListener("hashchange", () => this.follow());
    window.setInterval(() => document.visibilityState === "visible" && void this.poll(), POLL_MS);
    window.setInterval(() => this.showReadiness(), 200);
    outdated.addEventListener("outdated", () => void this.poll());
    document.addEventListener("keydown", (event) => this.key(event));
    this.applyUnderground();
    if (this.state.selected !== null) void this.select(this.state.selected);
  }

  get ready(): boolean {
    return this.map !== null && this.map.ready;
  }

  get cityMap(): CityMap | null {
    return this.map;
  }

  /** Gives objects a colour or hides them, until the next call; an empty list undoes it. */
  paint(paints: Record<number, Paint>): void {
    const before = this.style;
    this.style = this.map?.style(paints) ?? null;
    this.draw();
    setTimeout(() => before?.texture.destroy(), 1000);
  }

  private async open(city: City): Promise<void> {
    const [json, infos] = await Promise.all([getScene(), getLayers()]);
    this.scene = new Scene(city, json, infos);
    const title = city.name || t("app.title");
    part("city-name").textContent = title;
    document.title = `${title} · ${t("app.title")}`;
    this.status.showCity(city);
    document.body.classList.toggle("read-only", city.writable === false);
    this.failures = 0;
    this.status.showErrors(0);
    const camera = this.map?.camera ?? this.state.camera ?? firstCamera(this.scene);
    this.scene.groundLevel = await this.scene.groundAt(camera.longitude, camera.latitude);
    if (!this.map) this.startMap(camera, this.scene.groundLevel);
    this.layers.render(this.scene, this.state);
    this.draw();
  }

  private startMap(camera: Camera, ground: number): void {
    if (!QUALITY.canDraw) return this.withoutMap();
    this.map = new CityMap(part("map"), camera, ground, {
      moved: (moved) => this.moved(moved),
      clicked: (picked) => this.clicked(picked),
      hovered: (x, y) => this.hovered(x, y),
      failed: (error) => console.warn(error.message),
      heightAt: (longitude, latitude) => this.groundUnder(longitude, latitude),
      pickGround: (place, zoom, tolerance) => this.scene?.shapeAt(place, zoom, tolerance, this.state) ?? null,
    });
    this.map.onLost(() => this.status.note(t("map.lost"), false));
    this.moved(camera);
    this.map.followGround();
  }

  private groundUnder(longitude: number, latitude: number): number | null {
    const { scene } = this;
    if (!scene) return null;
    const height = scene.heights ? scene.heights.at(longitude, latitude) : scene.flatHeight;
    if (height !== null && Math.abs(height - scene.groundLevel) > 80) {
      scene.groundLevel = height;
      this.draw();
    }
    return height;
  }

  private withoutMap(): void {
    document.body.classList.add("without-map");
    const told = part("no-map");
    told.textContent = t("map.nowebgl");
    told.hidden = false;
  }

  private draw(): void {
    if (!this.scene || !this.map) return;
    const look: Look = {
      dark: this.theme.dark,
      style: this.style,
      attempt: this.attempt,
      onTileError: (error) => this.tileFailed(error),
      onMesh: (mesh) => mesh && this.scene?.learnGround(mesh.bases) && setTimeout(() => this.draw()),
    };
    const isDark = this.theme.dark || this.state.underground || this.scene.imagery(this.state) !== null;
    this.map.draw(this.scene.layers(this.state, look), isDark);
    this.status.showLoading(true);
  }

  private change(changes: Partial<AppState>): void {
    this.state = { ...this.state, ...changes };
    if (this.scene) this.layers.render(this.scene, this.state);
    this.draw();
    this.writeHash();
  }

  private choose(id: string, choice: Partial<{ visible: boolean; opacity: number }>): void {
    const info = this.scene?.infos.find((each) => each.id === id);
    const layers = { ...this.state.layers, [id]: { ...this.state.layers[id], ...choice } };
    this.state = { ...this.state, layers };
    if (choice.visible !== undefined) this.change({});
    this.draw();
    this.writeHash();
    if (choice.visible && info?.underground && !this.state.underground) this.setUnderground(true);
  }

  private setUnderground(underground: boolean): void {
    this.change({ underground });
    this.applyUnderground();
    this.status.note(t(underground ? "underground.on" : "underground.off"));
  }

  private applyUnderground(): void {
    document.body.classList.toggle("underground", this.state.underground);
    this.map?.setUnderground(this.state.underground);
    this.showNavigation();
  }

  private showNavigation(): void {
    const camera = this.map?.camera;
    if (camera) this.navigation.show(camera.bearing, camera.pitch < 5, this.state.underground);
  }

  private moved(camera: Camera): void {
    this.state.camera = camera;
    this.showNavigation();
    this.writeHash();
  }

  private clicked(picked: Picked | null): void {
    void this.select(picked?.oid ?? null);
  }

  private hovered(x: number, y: number): void {
    const place = x >= 0 && y >= 0 ? (this.map?.groundAt(x, y) ?? null) : null;
    this.status.showPlace(place, place && (this.scene?.heights?.at(...place) ?? null));
  }

  private async select(oid: number | null, fly = false): Promise<void> {
    if (this.state.selected !== oid) {
      this.state = { ...this.state, selected: oid };
      this.draw();
      this.writeHash();
    }
    document.body.classList.toggle("has-object", oid !== null);
    if (oid === null) return this.object.hide();
    const object = await this.object.show(oid);
    if (fly && object) await this.flyTo(object);
  }

  private goTo(hit: Hit): void {
    void this.select(hit.oid, true);
  }

  /** Flies so that the object fills a good part of the map. */
  async flyTo(target: Pick<CityObject, "position" | "bbox">): Promise<void> {
    if (!target.position || !this.map) return;
    const [longitude, latitude, z] = target.position;
    const span = target.bbox ? Math.max(target.bbox[2] - target.bbox[0], target.bbox[3] - target.bbox[1]) : 0;
    const zoom = Math.min(Math.max(Math.log2(360 / Math.max(span, 1e-5)) - 1.8, 12), 17.6);
    const pitch = Math.min(Math.max(this.map.camera.pitch, 45), 60);
    const height = this.scene?.heights ? await this.scene.groundAt(longitude, latitude) : z;
    this.map.go({ longitude, latitude, zoom, pitch }, FLY_MS, height);
  }

  private tileFailed(error: Error): void {
    if (error.name === "AbortError") return;
    this.failures++;
    this.status.showErrors(this.failures);
  }

  private retry(): void {
    this.failures = 0;
    this.attempt++;
    this.status.showErrors(0);
    this.draw();
  }

  private showReadiness(): void {
    this.map?.label();
    if (this.map) this.status.showLoading(!this.ready);
  }

  private async poll(): Promise<void> {
    try {
      const city = await getCity();
      if (!this.connected) this.reconnected();
      const shown = this.scene?.city;
      if (shown && (city.id !== shown.id || city.version !== shown.version)) {
        await this.open(city);
        this.status.note(t("statusbar.updated", { version: city.version }));
      }
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 0 && error.status < 500)) return;
      if (this.connected) this.status.showConnection(false);
      this.connected = false;
    }
  }

  private reconnected(): void {
    this.connected = true;
    this.status.showConnection(true);
    if (this.failures > 0) this.retry();
  }

  private writeHash(): void {
    clearTimeout(this.hashTimer);
    this.hashTimer = window.setTimeout(() => this.flushHash(), HASH_MS);
  }

  private flushHash(): void {
    this.written = toHash(this.state);
    history.replaceState(null, "", `#${this.written}`);
  }

  /** Takes over an address that was changed by hand or by the browser's buttons. */
  private follow(): void {
    if (location.hash.slice(1) === this.written) return;
    const before = this.state;
    this.state = fromHash(location.hash);
    if (this.state.language && this.state.language !== language()) this.speak(this.state.language);
    if (this.state.camera) this.map?.go(this.state.camera);
    this.state.camera ??= before.camera;
    this.applyUnderground();
    this.change({});
    const { selected } = this.state;
    this.state.selected = before.selected;
    void this.select(selected);
  }

  private async share(): Promise<void> {
    clearTimeout(this.hashTimer);
    this.state.language ??= language();
    this.flushHash();
    try {
      await navigator.clipboard.writeText(location.href);
      this.status.note(t("tool.shared"));
    } catch {
      this.status.note(t("tool.share.failed"));
    }
  }

  private speak(chosen: "zh" | "en"): void {
    setLanguage(chosen);
    this.state.language = chosen;
    this.head();
    this.search.translate();
    this.object.translate();
    this.navigation.translate();
    this.status.translate();
    if (this.scene) {
      this.layers.render(this.scene, this.state);
      document.title = `${this.scene.city.name || t("app.title")} · ${t("app.title")}`;
    }
  }

  private head(): void {
    const toggle = part("layers-toggle");
    const label = (): void => {
      const hidden = document.body.classList.contains("layers-hidden");
      toggle.setAttribute("aria-expanded", String(!hidden));
      toggle.title = t(hidden ? "layers.show" : "layers.hide");
      toggle.setAttribute("aria-label", toggle.title);
    };
    toggle.onclick = () => {
      document.body.classList.toggle("layers-hidden");
      label();
    };
    label();
    part("skip").textContent = t("app.skip");
    part("map").setAttribute("aria-label", t("map.label"));
    part("layers").setAttribute("aria-label", t("layers.title"));
    part("status").setAttribute("aria-label", t("statusbar.label"));
    headButtons(part("tools"), {
      load: () => location.assign("/load"),
      share: () => void this.share(),
      theme: () => this.theme.toggle(),
      layers: () => toggle.click(),
      language: () => {
        this.speak(language() === "zh" ? "en" : "zh");
        this.writeHash();
      },
    });
  }

  private key(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === "/" && !typing) {
      event.preventDefault();
      this.search.focus();
    } else if (event.key === "Escape" && !typing && this.state.selected !== null) {
      void this.select(null);
    }
  }
}

/** What a class is called in the page's language. */
function className(name: string): string {
  const found = CITY_CLASSES[name];
  return found ? titled(found) : name;
}
