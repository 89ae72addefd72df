// What the language of WebGPU's shaders, WGSL, lets a device compute more roughly than to the last bits. No built-in
// model uses these ops.
const SINE = 2 ** -11;
const ARC = 6.77e-5;

/** Largest errors by op. */
export const WGSL_ROUGH: Readonly<Record<string, number>> = {
  Sin: SINE,
  Cos: SINE,
  Tan: 2 * SINE,
  Acos: ARC,
  Asin: ARC,
  Atan: ARC,
  Atan2: ARC,
};
