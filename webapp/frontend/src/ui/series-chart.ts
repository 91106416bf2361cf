import { getDatastreams, getObservations, type Datastream, type Observations } from "../api";
import { el, fill } from "../dom";
import { moment, number, t } from "../i18n";
import { unitText } from "./values";

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 120;
const POINTS = 1200;

/** A section with a line for each time series of an object; null where it has none. */
export async function seriesSection(oid: number, signal: AbortSignal): Promise<HTMLElement | null> {
  const streams = await getDatastreams(oid, signal);
  const first = streams[0];
  if (!first) return null;
  const stage = el("div", { class: "series-stage", "aria-live": "polite" });
  const show = (stream: Datastream): void => {
    fill(stage, el("p", { class: "quiet" }, t("object.loading")));
    getObservations(stream.datastream, POINTS, signal)
      .then((observed) => fill(stage, chart(stream, observed)))
      .catch(() => signal.aborted || fill(stage, el("p", { class: "quiet" }, t("series.failed"))));
  };
  const choice = el(
    "select",
    { class: "series-choice", "aria-label": t("series.choose") },
    ...streams.map((stream, at) => el("option", { value: at }, label(stream))),
  );
  choice.addEventListener("change", () => show(streams[Number(choice.value)] ?? first));
  show(first);
  const title = el("summary", {}, `${t("series.title")} (${number(streams.length)})`);
  return el("details", { class: "section series", open: true }, title, streams.length > 1 && choice, stage);
}

function label(stream: Datastream): string {
  const unit = unitText(stream.unit);
  return unit ? `${stream.observed_property} [${unit}]` : stream.observed_property;
}

function chart(stream: Datastream, observed: Observations): HTMLElement {
  const known = observed.results.filter((value): value is number => value !== null);
  const start = observed.times[0];
  const end = observed.times[observed.times.length - 1];
  if (known.length === 0 || start === undefined || end === undefined) {
    return el("p", { class: "quiet" }, t("series.empty"));
  }
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(high - low || 1)), 0), 6);
  const told = (value: number): string =>
    stream.categories[value] ?? `${number(value, digits)} ${unitText(stream.unit)}`.trim();
  const x = (time: number): number => (WIDTH * (time - start)) / (end - start || 1);
  const y = (value: number): number => HEIGHT - 4 - ((HEIGHT - 8) * (value - low)) / (high - low || 1);
  const words = t("series.told", {
    name: stream.observed_property,
    low: told(low),
    high: told(high),
    count: number(observed.count),
  });
  const readout = el("p", { class: "series-readout" }, words);
  const picture = svg(path(observed, x, y), words);
  picture.addEventListener("pointermove", (event) => {
    const box = picture.getBoundingClientRect();
    const at = nearest(observed.times, start + ((event.clientX - box.left) / box.width) * (end - start));
    const value = observed.results[at] ?? null;
    const time = moment(new Date(observed.times[at] ?? start).toISOString());
    readout.textContent = `${time}: ${value === null ? t("value.unknown") : told(value)}`;
  });
  picture.addEventListener("pointerleave", () => (readout.textContent = words));
  return el(
    "div",
    { class: "series-chart" },
    el("div", { class: "series-scale" }, el("span", {}, `↑ ${told(high)}`), el("span", {}, `↓ ${told(low)}`)),
    picture,
    el("div", { class: "series-span" }, el("span", {}, day(start)), el("span", {}, day(end))),
    readout,
  );
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** The line, broken where there is no result. */
function path(observed: Observations, x: (time: number) => number, y: (value: number) => number): string {
  let drawn = "";
  let pen = "M";
  observed.times.forEach((time, at) => {
    const value = observed.results[at] ?? null;
    if (value === null) {
      pen = "M";
      return;
    }
    drawn += `${pen}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = "L";
  });
  return drawn;
}

function svg(line: string, words: string): SVGSVGElement {
  const picture = document.createElementNS(SPACE, "svg");
  picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", words);
  const drawn = document.createElementNS(SPACE, "path");
  drawn.setAttribute("d", line);
  picture.append(drawn);
  return picture;
}

/** The place of the moment that is nearest to `time`, by halving. */
function nearest(times: number[], time: number): number {
  let low = 0;
  let high = times.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) < time) low = middle;
    else high = middle;
  }
  return time - (times[low] ?? 0) < (times[high] ?? 0) - time ? low : high;
}
