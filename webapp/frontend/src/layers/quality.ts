/** How much the page may ask of the graphics: much less where the processor has to draw. */
export interface Quality {
  /** Whether this browser has WebGL 2 at all. */
  canDraw: boolean;
  smoothEdges: boolean;
  anisotropy: number;
  /** Drawn pixels for each of the screen's. */
  pixelRatio: number;
}

const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;

function detect(): Quality {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2");
  if (!gl) return { canDraw: false, smoothEdges: false, anisotropy: 1, pixelRatio: 1 };
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  const isSoftware = SOFTWARE.test(name);
  return {
    canDraw: true,
    smoothEdges: !isSoftware,
    anisotropy: isSoftware ? 1 : 4,
    pixelRatio: isSoftware ? 1 : Math.min(window.devicePixelRatio, 2),
  };
}

export const QUALITY = detect();
