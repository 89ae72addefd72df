// FindCudaTorch: whether PyTorch can compute on the GPUs of this machine, as far as it shows without trying: its CUDA
// library, a driver that is new enough for it, and a GPU that this process may use.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { env } from 'node:process';
import { readFileStart } from '../../core/bounded-file.js';
import { UsageError } from '../../core/errors.js';
import { findTorch, type TorchFolder } from './find-torch.js';
import { askDriver, type DriverReport } from './nvidia-driver.js';

export interface CudaTorch {
  readonly torch: TorchFolder;
  /** With GPUs. */
  readonly driver: DriverReport;
}

/** What of this process decides whether there is one. */
export interface CudaHost {
  readonly findTorch: () => TorchFolder;
  readonly askDriver: () => DriverReport;
  /** CUDA_VISIBLE_DEVICES. */
  readonly visible: string | undefined;
}

const CUDA_LIBRARY = 'libtorch_cuda.so';
const VERSION_BYTES = 2 ** 16;

/**
 * The PyTorch that `torch-cuda:N` computes with, and the GPUs. Throws a UsageError (PT_DEVICES) that names the one
 * thing that is missing, the GPU first: who has none needs no PyTorch for it.
 */
export function findCudaTorch(
  host: CudaHost = { findTorch: () => findTorch(), askDriver: () => askDriver(), visible: env['CUDA_VISIBLE_DEVICES'] },
): CudaTorch {
  const driver = host.askDriver();
  requireGpus(driver, host.visible);
  const torch = host.findTorch();
  const { folder, version, from } = torch;
  if (!existsSync(join(folder, 'lib', CUDA_LIBRARY)))
    throw new UsageError(
      'PT_DEVICES',
      `the PyTorch of ${from} (${folder}) is ${version}, which has no CUDA library (lib/${CUDA_LIBRARY})`,
      `Run: ${pipOf(torch)} install --upgrade --force-reinstall torch (about 3 GB, with CUDA on Linux).`,
    );
  requireDriver(torch, driver);
  return { torch, driver };
}

function requireGpus({ gpus, installed, problem }: DriverReport, visible: string | undefined): void {
  if (gpus.length > 0) return;
  if (installed !== null && installed > 0 && visible !== undefined)
    throw new UsageError(
      'PT_DEVICES',
      `CUDA_VISIBLE_DEVICES is "${visible}", which hides ${installed === 1 ? 'the GPU' : `all ${installed} GPUs`}`,
      'Run: unset CUDA_VISIBLE_DEVICES; or let it name some by their numbers, from 0.',
    );
  throw new UsageError(
    'PT_DEVICES',
    `PyTorch finds no GPU here: ${problem ?? 'the driver finds none'}`,
    'Run: nvidia-smi; it must list the GPU. Else install its driver, or start the container with --gpus all. ' +
      '--devices cpu:N needs none.',
  );
}

/** A driver knows every minor version of its major version of CUDA. */
function requireDriver(torch: TorchFolder, driver: DriverReport): void {
  const needed = cudaOf(torch.folder);
  if (needed === null || driver.cuda === null || majorOf(driver.cuda) >= majorOf(needed)) return;
  throw new UsageError(
    'PT_DEVICES',
    `the NVIDIA driver${driver.version === null ? '' : ` ${driver.version}`} knows CUDA up to ${driver.cuda}; the ` +
      `PyTorch of ${torch.from} (${torch.version}) is built for CUDA ${needed}`,
    `Install a driver for CUDA ${majorOf(needed)}, or a PyTorch that is built for CUDA ${majorOf(driver.cuda)}.`,
  );
}

const majorOf = (version: string): number => Number.parseInt(version, 10);

/** The version of CUDA that a PyTorch is built for, from its own file; null where it does not tell. */
function cudaOf(folder: string): string | null {
  const file = join(folder, 'version.py');
  if (!existsSync(file)) return null;
  return /^cuda\b[^=]*= ['"](\d+\.\d+)['"]/m.exec(readFileStart(file, VERSION_BYTES).toString('utf8'))?.[1] ?? null;
}

/** The pip that installed it, as a command: that of the environment around ENV/lib/python3.x/site-packages/torch. */
function pipOf({ folder }: TorchFolder): string {
  const python = join(dirname(dirname(dirname(dirname(folder)))), 'bin', 'python');
  return `${existsSync(python) ? python : 'python3'} -m pip`;
}
