// pipetrain export: the trained parameters as one file, or as a folder that `transformers` loads.
import { Command, Option } from 'commander';
import { EXPORT_DTYPES, type ExportDType } from '../../engine/checkpoint/export-dtype.js';
import type { ExportedWeights } from '../../engine/checkpoint/export-weights.js';
import { harmlessJson } from '../../engine/core/harmless-text.js';
import { RunFolder } from '../../engine/run/run-folder.js';
import { addConfigFlags } from '../config/config-flags.js';
import { askedRun, PLACES } from '../session/asked-run.js';
import type { CommandContext } from '../session/command-context.js';
import { bytes, count } from '../text/format.js';

interface ExportFlags {
  readonly out: string;
  readonly format: 'safetensors' | 'hf';
  readonly dtype: ExportDType;
  readonly json?: boolean;
}

export function exportCommand({ io, services, exitWith }: CommandContext): Command {
  const command = new Command('export')
    .summary('write the trained weights for other programs')
    .description(
      'Writes the parameters of the newest checkpoint of a run as one safetensors file, under their ' +
        'canonical names (0003.layer1.attention.wq), without optimizer states; with --format hf, as a folder that ' +
        'transformers loads: a run that started from hf:DIR, with the names of its family, its classes and tokenizer.',
    )
    .argument('<run>', 'run folder')
    .requiredOption('--out <file>', 'FILE.safetensors, or the folder of --format hf; it must not exist')
    .addOption(
      new Option('--format <format>', 'safetensors: one file; hf: a folder for transformers')
        .choices(['safetensors', 'hf'])
        .default('safetensors'),
    )
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
    );
  return addConfigFlags(command, PLACES).action(
    exitWith(async (run: string, options: ExportFlags) => {
      const { dtype, format } = options;
      const exported = async (): Promise<ExportedWeights> => {
        if (format === 'safetensors') return services.exportWeights(RunFolder.open(run), options.out, { dtype });
        const { point, config } = await askedRun({ io, services }, command, run);
        return services.exportTransformers(point, config, options.out, dtype);
      };
      const result = await exported();
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
