import type { Device } from "@luma.gl/core";
import type { StyleTexture } from "./mesh-layer";

export type Paint = [red: number, green: number, blue: number, alpha: number];

const WIDTH = 1024;
const AS_IT_IS = 1;

/** A style in which the objects of `paints` have a colour (alpha 255), or are hidden (alpha 0). */
export function styleTexture(device: Device, paints: Record<number, Paint>): StyleTexture | null {
  const oids = Object.keys(paints).map(Number);
  if (oids.length === 0) return null;
  const height = Math.floor(oids.reduce((most, oid) => Math.max(most, oid), 0) / WIDTH) + 1;
  const data = new Uint8Array(WIDTH * height * 4);
  for (let i = 3; i < data.length; i += 4) data[i] = AS_IT_IS;
  for (const oid of oids) data.set(paints[oid], oid * 4);
  const sampler = { minFilter: "nearest", magFilter: "nearest" } as const;
  return { texture: device.createTexture({ width: WIDTH, height, data, sampler }), width: WIDTH, height };
}
