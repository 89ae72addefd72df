// GpuFinding: PyTorch and the GPUs of this machine in words: what there is, or what is missing and what mends it.
import { toErrorRecord } from '../../core/errors.js';
import { type CudaTorch, findCudaTorch } from './find-cuda-torch.js';
import { findTorch, type TorchFolder } from './find-torch.js';
import { askDriver, type DriverReport, type Gpu } from './nvidia-driver.js';

export interface GpuFinding {
  /** Whether all GPUs that there are can be used; a machine without has no problem. */
  readonly isFine: boolean;
  readonly found: string;
  /** What to do where it is not fine. */
  readonly remedy: string;
}

/** What the finding depends on; that of this machine unless a test hands in its own. */
export interface GpuPlace {
  readonly askDriver: () => DriverReport;
  readonly findTorch: () => TorchFolder;
  readonly findCudaTorch: () => CudaTorch;
}
const here: GpuPlace = {
  askDriver: () => askDriver(),
  findTorch: () => findTorch(),
  findCudaTorch: () => findCudaTorch(),
};

export function gpuFinding(place: GpuPlace = here): GpuFinding {
  const { gpus, installed, problem } = place.askDriver();
  if (gpus.length === 0 && (installed ?? 0) === 0)
    return { isFine: true, found: `none: ${problem ?? 'the driver finds none'}; ${torchIn(place)}`, remedy: '' };
  try {
    return { isFine: true, found: cudaText(place.findCudaTorch()), remedy: '' };
  } catch (error) {
    const { message, hint } = toErrorRecord(error);
    const some = gpus.length > 0 ? gpusText(gpus) : `${installed} in the machine`;
    return { isFine: false, found: `${some}, not usable: ${message}`, remedy: hint };
  }
}

function torchIn(place: GpuPlace): string {
  try {
    return torchText(place.findTorch());
  } catch {
    return 'no PyTorch either, and none is needed';
  }
}

/** E.g. `PyTorch 2.11.0+cu130 (VIRTUAL_ENV, /home/a/env/lib/python3.12/site-packages/torch)`. */
export const torchText = ({ version, from, folder }: TorchFolder): string => `PyTorch ${version} (${from}, ${folder})`;

/** What computes on GPUs here: PyTorch, the GPUs, the driver. */
export const cudaText = ({ torch, driver }: CudaTorch): string =>
  `${gpusText(driver.gpus)}, driver ${driver.version ?? 'of unknown version'}` +
  `${driver.cuda === null ? '' : ` (CUDA ${driver.cuda})`}, ${torchText(torch)}`;

/** E.g. `2 x NVIDIA H200 (150.0 GB)`. */
function gpusText(gpus: readonly Gpu[]): string {
  const kinds = new Map<string, number>();
  for (const { name, memoryBytes } of gpus) {
    const text = `${name} (${(memoryBytes / 1e9).toFixed(1)} GB)`;
    kinds.set(text, (kinds.get(text) ?? 0) + 1);
  }
  return [...kinds].map(([text, count]) => (count === 1 ? text : `${count} x ${text}`)).join(', ');
}
