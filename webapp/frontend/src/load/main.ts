import "../style.css";
import "./load.css";
import { getCity } from "../api";
import { el, fill, icon, iconButton } from "../dom";
import { language, setLanguage, t, type Language } from "../i18n";
import { Theme } from "../theme";
import { getVocabulary } from "./api";
import { LoadPage } from "./page";

declare global {
  interface Window {
    /** For tests in a browser: whether nothing is at work, and how many features the map shows. */
    cimLoad: { readonly idle: boolean; readonly counts: unknown };
  }
}

const KEY = "cim-language";
const part = (id: string): HTMLElement => document.getElementById(id)!;
const theme = new Theme(() => undefined);

function firstLanguage(): Language {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem(KEY) ?? document.body.dataset.lang;
  return asked === "zh" ? "zh" : "en";
}

function head(name: string, changed: () => void): void {
  part("city-name").textContent = t("load.title", { name });
  document.title = `${t("load.title", { name })} · ${t("app.title")}`;
  part("skip").textContent = t("load.skip");
  const other = (): void => {
    setLanguage(language() === "zh" ? "en" : "zh");
    localStorage.setItem(KEY, language());
    head(name, changed);
    changed();
  };
  fill(
    part("tools"),
    el("a", { class: "button ghost", href: "/", id: "to-city" }, icon("cube"), el("span", {}, t("load.to.city"))),
    iconButton("theme", t("tool.theme"), () => theme.toggle(), { id: "tool-theme" }),
    el(
      "button",
      { type: "button", class: "button ghost language", id: "tool-language", "aria-label": t("tool.language.label"), title: t("tool.language.label"), on: { click: other } },
      t("tool.language"),
    ),
  );
}

async function start(): Promise<void> {
  const told = part("trouble");
  told.hidden = true;
  try {
    const city = await getCity();
    head(city.name, () => undefined);
    if (city.writable === false) throw new Error(t("load.readonly"));
    const page = new LoadPage(city, await getVocabulary(), part("steps"), part("map-part"));
    head(city.name, () => page.render());
    window.cimLoad = {
      get idle() {
        return page.idle;
      },
      get counts() {
        return page.map.counts;
      },
    };
    await page.start();
  } catch (error) {
    console.warn(error);
    const again = el("button", { type: "button", class: "button primary", on: { click: () => void start() } }, t("start.retry"));
    fill(told, el("p", {}, t("start.failed"), " ", error instanceof Error ? error.message : ""), again);
    told.hidden = false;
  }
}

setLanguage(firstLanguage());
void start();
