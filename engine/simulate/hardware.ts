// HardwareProfile: what the simulator knows of a cluster: counts, speeds and sizes from data sheets, and how much of a
// peak is reached. It describes machines that need not be there; nothing in it is measured here.
import { UsageError } from '../core/errors.js';
import type { Precision } from '../core/precision.js';
import { suggest } from '../core/suggest.js';

export interface HardwareProfile {
  readonly name: string;
  readonly description: string;
  readonly machines: number;
  /** Devices per machine. */
  readonly perMachine: number;
  /** In which numbers it computes. */
  readonly precision: Precision;
  /** Peak of matrix products in that precision, TFLOP/s. */
  readonly peakTflops: number;
  /** The peak in bf16; null where there are no instructions for it. */
  readonly bf16Tflops: number | null;
  /** Share of the peak that matrix products of these models reach. */
  readonly efficiency: number;
  /** Device memory: speed in GB/s, size in GB. */
  readonly memoryGBs: number;
  readonly memoryGB: number;
  /** To start one kernel; hidden where the device is busy for longer. */
  readonly launchMs: number;
  /** Between two devices of a machine, and between a device and host memory, GB/s one way. */
  readonly linkGBs: number;
  readonly hostLinkGBs: number;
  /** Out of a machine, GB/s one way, shared by its devices. */
  readonly networkGBs: number;
  /** Host memory of a machine: copies in GB/s, shared by its devices, and size in GB. */
  readonly hostCopyGBs: number;
  readonly hostGB: number;
  /** Where the figures come from. */
  readonly source: string;
}

const H100 = {
  perMachine: 8,
  precision: 'fp32',
  peakTflops: 494.7,
  bf16Tflops: 989.4,
  efficiency: 0.4,
  memoryGBs: 3350,
  // 80 GiB.
  memoryGB: 85.9,
  launchMs: 0.01,
  linkGBs: 450,
  hostLinkGBs: 64,
  hostCopyGBs: 100,
  hostGB: 2000,
} as const;
const H100_SOURCE =
  'data sheet of the H100 SXM5 (TF32 and bf16 without sparsity, HBM3, NVLink 4, PCIe 5 x16); assumed: 40 % of the ' +
  'peak, 10 us per kernel, 100 GB/s of host copies, 2 TB of host memory';

const PROFILES: readonly HardwareProfile[] = [
  {
    name: 'paper',
    description: '2 machines x 8 Quadro RTX 5000 (the machines of PipeTransformer)',
    machines: 2,
    perMachine: 8,
    precision: 'fp32',
    peakTflops: 11.2,
    // Turing multiplies halves, no bfloat16.
    bf16Tflops: null,
    // With the memory traffic of the blocks this gives the published 2313 ms for the forward of ViT-B/16 on 320 images.
    efficiency: 0.52,
    memoryGBs: 448,
    // 16 GiB.
    memoryGB: 17.2,
    launchMs: 0.01,
    linkGBs: 15.754,
    hostLinkGBs: 15.754,
    networkGBs: 5,
    hostCopyGBs: 20,
    hostGB: 192,
    source:
      'paper: device count, 16 GiB, PCIe 3.0 x16 (15.754 GB/s), InfiniBand 5 GB/s; data sheet: 11.2 TFLOP/s ' +
      'float32, 448 GB/s; fitted: 52 % of the peak, from the published forward of 320 images in 2313 ms; ' +
      'inferred: 192 GB of host memory, from the published failure of the cache near 550 batches; assumed: ' +
      '10 us per kernel, 20 GB/s of host copies',
  },
  { ...H100, name: 'h100-8', description: '1 machine x 8 H100', machines: 1, networkGBs: 400, source: H100_SOURCE },
  {
    ...H100,
    name: 'cluster-1024',
    description: '128 machines x 8 H100 (1,024 devices)',
    machines: 128,
    networkGBs: 400,
    source: `${H100_SOURCE}, 8 x 400 Gbit/s of network per machine`,
  },
];

export const hardwareNames: readonly string[] = PROFILES.map(({ name }) => name);

/** The profile of that name. Throws a UsageError (PT_SIMULATION). */
export function hardwareProfile(name: string): HardwareProfile {
  const profile = PROFILES.find((candidate) => candidate.name === name);
  if (profile !== undefined) return profile;
  const near = suggest(name, hardwareNames);
  throw new UsageError(
    'PT_SIMULATION',
    `there is no hardware profile "${name}"`,
    near === null ? `Use one of: ${hardwareNames.join(', ')}.` : `Did you mean "${near}"?`,
  );
}

/** The same machines in another precision. Throws a UsageError (PT_SIMULATION) where they have no bf16. */
export function inPrecision(profile: HardwareProfile, precision: Precision): HardwareProfile {
  if (precision === 'fp32') return profile;
  if (profile.bf16Tflops === null) {
    const others = PROFILES.flatMap(({ name, bf16Tflops }) => (bf16Tflops === null ? [] : [name]));
    throw new UsageError(
      'PT_SIMULATION',
      `the devices of the profile ${profile.name} have no instructions for bf16`,
      `Simulate fp32, or other hardware: ${others.join(', ')}.`,
    );
  }
  return {
    ...profile,
    precision,
    peakTflops: profile.bf16Tflops,
    description: `${profile.description}, in bf16`,
  };
}

export const deviceCount = ({ machines, perMachine }: HardwareProfile): number => machines * perMachine;

/**
 * Milliseconds per 10^6 bytes for pipelines of K stages that fill the cluster, consecutive stages on consecutive
 * devices. A stage exchanges its gradients in a ring of its own: where rings leave the machine, they share its network.
 */
export function linkSpeeds(
  hardware: HardwareProfile,
  K: number,
): { readonly transferMsPerMB: number; readonly reduceMsPerMB: number } {
  const { machines, perMachine, linkGBs, networkGBs } = hardware;
  const rings = Math.min(K, perMachine);
  const reduceGBs = machines === 1 ? linkGBs : Math.min(linkGBs, networkGBs / rings);
  return {
    transferMsPerMB: 1 / (K <= perMachine ? linkGBs : Math.min(linkGBs, networkGBs)),
    reduceMsPerMB: 1 / reduceGBs,
  };
}

/** What a device has for training: 1 GB is left to the runtime (the paper gives 867 MiB for one device context). */
export const usableBytes = ({ memoryGB }: HardwareProfile): number => (memoryGB - 1) * 1e9;
