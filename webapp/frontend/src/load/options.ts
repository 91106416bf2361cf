/** Reading options with a fix, and without it again. */
import type { Options } from "./api";

const isTable = (value: unknown): value is Options => typeof value === "object" && value !== null && !Array.isArray(value);

export function merged(options: Options, fix: Options): Options {
  const result = { ...options };
  for (const [name, value] of Object.entries(fix)) {
    const own = result[name];
    result[name] = isTable(own) && isTable(value) ? { ...own, ...value } : value;
  }
  return result;
}

export function without(options: Options, fix: Options): Options {
  const result = { ...options };
  for (const [name, value] of Object.entries(fix)) {
    const own = result[name];
    if (isTable(own) && isTable(value)) {
      const rest = Object.fromEntries(Object.entries(own).filter(([key]) => !(key in value)));
      if (Object.keys(rest).length) result[name] = rest;
      else delete result[name];
    } else delete result[name];
  }
  return result;
}
