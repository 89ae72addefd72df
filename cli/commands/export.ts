// pipetrain export: the trained parameters as one file that other programs read.
import { Command, Option } from 'commander';
import { EXPORT_DTYPES, type ExportDType } from '../../engine/checkpoint/export-dtype.js';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import type { CommandContext } from '../session/command-context.js';
import { bytes, count } from '../text/format.js';

interface ExportFlags {
  readonly out: string;
  readonly dtype: ExportDType;
  readonly json?: boolean;
}

export function exportCommand({ io, services, exitWith }: CommandContext): Command {
  return new Command('export')
    .summary('write the trained weights as one safetensors file')
    .description(
      'Writes the parameters of the newest checkpoint of a run as one safetensors file, under their ' +
        'canonical names (0003.layer1.attention.wq), without optimizer states.',
    )
    .argument('<run>', 'run folder')
    .requiredOption('--out <file>', 'the file to write, FILE.safetensors; it must not exist')
    .addOption(
      new Option('--dtype <type>', 'numbers of the file: f32 as the run has them, bf16 or f16 rounded to the nearest')
        .choices(EXPORT_DTYPES)
        .default('f32'),
    )
    .option('--json', 'print the result as one JSON object')
    .addHelpText(
      'after',
      '\nExamples:\n  pipetrain train --model vit --data synthetic:digits --steps 20 --out digits\n  pipetrain ' +
        'export digits --out vit.safetensors\n  pipetrain export digits --dtype bf16 --out vit-bf16.safetensors',
    )
    .action(
      exitWith(async (run: string, options: ExportFlags) => {
        const { dtype } = options;
        const result = await services.exportWeights(RunFolder.open(run), options.out, { dtype });
        if (options.json === true) io.stdout.lines([harmlessJson({ out: options.out, ...result })]);
        else {
          io.stdout.lines([`${options.out}: ${count(result.tensors)} tensors of ${dtype}, ${bytes(result.bytes)}`]);
          io.stdout.lines([`checkpoint  ${result.checkpoint} (step ${count(result.step)})`]);
          const as = dtype === 'f32' ? '' : ', as the run has them in f32';
          io.stdout.lines([`weights     sha256 ${result.weightsSha256.slice(0, 16)}${as}`]);
        }
        return 0;
      }),
    );
}
