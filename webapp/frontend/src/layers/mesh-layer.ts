import { Layer, picking, project32, type LayerProps, type PickingInfo, type UpdateParameters } from "@deck.gl/core";
import type { Buffer, Texture } from "@luma.gl/core";
import { Model } from "@luma.gl/engine";
import type { MeshTile } from "./glb";

export interface StyleTexture {
  /** RGBA by object id, row by row; alpha 0 hides, 1 keeps the colour, more blends it in. */
  texture: Texture;
  width: number;
  height: number;
}

type OwnProps = {
  mesh: MeshTile;
  /** Object drawn in `selectedColor`; 0 is none. */
  selectedOid?: number;
  selectedColor?: [number, number, number];
  style?: StyleTexture | null;
};

export type CimMeshLayerProps = OwnProps & LayerProps;

interface MeshState {
  model: Model;
  buffers: Buffer[];
  blank: Texture;
  [key: string]: unknown;
}

const uniformBlock = `\
layout(std140) uniform cimMeshUniforms {
  uint selectedOid;
  vec2 styleSize;
  vec3 selectedColor;
} cimMesh;
`;

const cimMesh = {
  name: "cimMesh",
  vs: uniformBlock,
  uniformTypes: { selectedOid: "u32", styleSize: "vec2<f32>", selectedColor: "vec3<f32>" },
} as const;

const vs = `#version 300 es
#define SHADER_NAME cim-mesh-vs
in vec3 positions;
in vec4 normals;
in vec4 colors;
in uint featureIds;
in uint oids;
in float lifts;
uniform sampler2D styleTexture;
out vec4 vColor;

const vec3 SUN = normalize(vec3(-0.45, -0.6, 0.85));

void main(void) {
  geometry.worldPosition = positions;
  uint code = featureIds + 1u;
  geometry.pickingColor = vec3(float(code & 255u), float((code >> 8) & 255u), float((code >> 16) & 255u));
  gl_Position = project_position_to_clipspace(positions, vec3(0.0), vec3(0.0), geometry.position);
  geometry.normal = project_normal(normals.xyz);
  DECKGL_FILTER_GL_POSITION(gl_Position, geometry);

  vec4 base = colors;
  bool hidden = false;
  uint width = uint(cimMesh.styleSize.x);
  if (width > 0u && oids / width < uint(cimMesh.styleSize.y)) {
    vec4 style = texelFetch(styleTexture, ivec2(int(oids % width), int(oids / width)), 0);
    hidden = style.a == 0.0;
    if (style.a > 0.006) base = vec4(mix(base.rgb, style.rgb, style.a), base.a);
  }
  if (cimMesh.selectedOid != 0u && oids == cimMesh.selectedOid) base = vec4(cimMesh.selectedColor, 1.0);

  float lambert = max(dot(normals.xyz, SUN), 0.0);
  float sky = 0.5 + 0.5 * normals.z;
  // walls darken towards the ground, as they do where little sky reaches them
  float rise = mix(0.84, 1.0, smoothstep(0.0, 14.0, lifts));
  float light = (0.55 + 0.13 * sky + 0.40 * lambert) * rise;
  vColor = vec4(base.rgb * light, base.a);
  DECKGL_FILTER_COLOR(vColor, geometry);
  if (hidden) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}
`;

const fs = `#version 300 es
#define SHADER_NAME cim-mesh-fs
precision highp float;
in vec4 vColor;
out vec4 fragColor;

void main(void) {
  fragColor = vec4(vColor.rgb, vColor.a * layer.opacity);
  DECKGL_FILTER_COLOR(fragColor, geometry);
}
`;

const defaultProps = {
  mesh: { type: "object", value: null, compare: false },
  selectedOid: 0,
  selectedColor: { type: "array", value: [235, 30, 110] },
  style: { type: "object", value: null, optional: true },
};

/** Draws one mesh tile with flat light; a pick tells the city object. */
export class CimMeshLayer extends Layer<Required<OwnProps>> {
  static override layerName = "CimMeshLayer";
  static override defaultProps = defaultProps as never;
  declare state: MeshState;

  override getShaders() {
    return super.getShaders({ vs, fs, modules: [project32, picking, cimMesh] });
  }

  override initializeState(): void {
    this.getAttributeManager()?.remove(["instancePickingColors"]);
    const blank = this.context.device.createTexture({ width: 1, height: 1, data: new Uint8Array(4) });
    this.setState({ blank });
  }

  override updateState(params: UpdateParameters<this>): void {
    super.updateState(params);
    if (params.props.mesh !== params.oldProps.mesh || params.changeFlags.extensionsChanged) {
      this.release();
      this.setState(this.build(params.props.mesh));
    }
  }

  override getBounds(): [number[], number[]] | null {
    return null;
  }

  private build(mesh: MeshTile): Pick<MeshState, "model" | "buffers"> {
    const { device } = this.context;
    const attributes = {
      positions: device.createBuffer({ data: mesh.positions }),
      normals: device.createBuffer({ data: mesh.normals }),
      colors: device.createBuffer({ data: mesh.colors }),
      featureIds: device.createBuffer({ data: mesh.featureIds }),
      oids: device.createBuffer({ data: mesh.oids }),
      lifts: device.createBuffer({ data: mesh.lifts }),
    };
    const indexBuffer = device.createBuffer({ usage: 16, indexType: "uint32", data: mesh.indices });
    const model = new Model(device, {
      ...this.getShaders(),
      id: this.props.id,
      topology: "triangle-list",
      bufferLayout: [
        { name: "positions", format: "float32x3" },
        { name: "normals", format: "snorm8x4" },
        { name: "colors", format: "unorm8x4" },
        { name: "featureIds", format: "uint32" },
        { name: "oids", format: "uint32" },
        { name: "lifts", format: "float32" },
      ],
      attributes,
      indexBuffer,
      vertexCount: mesh.indices.length,
      isInstanced: false,
    });
    return { model, buffers: [...Object.values(attributes), indexBuffer] };
  }

  override draw(): void {
    const { selectedOid, selectedColor, style } = this.props;
    const { model, blank } = this.state;
    model.shaderInputs.setProps({
      cimMesh: {
        selectedOid,
        styleSize: [style?.width ?? 0, style?.height ?? 0],
        selectedColor: selectedColor.map((value) => value / 255),
      },
    });
    model.setBindings({ styleTexture: style?.texture ?? blank });
    model.draw(this.context.renderPass);
  }

  override getPickingInfo({ info }: { info: PickingInfo }): PickingInfo {
    if (info.index >= 0) info.object = { oid: this.props.mesh.featureOids[info.index] ?? null };
    return info;
  }

  override finalizeState(context: Parameters<Layer["finalizeState"]>[0]): void {
    super.finalizeState(context);
    this.release();
    this.state.blank?.destroy();
  }

  private release(): void {
    this.state.model?.destroy();
    for (const buffer of this.state.buffers ?? []) buffer.destroy();
  }
}
