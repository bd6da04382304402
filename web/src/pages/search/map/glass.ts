/** Draws points by WebGL: round dots, one call for all of them. */
import { type At, type Size, unitPx, type View } from "./view";

export type Rgba = readonly [number, number, number, number];

export interface Dots {
  points: readonly At[];
  colours: readonly Rgba[];
  /** Across, in px of CSS. */
  sizePx: number;
  active: Rgba;
}

export interface Glass {
  draw: (view: View, size: Size, active: number | null) => void;
  destroy: () => void;
}

const VERTEX = `
attribute vec2 at;
attribute vec3 colour;
uniform vec2 middle;
uniform vec2 scale;
uniform mediump float size;
uniform vec4 over;
varying vec3 tint;
void main() {
  gl_Position = vec4((at - middle) * scale, 0.0, 1.0);
  gl_PointSize = size;
  tint = mix(colour, over.rgb, over.a);
}`;
const FRAGMENT = `
precision mediump float;
uniform mediump float size;
varying vec3 tint;
void main() {
  float inside = (1.0 - 2.0 * length(gl_PointCoord - 0.5)) * size / 2.0;
  float alpha = 0.85 * clamp(inside, 0.0, 1.0);
  gl_FragColor = vec4(tint * alpha, alpha);
}`;
const NOTHING: Rgba = [0, 0, 0, 0];

function linked(gl: WebGLRenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind);
    if (!shader) continue; // the context is lost: nothing is drawn until it comes back
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

function fill(gl: WebGLRenderingContext, program: WebGLProgram, name: string, width: number, values: Float32Array): WebGLBuffer {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  const place = gl.getAttribLocation(program, name);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, width, gl.FLOAT, false, 0, 0);
  return buffer;
}

/** null: this browser has no WebGL. */
export function openGlass(canvas: HTMLCanvasElement, dots: Dots): Glass | null {
  const gl = canvas.getContext("webgl", { antialias: false });
  if (!gl) return null;
  const program = linked(gl);
  gl.useProgram(program);
  const buffers = [
    fill(gl, program, "at", 2, new Float32Array(dots.points.flatMap(([x, y]) => [x, y]))),
    fill(gl, program, "colour", 3, new Float32Array(dots.colours.flatMap(([red, green, blue]) => [red, green, blue]))),
  ];
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const uniform = (name: string) => gl.getUniformLocation(program, name);
  const [middle, scale, size, over] = [uniform("middle"), uniform("scale"), uniform("size"), uniform("over")];
  return {
    draw: (view, box, active) => {
      const ratio = window.devicePixelRatio || 1;
      [canvas.width, canvas.height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
      gl.viewport(0, 0, canvas.width, canvas.height);
      const unit = unitPx(view, box);
      gl.uniform2f(middle, view.x, view.y);
      gl.uniform2f(scale, (2 * unit) / box.width, (2 * unit) / box.height);
      gl.uniform1f(size, dots.sizePx * ratio);
      gl.uniform4f(over, ...NOTHING);
      gl.drawArrays(gl.POINTS, 0, dots.points.length);
      if (active === null) return;
      gl.uniform1f(size, (dots.sizePx + 4) * ratio);
      gl.uniform4f(over, ...dots.active);
      gl.drawArrays(gl.POINTS, active, 1);
    },
    destroy: () => {
      buffers.forEach((buffer) => gl.deleteBuffer(buffer));
      gl.deleteProgram(program); // the canvas and its context may be drawn on again
    },
  };
}
