import { Layer, picking, project32, type LayerProps, type UpdateParameters } from "@deck.gl/core";
import type { Buffer, Texture } from "@luma.gl/core";
import { Model } from "@luma.gl/engine";
import { QUALITY } from "./quality";
import type { TerrainMesh } from "./terrain-mesh";

type OwnProps = {
  mesh: TerrainMesh;
  /** What is seen from above; null is a plain colour. */
  image: OffscreenCanvas | null;
  /** Whether the image is a photograph, which has its own light. */
  isPhotograph?: boolean;
  /** Colour of the ground where there is no image, 0..255. */
  groundColor?: [number, number, number];
};

export type TerrainMeshLayerProps = OwnProps & LayerProps;

interface TerrainState {
  model: Model;
  buffers: Buffer[];
  texture: Texture;
  [key: string]: unknown;
}

const uniformBlock = `\
layout(std140) uniform cimTerrainUniforms {
  vec3 groundColor;
  float imageShare;
  float relief;
} cimTerrain;
`;

const cimTerrain = {
  name: "cimTerrain",
  vs: uniformBlock,
  fs: uniformBlock,
  uniformTypes: { groundColor: "vec3<f32>", imageShare: "f32", relief: "f32" },
} as const;

const vs = `#version 300 es
#define SHADER_NAME cim-terrain-vs
in vec3 positions;
in vec4 normals;
in vec2 texCoords;
out vec2 vTexCoord;
out float vLight;
out float vSkirt;

const vec3 SUN = normalize(vec3(-0.45, 0.6, 0.75));

void main(void) {
  geometry.worldPosition = positions;
  geometry.pickingColor = vec3(1.0, 0.0, 0.0);
  gl_Position = project_position_to_clipspace(positions, vec3(0.0), vec3(0.0), geometry.position);
  geometry.normal = project_normal(normals.xyz);
  DECKGL_FILTER_GL_POSITION(gl_Position, geometry);
  vTexCoord = texCoords;
  vLight = dot(normalize(normals.xyz), SUN) / SUN.z;
  vSkirt = normals.w;
  vec4 color = vec4(1.0);
  DECKGL_FILTER_COLOR(color, geometry);
}
`;

const fs = `#version 300 es
#define SHADER_NAME cim-terrain-fs
precision highp float;
uniform sampler2D imageTexture;
in vec2 vTexCoord;
in float vLight;
in float vSkirt;
out vec4 fragColor;

void main(void) {
  // through a translucent ground the skirts would show as walls
  if (vSkirt > 0.001 && layer.opacity < 0.99) discard;
  geometry.uv = vTexCoord;
  vec4 image = texture(imageTexture, vTexCoord);
  vec3 base = mix(cimTerrain.groundColor, image.rgb, cimTerrain.imageShare);
  float shade = mix(1.0, clamp(vLight, 0.55, 1.25), cimTerrain.relief);
  fragColor = vec4(base * shade, 1.0);
  DECKGL_FILTER_COLOR(fragColor, geometry);
  fragColor.a *= layer.opacity;
}
`;

const defaultProps = {
  mesh: { type: "object", value: null, compare: false },
  image: { type: "object", value: null, optional: true, compare: false },
  isPhotograph: false,
  groundColor: { type: "array", value: [226, 228, 224] },
};

/** Draws one tile of ground: an aerial image, or a plain shaded colour. */
export class TerrainMeshLayer extends Layer<Required<OwnProps>> {
  static override layerName = "TerrainMeshLayer";
  static override defaultProps = defaultProps as never;
  declare state: TerrainState;

  override getShaders() {
    return super.getShaders({ vs, fs, modules: [project32, picking, cimTerrain] });
  }

  override initializeState(): void {
    this.getAttributeManager()?.remove(["instancePickingColors"]);
  }

  override updateState(params: UpdateParameters<this>): void {
    super.updateState(params);
    const { props, oldProps, changeFlags } = params;
    if (props.mesh !== oldProps.mesh || changeFlags.extensionsChanged) {
      this.release();
      this.setState(this.build(props.mesh));
    }
    if (props.image !== oldProps.image || !this.state.texture) {
      this.state.texture?.destroy();
      this.setState({ texture: this.upload(props.image) });
    }
  }

  private upload(image: OffscreenCanvas | null): Texture {
    const { device } = this.context;
    if (!image) return device.createTexture({ width: 1, height: 1, data: new Uint8Array(4) });
    const { width, height } = image;
    const texture = device.createTexture({
      width,
      height,
      mipLevels: device.getMipLevelCount(width, height),
      sampler: { minFilter: "linear", magFilter: "linear", mipmapFilter: "linear", maxAnisotropy: QUALITY.anisotropy },
    });
    texture.copyExternalImage({ image });
    texture.generateMipmapsWebGL();
    return texture;
  }

  private build(mesh: TerrainMesh): Pick<TerrainState, "model" | "buffers"> {
    const { device } = this.context;
    const attributes = {
      positions: device.createBuffer({ data: mesh.positions }),
      normals: device.createBuffer({ data: mesh.normals }),
      texCoords: device.createBuffer({ data: mesh.texCoords }),
    };
    const indexBuffer = device.createBuffer({ usage: 16, indexType: "uint32", data: mesh.indices });
    const model = new Model(device, {
      ...this.getShaders(),
      id: this.props.id,
      topology: "triangle-list",
      bufferLayout: [
        { name: "positions", format: "float32x3" },
        { name: "normals", format: "snorm8x4" },
        { name: "texCoords", format: "float32x2" },
      ],
      attributes,
      indexBuffer,
      vertexCount: mesh.indices.length,
      isInstanced: false,
    });
    return { model, buffers: [...Object.values(attributes), indexBuffer] };
  }

  override draw(): void {
    const { model, texture } = this.state;
    model.shaderInputs.setProps({
      cimTerrain: {
        groundColor: this.props.groundColor.map((value) => value / 255),
        imageShare: this.props.image ? 1 : 0,
        relief: this.props.isPhotograph ? 0.25 : 1,
      },
    });
    model.setBindings({ imageTexture: texture });
    model.draw(this.context.renderPass);
  }

  override finalizeState(context: Parameters<Layer["finalizeState"]>[0]): void {
    super.finalizeState(context);
    this.release();
    this.state.texture?.destroy();
  }

  private release(): void {
    this.state.model?.destroy();
    for (const buffer of this.state.buffers ?? []) buffer.destroy();
  }
}
